import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { EMPTY, exportOf, id, importInto, line, RUN, rowsIn } from './support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('import')
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.sql(EMPTY)
})

const ALL = [line.execution(), line.step(), line.audit(), line.bill(), line.metric()]
const NOTHING = { execution: 0, step: 0, audit: 0, bill: 0, metric: 0 }

it('an import can be repeated, and the second one adds nothing', async () => {
  const first = await importInto(database, ALL)
  expect(first).toEqual({
    read: 5,
    inserted: { execution: 1, step: 1, audit: 1, bill: 1, metric: 1 },
    repeated: 0,
    invalid: [],
    invalidCount: 0,
  })
  const before = await exportOf(database)
  expect(await importInto(database, ALL)).toEqual({ ...first, inserted: NOTHING, repeated: 5 })
  expect(await importInto(database, before)).toEqual({ ...first, inserted: NOTHING, repeated: 5 })
  expect(await exportOf(database)).toBe(before)
})

it('times as PostgreSQL prints them are imported, and are the same as in RFC 3339', async () => {
  const times = (startTime: string, endTime: string) => [line.execution({ startTime, endTime })]
  const printed = times('2026-07-15 09:30:00+02', '2026-07-15 13:00:00.123456+05:30')
  expect((await importInto(database, printed)).inserted.execution).toBe(1)
  const same = times('2026-07-15T07:30:00Z', '2026-07-15T07:30:00.123456Z')
  expect(await importInto(database, same)).toMatchObject({ repeated: 1, invalid: [] })
})

it('a repeated line within a file counts as repeated, for any order of the kinds', async () => {
  const report = await importInto(database, [...ALL.toReversed(), ...ALL])
  expect([report.repeated, report.invalidCount]).toEqual([5, 0])
  expect(await rowsIn(database)).toEqual(report.inserted)
})

it('an existing row with other content is invalid, with its line and fields, and does not change', async () => {
  await importInto(database, ALL)
  const before = await exportOf(database)
  // In a distributed store an entry of another run is another row.
  const audit = citusUrl ? { success: false } : { executionId: null }
  const others = [
    line.execution({ status: 'failed', totalCost: 2, metadata: { a: 1 } }),
    line.step({ result: [1] }),
    line.audit(audit),
    line.bill({ paid: true }),
    line.metric({ metricValue: 1.5000001 }),
  ]
  expect((await importInto(database, others, { skipInvalid: true })).invalid).toEqual([
    {
      line: 1,
      reason: `execution ${RUN} is in the store, or in an earlier line, with another status, totalCost, metadata`,
    },
    {
      line: 2,
      reason: `step ${id(1)} is in the store, or in an earlier line, with another result`,
    },
    {
      line: 3,
      reason: `audit ${id(2)} is in the store, or in an earlier line, with another ${Object.keys(audit)}`,
    },
    { line: 4, reason: `bill ${id(3)} is in the store, or in an earlier line, with another paid` },
    {
      line: 5,
      reason: `metric ${id(4)} is in the store, or in an earlier line, with another metricValue`,
    },
  ])
  expect(await exportOf(database)).toBe(before)
})

it('of two lines with one id and different content the first is imported', async () => {
  const lines = [line.metric(), line.metric({ metricValue: 2 }), line.metric({ metricValue: 3 })]
  const report = await importInto(database, lines, { skipInvalid: true })
  expect([report.inserted.metric, report.invalid.map(({ line }) => line)]).toEqual([1, [2, 3]])
  expect(await database.sql('select metric_value::text as v from observability_metrics')).toEqual([
    { v: '1.5' },
  ])
})

it('the steps of a run with an invalid line are invalid, too', async () => {
  const report = await importInto(
    database,
    [line.execution({ status: 'done' }), line.step(), line.audit()],
    { skipInvalid: true },
  )
  expect(report.invalid.map(({ line }) => line)).toEqual([1, 2])
  expect(await rowsIn(database)).toEqual({ ...NOTHING, audit: 1 })
})

it('a step may precede its run, and its run may already be in the store', async () => {
  await importInto(database, [line.step(), line.execution()])
  await importInto(database, line.step({ stepId: id(9) }))
  expect(await rowsIn(database)).toMatchObject({ execution: 1, step: 2 })
})

it('totals are imported unchanged, and no audit entry is added', async () => {
  await importInto(database, [
    line.execution({ totalCost: 5, stepsTotal: 9, totalTokens: 1 }),
    line.step({ cost: 1, tokensUsed: 7 }),
  ])
  const [run] = await database.sql(
    'select total_cost::text as cost, steps_total as steps, total_tokens::int as tokens from workflow_executions',
  )
  expect(run).toEqual({ cost: '5', steps: 9, tokens: 1 })
  expect(await rowsIn(database)).toMatchObject({ audit: 0, bill: 0 })
})

it('a bill of a closed period goes into the open one once, however often it is imported', async () => {
  await importInto(database, line.bill())
  await database.sql("select wfstore_close('2026-01')")
  const late = line.bill({ billingId: id(35) })
  expect(await importInto(database, late)).toMatchObject({ inserted: { bill: 1 }, repeated: 0 })
  expect(await importInto(database, late)).toMatchObject({ inserted: { bill: 0 }, repeated: 1 })
  expect(
    await database.sql(
      `select original_period from billing_records where billing_id = '${id(35)}'`,
    ),
  ).toEqual([{ original_period: '2026-01' }])
})

it('a correction may cancel a bill', async () => {
  await importInto(database, line.bill({ corrects: id(3), cost: -1.5, tokensTotal: -10 }))
  expect(
    await database.sql('select cost::text, tokens_total::int as tokens from billing_records'),
  ).toEqual([{ cost: '-1.5', tokens: -10 }])
})

describe('the form of a file', () => {
  const plain = ALL.join('')
  it.each([
    ['CRLF', plain.replaceAll('\n', '\r\n')],
    ['no line break at the end', plain.trimEnd()],
    ['a byte order mark', `\ufeff${plain}`],
    ['empty lines', `\n\r\n${ALL.join('\n\r\n')}`],
    [
      'blanks and tabs between the tokens',
      plain.replaceAll('":', '" :\t').replaceAll(',"', ' ,\r "'),
    ],
    ['chunks of one byte', Array.from(Buffer.from(plain), (byte) => Buffer.of(byte))],
    ['gzip', [gzipSync(plain)]],
    [
      'gzip in chunks of one byte, in two members',
      Array.from(
        Buffer.concat([gzipSync(ALL.slice(0, 2).join('')), gzipSync(ALL.slice(2).join(''))]),
        (byte) => Buffer.of(byte),
      ),
    ],
    ['amounts as decimal strings', plain.replace('1.5', '"1.5"')],
  ])('may have %s', async (_, file) => {
    expect(await importInto(database, file)).toMatchObject({ read: 5, invalidCount: 0 })
    const imported = await exportOf(database)
    await database.sql(EMPTY)
    await importInto(database, plain)
    const now = /"(createdAt|updatedAt|timestamp)":"[^"]*"/g
    expect(imported.replaceAll(now, '')).toBe((await exportOf(database)).replaceAll(now, ''))
  })

  it('an empty file is valid and adds nothing', async () => {
    for (const file of ['', '\n\n', '\ufeff']) {
      expect(await importInto(database, file)).toEqual({
        read: 0,
        inserted: NOTHING,
        repeated: 0,
        invalid: [],
        invalidCount: 0,
      })
    }
  })

  it('a truncated gzip file is refused as a whole', async () => {
    const cut = gzipSync(
      Array.from({ length: 1000 }, (_, n) => line.metric({ metricId: id(n) })).join(''),
    ).subarray(0, -50)
    await expect(importInto(database, [cut], { skipInvalid: true })).rejects.toMatchObject({
      code: 'usage',
      message: 'the compressed file is damaged: unexpected end of file',
    })
    expect(await rowsIn(database)).toEqual(NOTHING)
  })

  it('a line longer than 64 MiB is named, and the lines after it keep their numbers', async () => {
    const file = function* () {
      yield line.metric()
      yield '{"metric":{"userId":"'
      const part = Buffer.alloc(1024 * 1024, 'x')
      for (let i = 0; i < 65; i++) yield part
      yield '"}}\n'
      yield '{}\n'
    }
    const report = await importInto(database, file(), { skipInvalid: true })
    expect(report.invalid).toEqual([
      { line: 2, reason: 'is longer than 64 MiB; --max-line raises the limit' },
      { line: 3, reason: expect.any(String) },
    ])
    expect(report.inserted.metric).toBe(1)
    const longer = await importInto(database, file(), { skipInvalid: true, maxLineMiB: 70 })
    expect(longer.invalid).toMatchObject([{ line: 2, reason: 'metricId is missing' }, { line: 3 }])
    for (const maxLineMiB of [0, 1.5, 501])
      await expect(importInto(database, '', { maxLineMiB })).rejects.toMatchObject({
        code: 'usage',
      })
  })

  it('a source that fails imports nothing, and the error names the cause', async () => {
    const file = async function* () {
      // Enough to be under way when the source fails.
      yield Array.from({ length: 20_000 }, (_, n) => line.metric({ metricId: id(n) })).join('')
      throw new Error('EIO: the disk is broken')
    }
    await expect(importInto(database, file(), { skipInvalid: true })).rejects.toMatchObject({
      code: 'failed',
      message: 'cannot read what is to be imported: EIO: the disk is broken',
    })
    expect(await rowsIn(database)).toEqual(NOTHING)
  })
})
