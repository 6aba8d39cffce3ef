// @module-tag slow
// For any input of an import: one line that names the wrong line, and nothing in the store.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WfstoreError } from '../../../src/error.ts'
import { KINDS, tableOf } from '../../../src/tables/tables.ts'
import { type ImportReport, importLines } from '../../../src/transfer/import/import.ts'
import { hostileIn } from '../../cli/output/arbitrary.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { EMPTY, line, pieces, rowsIn } from './support.ts'

let database: TestDatabase
/** One connection for all: it can be used again after any refusal. */
let client: pg.Client
beforeAll(async () => {
  database = await createMigrated('import_fuzz')
  client = await database.connect()
})
afterEach(() => database.sql(EMPTY))
afterAll(async () => {
  await client.end()
  await database.drop()
})

const NOTHING = { execution: 0, step: 0, audit: 0, bill: 0, metric: 0 }
const SAID = /^(line [1-9]\d*: |the compressed file is (?:damaged|refused): )[^\n]+$/
/** A line of any length is shown up to a readable length. */
const LONGEST = 600

/** Refused soundly, or taken, where the garbage happens to be valid. */
async function expectSound(source: Uint8Array): Promise<'refused' | 'taken'> {
  const outcome = await importLines(client, pieces([source])).catch((error: unknown) => error)
  if (!(outcome instanceof Error)) {
    const { inserted, invalidCount } = outcome as ImportReport
    expect([await rowsIn(database), invalidCount]).toEqual([inserted, 0])
    await database.sql(EMPTY)
    return 'taken'
  }
  expect(outcome).toBeInstanceOf(WfstoreError)
  const { code, message } = outcome as WfstoreError
  expect([code, message]).toEqual(['usage', expect.stringMatching(SAID)])
  expect(message.length).toBeLessThan(LONGEST)
  expect(await rowsIn(database)).toEqual(NOTHING)
  return 'refused'
}

const ALL = KINDS.map((kind) => line[kind]())
const nested = (open: string, close: string, depth: number, inside = '1') =>
  open.repeat(depth) + inside + close.repeat(depth)

/** JSON, or nearly so, that no field or only some of them can hold. */
const VALUES = [
  ...['1e400', '-1e400', '1e-400', '-0', '0.5', '-1', '9007199254740993', '2147483648', '01', '+1'],
  ...['9'.repeat(400), `0.${'1'.repeat(20_000)}`, 'NaN', 'Infinity', 'undefined', 'nul', "'x'", ''],
  ...['"\\u0000"', '"\\ud800"', '"\\udc00x"', '{"\\u0000":1}', '["\\udfff"]', '"\\x"', '"\\u12"'],
  ...['"a\tb"', '"a\x1b[2Jb"', '"a\0b"', '"\x7f\u2028\u202e\ufeff"', '\ufeff', '"', '/**/1', '1,'],
  ...['null', 'true', '[]', '{}', '{"__proto__":{"a":1}}', '{"a":1,"a":2}', '{"constructor":null}'],
  ...[
    '"NaN"',
    '"1e5"',
    '"infinity"',
    '"now"',
    '"2026-02-30T00:00:00Z"',
    '"Robert\'); --"',
    '"\\\\."',
  ],
  nested('[', ']', 20_000),
  nested('{"a":', '}', 20_000),
]
const KEYS = [
  '__proto__',
  'constructor',
  'jsonNull',
  'hasOwnProperty',
  '\\u0000',
  '\\u001b[2J\\n',
  '',
]

const value = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.json({ maxDepth: 3, stringUnit: 'binary' }),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
/** A valid line, one field of which is given once more: the last counts. */
const fields = fc
  .constantFrom(...KINDS)
  .chain((kind) =>
    fc.tuple(
      fc.constant(line[kind]().trimEnd()),
      fc.constantFrom(...tableOf(kind).fields.map(({ name }) => name), ...KEYS),
      value,
    ),
  )
  .map(([text, name, given]) => Buffer.from(`${text.slice(0, -2)},"${name}":${given}}}\n`))
const objects = fc
  .tuple(fc.constantFrom<string>(...KINDS, ...KEYS), value, value)
  .map(([name, given, beside]) => Buffer.from(`{"${name}":${given},"jsonNull":${beside}}`))
/** Part of a valid line is replaced, to its end or by bytes that need not be UTF-8. */
const mutated = fc
  .tuple(
    fc.constantFrom(...ALL),
    fc.nat(400),
    fc.oneof(fc.nat(3), fc.constant(400)),
    fc.uint8Array({ maxLength: 4 }),
  )
  .map(([text, at, cut, bytes]) => {
    const from = Buffer.from(text)
    const start = at % from.length
    return Buffer.concat([from.subarray(0, start), bytes, from.subarray(start + cut)])
  })
const noise = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes))
const garbage = fc.oneof(
  { weight: 5, arbitrary: fields },
  { weight: 1, arbitrary: objects },
  { weight: 3, arbitrary: mutated },
  { weight: 1, arbitrary: noise },
)
/** Valid lines before it and after it, which must not stay. */
const files = fc
  .tuple(fc.subarray(ALL), garbage, fc.subarray(ALL), fc.constantFrom('', '\n', '\r\n', '\0'))
  .map(([before, middle, after, end]) =>
    Buffer.concat([
      ...[...before, ''].map((text) => Buffer.from(text)),
      middle,
      Buffer.from(`${end}${after.join('')}`),
    ]),
  )
const packed = fc
  .tuple(files, fc.nat(300), fc.option(fc.uint8Array({ minLength: 1, maxLength: 3 })))
  .map(([file, at, bytes]) => {
    const zip = gzipSync(file)
    const place = at % zip.length
    return bytes
      ? Buffer.concat([zip.subarray(0, place), bytes, zip.subarray(place + bytes.length)])
      : zip.subarray(0, place + 1)
  })
const sources = fc.oneof({ weight: 5, arbitrary: files }, { weight: 1, arbitrary: packed })

it('garbage among valid lines is refused in one line with its line number, and nothing is imported', async () => {
  const outcomes = { refused: 0, taken: 0 }
  await fc.assert(
    fc.asyncProperty(sources, async (source) => {
      outcomes[await expectSound(source)]++
    }),
    { numRuns: 150 },
  )
  // It is garbage, and what it is put among is not.
  expect(outcomes.refused).toBeGreaterThan(75)
  expect(await expectSound(Buffer.from(ALL.join('')))).toBe('taken')
})

const MB = 1_000_000
/** A gzip file may consist of several, one after another. */
const bomb = (size: number, filled: string) =>
  Buffer.concat(Array<Buffer>(size).fill(gzipSync(Buffer.alloc(MB, filled))))
const huge: [string, () => Buffer, 'refused' | 'taken'][] = [
  [
    'a line of 10 MB without an end',
    () => Buffer.from(`{"metric":"${'x'.repeat(10 * MB)}`),
    'refused',
  ],
  ['a key of 10 MB', () => Buffer.from(`{"${'k'.repeat(10 * MB)}":{}}`), 'refused'],
  [
    'a field of 10 MB that is unknown',
    () => Buffer.from(`{"metric":{"${'k'.repeat(10 * MB)}":1}}`),
    'refused',
  ],
  [
    'a text of 10 MB',
    () => Buffer.from(line.audit({ executionId: null, actionDetails: 'x'.repeat(10 * MB) })),
    'taken',
  ],
  ['brackets alone', () => Buffer.from(nested('[', ']', 200_000)), 'refused'],
  [
    'brackets where an object must be',
    () => Buffer.from(`{"metric":${nested('[', ']', 50_000)}}`),
    'refused',
  ],
  [
    'brackets where a text must be',
    () => Buffer.from(line.metric({ userId: 7 }).replace('7', nested('[', ']', 50_000))),
    'refused',
  ],
  [
    'brackets as jsonNull',
    () => Buffer.from(`{"jsonNull":${nested('[', ']', 50_000)},${line.metric().slice(1)}`),
    'refused',
  ],
  ['a gzip bomb of one line', () => bomb(70, ' '), 'refused'],
  ['a gzip bomb of zeros', () => bomb(20, '\0'), 'refused'],
  ['a gzip file in a gzip file', () => gzipSync(gzipSync(ALL.join(''))), 'refused'],
  ['the first bytes of a gzip file', () => Buffer.from([0x1f, 0x8b]), 'refused'],
  ['gzip of nothing', () => gzipSync(''), 'taken'],
]
describe('large input', () => {
  it.each(huge)('%s', async (_, source, expected) => {
    expect(await expectSound(source())).toBe(expected)
  })
})

it('the command line prints one line that cannot control a terminal, and exits with 2 or 1', async () => {
  const run = (source: Uint8Array, ...flags: string[]) =>
    runCli(['import', '-', ...flags, '--database-url', database.url], { stdin: source })
  const invalid = sources.filter((source) => source.length > 0)
  await fc.assert(
    fc.asyncProperty(
      invalid,
      fc.constantFrom('', '--skip-invalid', '--json'),
      async (source, flag) => {
        const { code, stdout, stderr } = await run(source, ...(flag ? [flag] : []))
        expect(hostileIn(stdout + stderr, '\n\t')).toEqual([])
        expect(stderr).not.toContain('\n    at ')
        if (flag === '--skip-invalid') {
          expect([0, 1, 2]).toContain(code)
          expect(stderr).toMatch(/^((line \d+: |error: ).+\n)*$/)
          if (code !== 0) expect(await rowsIn(database)).toEqual(NOTHING)
        } else if (code !== 0) {
          expect([code, stdout, await rowsIn(database)]).toEqual([2, '', NOTHING])
          expect(stderr).toMatch(
            flag === '--json'
              ? /^\{"error":\{"code":"usage","message":"(line \d+|the compressed file is (?:damaged|refused)): .+\}\n$/
              : /^error: (line \d+|the compressed file is (?:damaged|refused)): .+\n$/,
          )
        }
        if (code === 0) await database.sql(EMPTY)
      },
    ),
    { numRuns: 40 },
  )
})
