import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isRunOrNone } from '../../../src/tables/column.ts'
import { KINDS, type RowKind, tableOf } from '../../../src/tables/tables.ts'
import { exportLines } from '../../../src/transfer/export/export.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'
import { EMPTY, exportOf, id, importInto, line, RUN, rowsIn } from '../import/support.ts'

let legacy: TestDatabase
let database: TestDatabase

beforeAll(async () => {
  ;[legacy, database] = await Promise.all([
    createAdopted('export_legacy'),
    createMigrated('export'),
  ])
})
afterAll(async () => {
  await Promise.all([legacy.drop(), database.drop()])
})
beforeEach(async () => {
  await database.sql(EMPTY)
})

it('an export of the adopted database, imported elsewhere and exported again, has the same bytes', async () => {
  const first = await exportOf(legacy)
  const report = await importInto(database, first)
  expect(report.inserted).toEqual(await rowsIn(legacy))
  expect(Object.values(report.inserted).reduce((sum, n) => sum + n)).toBe(report.read)
  expect(report.inserted.step).toBeGreaterThan(100)
  expect(await exportOf(database)).toBe(first)
})

it('the lines that docs/IMPORT.md shows are an export', async () => {
  const page = readFileSync(new URL('../../../docs/IMPORT.md', import.meta.url), 'utf8')
  const [, shown = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? []
  const lines = shown.replaceAll('\n ', '')
  await importInto(database, lines)
  expect(await exportOf(database)).toBe(lines)
})

it('a line has every column of its table, and import knows the defaults and the nullable columns', async () => {
  const known = KINDS.flatMap((kind) => {
    const { name, fields } = tableOf(kind)
    return fields.map((field) => {
      const { column, nullable, hasDefault } = field
      // A distributed store has an id for no run.
      const always = citusUrl !== undefined && isRunOrNone(field)
      return {
        column: `${name}.${column}`,
        nullable: nullable && !always,
        hasDefault: hasDefault || always,
      }
    })
  })
  const live = await database.sql(
    `select format('%s.%s', attrelid::regclass, attname) as column, not attnotnull as nullable, atthasdef as "hasDefault"
     from pg_attribute where attrelid = any($1::regclass[]) and attnum > 0 and not attisdropped`,
    [KINDS.map((kind) => tableOf(kind).name)],
  )
  const byColumn = (rows: Record<string, unknown>[]) =>
    rows.toSorted((a, b) => String(a.column).localeCompare(String(b.column)))
  expect(byColumn(known)).toEqual(byColumn(live))
})

it('the defaults of import are those of the table', async () => {
  const text = [
    line.execution({ executionId: id(9) }),
    line.step({ executionId: id(9) }),
    line.audit(),
    line.bill(),
    line.metric(),
  ]
  await importInto(database, text.join(''))
  const imported = await everything(database)
  await database.sql(EMPTY)
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time)
       values ('${id(9)}', 'w', 'u', 'Sales', 'm', '2026-01-01T00:00Z');
     insert into workflow_steps (step_id, execution_id, step_number, step_name) values ('${id(1)}', '${id(9)}', 1, 's');
     insert into audit_logs (log_id, execution_id, user_id, action_type, action_details) values ('${id(2)}', '${RUN}', 'u', 'a', 'd');
     insert into billing_records (billing_id, execution_id, user_id, model_id, billing_period) values ('${id(3)}', '${RUN}', 'u', 'm', '2026-01');
     insert into observability_metrics (metric_id, user_id, metric_type, metric_value) values ('${id(4)}', 'u', 't', 1.5)`,
  )
  expect(imported).toEqual(await everything(database))
})

/** All lines, with the times of now made equal. */
const everything = async (of: TestDatabase) =>
  (await exportOf(of)).replaceAll(/"(createdAt|updatedAt|timestamp)":"[^"]*"/g, '"$1":now')

it('runs are sorted by start, each with its steps, entries and bills; then rows without a run, then metrics', async () => {
  const later = '2026-01-02T00:00:00.000000Z'
  const at = (timestamp: string) => ({ timestamp })
  const ordered = [
    line.execution({ executionId: id(11) }),
    line.execution({ executionId: id(12) }),
    line.step({ executionId: id(12), stepId: id(92), stepNumber: 1 }),
    line.step({ executionId: id(12), stepId: id(93), stepNumber: 1 }),
    line.step({ executionId: id(12), stepId: id(91), stepNumber: 2 }),
    line.audit({ executionId: id(12), logId: id(32), ...at('2026-01-05T00:00:00Z') }),
    line.audit({ executionId: id(12), logId: id(31), ...at('2026-01-06T00:00:00Z') }),
    line.bill({ executionId: id(12), billingId: id(42), ...at('2026-01-05T00:00:00Z') }),
    line.bill({ executionId: id(12), billingId: id(41), ...at('2026-01-06T00:00:00Z') }),
    line.execution({ executionId: id(10), startTime: later }),
    line.audit({ logId: id(52), ...at('2026-01-01T00:00:00Z') }),
    line.audit({ logId: id(51), executionId: null, ...at('2026-01-03T00:00:00Z') }),
    line.bill({ billingId: id(62), ...at('2026-01-01T00:00:00Z') }),
    line.bill({ billingId: id(61), executionId: null, ...at('2026-01-03T00:00:00Z') }),
    line.metric({ metricId: id(78), ...at('2026-01-01T00:00:00Z') }),
    line.metric({ metricId: id(72), ...at('2026-01-03T00:00:00Z') }),
  ]
  await importInto(database, ordered.toReversed())
  expect(ids(await exportOf(database))).toEqual(ids(ordered.join('')))
})

const ids = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((json) => {
      const [[kind, row]] = Object.entries(JSON.parse(json)) as [[RowKind, Record<string, string>]]
      return `${kind} ${row[tableOf(kind).id]}`
    })

it('a filter exports the runs that it names and their rows, without orphans and metrics', async () => {
  const all = [
    ...run(1, { userId: 'a', status: 'failed' }),
    ...run(2, { userId: 'b', status: 'success', startTime: '2026-03-01T00:00:00Z' }),
    ...run(3, { userId: 'a', status: 'success', startTime: '2026-03-01T00:00:00Z' }),
    line.audit(),
    line.bill(),
    line.metric(),
  ]
  await importInto(database, all)
  const exported = async (filter: Parameters<typeof exportOf>[1]) =>
    ids(await exportOf(database, filter))
  const [first, second, third] = [1, 2, 3].map((n) => ids(run(n, {}).join('')))
  expect(await exported({ userId: 'a' })).toEqual([...(first ?? []), ...(third ?? [])])
  expect(await exported({ userId: 'a', status: ['success', 'cancelled'] })).toEqual(third)
  expect(await exported({ status: ['failed'] })).toEqual(first)
  expect(await exported({ executionId: id(200) })).toEqual(second)
  expect(await exported({ until: '2026-02-01T00:00:00Z' })).toEqual(first)
  expect(await exported({ since: '2026-03-01T00:00:00Z', userId: 'b' })).toEqual(second)
  expect(await exportOf(database, { userId: "a' or true --" })).toBe('')
})

const run = (n: number, fields: Record<string, unknown>) => [
  line.execution({ executionId: id(n * 100), ...fields }),
  line.step({ executionId: id(n * 100), stepId: id(n * 100 + 1) }),
  line.audit({ executionId: id(n * 100), logId: id(n * 100 + 2) }),
  line.bill({ executionId: id(n * 100), billingId: id(n * 100 + 3) }),
]

it('an export is one snapshot: rows that are committed while it is read are not in it', async () => {
  await importInto(database, line.execution())
  await withClient(database, async (client) => {
    const chunks = exportLines(client)
    const first = await chunks.next()
    await importInto(database, line.metric())
    let text = String(first.value)
    for await (const chunk of chunks) text += chunk
    expect(ids(text)).toEqual([`execution ${RUN}`])
  })
})

it('the settings of a database change no byte of an export', async () => {
  const before = await exportOf(legacy)
  for (const setting of [
    `timezone = 'Asia/Kathmandu'`,
    `datestyle = 'ISO, DMY'`,
    `extra_float_digits = 0`,
    `intervalstyle = 'iso_8601'`,
  ]) {
    await legacy.sql(`alter database ${legacy.name} set ${setting}`)
  }
  expect(await exportOf(legacy)).toBe(before)
})

describe('an export that is abandoned', () => {
  it('ends its connection, and its session on the server', async () => {
    await database.sql(
      `insert into observability_metrics (user_id, metric_type, metric_value, dimensions)
       select 'u', 't', i, jsonb_build_object('text', repeat('x', 1000)) from generate_series(1, 20000) i`,
    )
    const client = await database.connect()
    const [session] = (await client.query('select pg_backend_pid() as pid')).rows
    for await (const chunk of exportLines(client)) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    await expect(client.query('select 1')).rejects.toThrow()
    const alive = 'select count(*)::int as n from pg_stat_activity where pid = $1'
    while ((await database.sql(alive, [session.pid]))[0]?.n !== 0);
  })
})
