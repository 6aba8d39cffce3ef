import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../../src/queries/errors/groups.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('fingerprint')
})
afterAll(() => database.drop())

describe('the fingerprint of a message', () => {
  const same: [why: string, one: string, other: string, fingerprint: string][] = [
    [
      'a UUID',
      'run 0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57 lost',
      'run 9CDFB439-C876-4E60-8195-C28FE5479A0B lost',
      'run <id> lost',
    ],
    [
      'hexadecimal',
      'object deadbeef01 at 0x7ffe',
      'object 0badcafe99 at 0x1',
      'object <id> at <id>',
    ],
    [
      'an id of letters and digits',
      'request req_8fKz92LmQ1 failed',
      'request req_9aBc71XyZ2 failed',
      'request req_<id> failed',
    ],
    [
      'numbers',
      'position 12 of 4,096 in 1.5',
      'position 7 of 90 in 22',
      'position <n> of <n> in <n>',
    ],
    ['a number with its unit', 'took 800 ms', 'took 1.2s', 'took <n>'],
    ['a span in several units', 'after 1m 30s, gave up', 'after 2h, gave up', 'after <n>, gave up'],
    ['percent', 'disk 93% full', 'disk 100 % full', 'disk <n> full'],
    ['a number within a name', 'user_17 unknown', 'user_4 unknown', 'user_<n> unknown'],
    ['an address', 'connect 10.0.0.7:443', 'connect 192.168.1.20:5432', 'connect <n>'],
    [
      'an instant',
      'expired 2026-11-20T00:00:00.000Z ago',
      'expired 2026-01-02 03:04 ago',
      'expired <time> ago',
    ],
    [
      'an email address',
      'no mailbox ann@example.com here',
      'no mailbox b.c+d@mail.example.org here',
      'no mailbox <email> here',
    ],
    [
      'quoted parts',
      `no column "a b" in 'x'`,
      `no column "it's \\" c" in 'it's'`,
      'no column <quoted> in <quoted>',
    ],
    [
      'other quotes',
      'tool `a` says “no” «non» 「いいえ」',
      'tool `b` says “x y” «z» 「は」',
      'tool <quoted> says <quoted> <quoted> <quoted>',
    ],
    [
      'an apostrophe, which is no quote',
      `can't find 'a' in it`,
      `can't find 'b c' in it`,
      `can't find <quoted> in it`,
    ],
    ['white space', '  a   b\tc ', 'a b c', 'a b c'],
    ['later lines', 'fatal: x\n  at a.js:1', 'fatal: x\r\n  at b.js:22\n', 'fatal: x'],
    ['letters of other scripts', '错误 12 发生', '错误 7 发生', '错误 <n> 发生'],
  ]
  it.each(same)('leaves out %s', async (_, one, other, fingerprint) => {
    const [row] = await database.sql(
      `select ${fingerprintOf('$1::text')} as one, ${fingerprintOf('$2::text')} as other`,
      [one, other],
    )
    expect([row?.one, row?.other]).toEqual([fingerprint, fingerprint])
  })

  const different: [one: string, other: string][] = [
    ['token expired', 'token missing'],
    ['401 token expired', '401 session expired'],
    ['tool GMAIL failed', 'tool HUBSPOT failed'],
    ['defaced cabbage', 'effaced cabbage'],
    [`users' rights`, `users' roles`],
    ['5 steps failed', '5 tools failed'],
  ]
  it.each(different)('%s is not %s', async (one, other) => {
    const [row] = await database.sql(
      `select ${fingerprintOf('$1::text')} = ${fingerprintOf('$2::text')} as same`,
      [one, other],
    )
    expect(row?.same).toBe(false)
  })

  it('is at most 200 characters for a message of any length', async () => {
    const [row] = await database.sql(`select ${fingerprintOf(`repeat('word ', 500000)`)} as it`)
    expect(row?.it).toBe('word '.repeat(40))
  })
})
