import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { WfstoreError } from '../../../src/error.ts'
import type { AuditEntry, AuditFilter } from '../../../src/queries/audit/audit.ts'
import { type AuditFollow, followAudit } from '../../../src/queries/audit/follow.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { onLayout } from '../../support/on-layout.ts'

let database: TestDatabase
let reader: pg.Client
let writers: pg.Client[]
const run = onLayout((statement, shape) => query(reader, statement, shape))

beforeAll(async () => {
  database = await createMigrated('follow')
  reader = await database.connect()
  writers = await Promise.all([1, 2, 3].map(() => database.connect()))
})
beforeEach(() => database.sql('delete from audit_logs'))
afterAll(async () => {
  for (const client of [reader, ...writers]) await client.end()
  await database.drop()
})

const writer = (index: number) => writers[index] as pg.Client
const names = (entries: AuditEntry[]) => entries.map(({ actionDetails }) => actionDetails)
const insert = (name: string, more: Record<string, string> = {}) => {
  const columns = { user_id: `'u'`, action_type: `'a'`, action_details: `'${name}'`, ...more }
  return `insert into audit_logs (${Object.keys(columns)}) values (${Object.values(columns)})`
}
async function started(filter: AuditFilter = {}, limit = 10): Promise<AuditFollow> {
  const follow = followAudit(run, filter)
  await follow.start(limit)
  return follow
}

it('begins with the newest entries, oldest first, and continues with entries that are committed later', async () => {
  for (const name of ['one', 'two', 'three']) await database.sql(insert(name))
  const follow = followAudit(run, {})
  expect(names(await follow.start(2))).toEqual(['two', 'three'])
  expect(await follow.poll()).toEqual([])
  for (const name of ['four', 'five']) await database.sql(insert(name))
  expect(names(await follow.poll())).toEqual(['four', 'five'])
  expect(await follow.poll()).toEqual([])
})

it('an entry appears when its transaction commits, even after newer entries', async () => {
  const follow = await started()
  await writer(0).query('begin')
  await writer(0).query(insert('old'))
  await writer(1).query(insert('new'))
  expect(names(await follow.poll())).toEqual(['new'])
  await writer(1).query(insert('newer'))
  expect(names(await follow.poll())).toEqual(['newer'])
  await writer(0).query('commit')
  expect(names(await follow.poll())).toEqual(['old'])
  expect(await follow.poll()).toEqual([])
})

it('entries of a transaction that was open at the start are new, entries that were committed by then are not', async () => {
  await writer(0).query('begin')
  await writer(0).query(insert('open'))
  await writer(1).query(insert('there'))
  const follow = followAudit(run, {})
  expect(names(await follow.start(10))).toEqual(['there'])
  expect(await follow.poll()).toEqual([])
  await writer(0).query('commit')
  expect(names(await follow.poll())).toEqual(['open'])
})

it('entries from before the start are not new, even if the start does not show all of them', async () => {
  await writer(0).query('begin')
  await writer(0).query(insert('open'))
  for (const name of ['one', 'two', 'three']) await writer(1).query(insert(name))
  const follow = followAudit(run, {})
  expect(names(await follow.start(1))).toEqual(['three'])
  expect(await follow.poll()).toEqual([])
  await writer(0).query('commit')
  expect(names(await follow.poll())).toEqual(['open'])
})

it('rows of savepoints appear once, when they are committed; rows that were rolled back never appear', async () => {
  const follow = await started()
  for (const text of ['begin', insert('kept'), 'savepoint s', insert('inner'), 'release s'])
    await writer(0).query(text)
  for (const text of ['savepoint s', insert('undone'), 'rollback to s']) await writer(0).query(text)
  await writer(1).query(insert('beside'))
  expect(names(await follow.poll())).toEqual(['beside'])
  await writer(0).query('commit')
  expect(names(await follow.poll()).sort()).toEqual(['inner', 'kept'])
  expect(await follow.poll()).toEqual([])
})

it('an entry may be 5 minutes older than its transaction, however long that has been open', async () => {
  const follow = await started()
  await writer(0).query('begin')
  await writer(0).query('select now()')
  for (const name of ['one', 'two', 'three']) {
    await database.sql(insert(name))
    expect(names(await follow.poll())).toEqual([name])
  }
  await writer(0).query(insert('late', { timestamp: `now() - interval '5 minutes'` }))
  await writer(0).query('commit')
  expect(names(await follow.poll())).toEqual(['late'])
})

it('an import of old entries is not followed', async () => {
  const follow = await started()
  await database.sql(insert('imported', { timestamp: `now() - interval '1 day'` }))
  await database.sql(insert('new'))
  expect(names(await follow.poll())).toEqual(['new'])
})

it('an entry that is changed later does not appear again', async () => {
  await database.sql(insert('before'))
  const follow = followAudit(run, {})
  await follow.start(1)
  await database.sql(insert('after'))
  expect(names(await follow.poll())).toEqual(['after'])
  await database.sql(`update audit_logs set success = false`)
  await database.sql(insert('last'))
  expect(names(await follow.poll())).toEqual(['last'])
})

it('a filter applies to the entries at the start and to later ones', async () => {
  const mine = { user_id: `'me'` }
  for (const more of [mine, {}]) await database.sql(insert('before', more))
  const follow = followAudit(run, { userId: 'me', success: true })
  expect(await follow.start(10)).toHaveLength(1)
  for (const more of [mine, {}, { ...mine, success: 'false' }])
    await database.sql(insert('after', more))
  expect((await follow.poll()).map(({ userId, success }) => [userId, success])).toEqual([
    ['me', true],
  ])
})

it('a poll whose connection was lost is repeated without loss, before its statement and after it', async () => {
  let broken: 'before' | 'after' | undefined
  const fragile: Run = async (statement, shape) => {
    const lost = new WfstoreError('unreachable', 'lost')
    if (broken === 'before') throw lost
    const rows = await run(statement, shape)
    if (broken === 'after') throw lost
    return rows
  }
  const follow = followAudit(fragile, {})
  await follow.start(1)
  for (const moment of ['before', 'after'] as const) {
    await database.sql(insert(moment))
    broken = moment
    await expect(follow.poll()).rejects.toThrow('lost')
    broken = undefined
    await database.sql(insert(`${moment}, again`))
    expect(names(await follow.poll())).toEqual([moment, `${moment}, again`])
  }
  expect(await follow.poll()).toEqual([])
})

it('a poll reads recent entries, not the whole table', async () => {
  await database.sql(
    `insert into audit_logs (user_id, action_type, action_details, timestamp)
     select 'u', 'a', 'd', now() - i * interval '1 minute' from generate_series(10, 20000) as i`,
  )
  await database.sql('analyze audit_logs')
  let sent: [string, unknown[]] = ['', []]
  const follow = followAudit((statement, shape) => {
    const { text, values } = bound(statement)
    sent = [text, [...values]]
    return run(statement, shape)
  }, {})
  await follow.start(10)
  const bounds: string[] = []
  for (let n = 0; n < 4; n++) {
    await follow.poll()
    bounds.push(String(sent[1][0]))
  }
  expect(new Set(bounds).size).toBe(4)
  expect(bounds).toEqual(bounds.toSorted())
  const [row] = await database.sql(`explain (analyze, buffers, format json) ${sent[0]}`, sent[1])
  const plan = JSON.stringify(row)
  expect(plan).toContain('audit_logs_timestamp_idx')
  expect(Number(/"Shared Hit Blocks":(\d+)/.exec(plan)?.[1])).toBeLessThan(20)
})

describe('a role without the right to see other transactions', () => {
  const ROLE = 'wfstore_follow_reader'
  it('has an error of its own, so the command line can explain it', async () => {
    expect((await started()).isBlind()).toBe(false)
    await database.sql(`create role ${ROLE} login in role pg_read_all_data`)
    try {
      await reader.query(`set role ${ROLE}`)
      expect((await started()).isBlind()).toBe(true)
      await reader.query('reset role')
      await database.sql(`grant pg_read_all_stats to ${ROLE}`)
      await reader.query(`set role ${ROLE}`)
      expect((await started()).isBlind()).toBe(false)
    } finally {
      await reader.query('reset role')
      await database.sql(`drop role ${ROLE}`)
    }
  })
})

type Action =
  | { kind: 'poll' }
  | { kind: 'write' | 'savepoint' | 'undo' | 'end' | 'drop'; by: number }

it('in any order of begins, writes and ends, every committed entry appears once, in the next poll', async () => {
  const by = fc.integer({ min: 0, max: 2 })
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 3, arbitrary: fc.constant<Action>({ kind: 'poll' }) },
    { weight: 6, arbitrary: by.map((by): Action => ({ kind: 'write', by })) },
    { weight: 2, arbitrary: by.map((by): Action => ({ kind: 'savepoint', by })) },
    { weight: 1, arbitrary: by.map((by): Action => ({ kind: 'undo', by })) },
    { weight: 3, arbitrary: by.map((by): Action => ({ kind: 'end', by })) },
    { weight: 1, arbitrary: by.map((by): Action => ({ kind: 'drop', by })) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 5, maxLength: 40 }),
      fc.nat(12),
      async (actions, startAt) => {
        await database.sql('delete from audit_logs')
        // What each open transaction has written, by savepoint, and what was committed since the last poll.
        const open: (string[][] | undefined)[] = [undefined, undefined, undefined]
        let due: string[] = []
        let number = 0
        let follow: AuditFollow | undefined
        const end = async (index: number, commit: boolean) => {
          const written = open[index]
          if (!written) return
          await writer(index).query(commit ? 'commit' : 'rollback')
          if (commit) due.push(...written.flat())
          open[index] = undefined
        }
        const check = async () => {
          if (!follow) return
          expect(names(await follow.poll()).sort()).toEqual(due.sort())
          due = []
        }
        for (const [place, one] of actions.entries()) {
          if (place === startAt) {
            follow = followAudit(run, {})
            expect(names(await follow.start(1000)).sort()).toEqual(due.sort())
            due = []
          }
          if (one.kind === 'poll') await check()
          else if (one.kind === 'end') await end(one.by, true)
          else if (one.kind === 'drop') await end(one.by, false)
          else {
            const client = writer(one.by)
            const levels = open[one.by] ?? [[]]
            if (!open[one.by]) await client.query('begin')
            open[one.by] = levels
            if (one.kind === 'write') {
              const name = `n${++number}`
              await client.query(insert(name, { execution_id: 'gen_random_uuid()' }))
              levels.at(-1)?.push(name)
            } else if (one.kind === 'savepoint') {
              await client.query('savepoint s')
              levels.push([])
            } else if (levels.length > 1) {
              await client.query('rollback to s; release s')
              levels.pop()
            }
          }
        }
        for (const index of [0, 1, 2]) await end(index, true)
        await check()
        await check()
      },
    ),
    { numRuns: 60 },
  )
})
