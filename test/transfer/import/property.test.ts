// @module-tag slow
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NO_RUN } from '../../../src/db/distributed/layout.ts'
import { type ColumnType, isRunOrNone } from '../../../src/tables/column.ts'
import { type RowKind, TABLES, tableOf } from '../../../src/tables/tables.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'
import { createTemplate, type Template } from '../../support/template.ts'
import { EMPTY, exportOf, importInto } from './support.ts'

let template: Template
let here: TestDatabase
let there: TestDatabase

beforeAll(async () => {
  template = await createTemplate('round_trip', migrate)
  ;[here, there] = [await template.copy(), await template.copy()]
})
afterAll(async () => {
  await here.drop()
  await there.drop()
  await template.drop()
})

/** PostgreSQL's text holds every character but U+0000. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '')),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '',
    '\\N',
    '\\.',
    'null',
    '"',
    '\\',
    '\x01\x02',
    '\x7f\u2028\ufeff',
    '\r\n',
    '{"execution":{}}',
    '%s',
    '\u{10ffff}',
  ),
)
const json = fc
  .oneof(
    fc.jsonValue({ stringUnit: 'grapheme' }).map((value) => JSON.stringify(value)),
    text.map((value) => JSON.stringify({ [value]: [value] })),
    fc.constantFrom(
      'null',
      '1.10',
      '123456789012345678901234567890.000',
      '1e100',
      '-0.0',
      '{"a": null}',
      '[]',
    ),
  )
  .filter((value) => !/\\u0000|\\ud[89a-f]/i.test(value))
const digits = (most: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${most}}$`))
const amount = fc.oneof(
  digits(40),
  fc.tuple(digits(30), digits(50)).map(([whole, part]) => `${whole}.${part}`),
  fc.constantFrom('0', '0.0', '0.10'),
)
/** Microseconds, of the years 1 to 9999. */
const instant = fc
  .bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })
  .map((micros) => `epoch${micros}`)
const count = fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String))

const month = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }))
  .map(([year, number]) => `${String(year).padStart(4, '0')}-${String(number).padStart(2, '0')}`)

const tags = fc
  .dictionary(text, text, { maxKeys: 3, noNullPrototype: true })
  .map((value) => JSON.stringify(value))
  .filter((value) => !/\\u0000|\\ud[89a-f]/i.test(value))

const VALUES: Record<ColumnType, fc.Arbitrary<unknown>> = {
  uuid: fc.uuid(),
  text,
  time: fc.oneof(instant, fc.constantFrom('epoch0', 'epoch1000')),
  count,
  integer: fc.nat(),
  amount,
  number: fc.tuple(fc.constantFrom('', '-'), amount).map(([sign, value]) => sign + value),
  boolean: fc.boolean(),
  json,
}

/** A row by columns, every null that is allowed among them. */
const row = (kind: RowKind): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(
    Object.fromEntries(
      tableOf(kind).fields.map(({ column, type, nullable, values, rule }) => {
        // The sum of the classes of a bill fits a line.
        const own = kind === 'bill' && type === 'count' ? fc.nat() : VALUES[type]
        const ruled = rule === 'month' ? month : rule === 'tags' ? tags : own
        const value = values ? fc.constantFrom(...values) : ruled
        return [column, nullable ? fc.option(value) : value]
      }),
    ),
  )

const store = fc.record({
  execution: fc.uniqueArray(row('execution'), {
    maxLength: 3,
    selector: (one) => one.execution_id,
  }),
  step: fc.array(row('step'), { maxLength: 4 }),
  audit: fc.array(row('audit'), { maxLength: 4 }),
  bill: fc.array(row('bill'), { maxLength: 4 }),
  metric: fc.array(row('metric'), { maxLength: 3 }),
})

async function insert(kind: RowKind, values: Record<string, unknown>): Promise<void> {
  const { name: table, fields } = tableOf(kind)
  const places = fields.map(({ column, type }, index) => {
    const value = `$${index + 1}`
    if (type !== 'time') return value
    return String(values[column]).startsWith('epoch')
      ? `'epoch'::timestamptz + ${value}::bigint / 1000000 * interval '1 s' + ${value}::bigint % 1000000 * interval '1 us'`
      : `${value}::timestamptz`
  })
  await here.sql(
    `insert into ${table} (${fields.map(({ column }) => column).join(', ')}) values (${places.join(', ')})`,
    fields.map((field) => {
      const none = citusUrl !== undefined && isRunOrNone(field) ? NO_RUN : null
      const value = values[field.column] ?? none
      return typeof value === 'string' ? value.replace(/^epoch(?=-?\d+$)/, '') : value
    }),
  )
}

async function contentOf(database: TestDatabase) {
  const tables: unknown[] = []
  for (const { name: table } of Object.values(TABLES)) {
    tables.push(
      await database.sql(`select t::text as row from ${table} t order by t::text collate "C"`),
    )
  }
  tables.push(
    await database.sql(
      `select billing_id, provider, model_id, meter, quantity::text, unit_price::text, cost::text, cost_source from wfstore_bill_lines
       order by billing_id, provider collate "C", model_id collate "C", meter`,
    ),
  )
  return tables
}

const LINES = `insert into wfstore_bill_lines (execution_id, billing_id, line_id, provider, model_id, meter, quantity, unit_price, cost, cost_source)
  select execution_id, billing_id, gen_random_uuid(), left(model_id, 1), model_id, l.meter, l.quantity, case when l.cost > 0 then 2.50 end, l.cost, l.cost_source
  from billing_records, wfstore_lines_of(tokens_total, tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, tokens_reasoning, cost, null) l`

it('an export of any rows, imported elsewhere and exported again, has the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(store, fc.infiniteStream(fc.nat()), async (rows, choices) => {
      await here.sql(EMPTY)
      await there.sql(EMPTY)
      // Rows as they are: the totals of a run are not counted, and their sum may be too large for bigint.
      await here.sql(`begin; set local wfstore.keeps_totals = 'on'`)
      const choose = () => Number(choices.next().value)
      for (const run of rows.execution) {
        // An end may be the start itself, or be missing.
        run.end_time = choose() % 2 ? null : run.start_time
        await insert('execution', run)
      }
      for (const kind of ['step', 'audit', 'bill', 'metric'] as const) {
        for (const one of rows[kind]) {
          const run = rows.execution[choose() % 4]
          if (kind !== 'metric' && run) one.execution_id = run.execution_id
          if (kind === 'step') one.end_time = choose() % 2 ? null : one.start_time
          if (kind !== 'step' || run) await insert(kind, one)
        }
      }
      await here.sql(LINES)
      await here.sql('commit')
      const first = await exportOf(here)
      const report = await importInto(there, first)
      expect(report.repeated).toBe(0)
      expect(await exportOf(there)).toBe(first)
      // Row by row, too: what an export does not tell apart would be lost in silence.
      expect(await contentOf(there)).toEqual(await contentOf(here))
      expect((await importInto(there, first)).repeated).toBe(report.read)
    }),
    // A cluster takes longer for each.
    { numRuns: citusUrl ? 20 : 40 },
  )
}, 180_000)
