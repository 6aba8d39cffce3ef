// @module-tag slow
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import type { ArchiveFormat } from '../../../src/cleanup/types.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { clean, inFolder, options, restore, rowsOf, totalsOf } from './support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('lossless')
  // What an application may have added, with types whose JSON says less than they hold. Citus adds no identity to a distributed table.
  await database.sql(`
    create type pair as (a text, b timestamptz);
    create domain document as jsonb;
    alter table workflow_executions
      add column "Tenant ""x"" 'y'" text, add column whole json, add column grid int[], add column took interval,
      add column raw bytea, add column code char(5), add column two pair, add column doc document, add column real_ float8,
      add column span tstzrange, add column net inet, add column "case" smallint, add column plain timestamp,
      add column twice bigint generated always as (total_tokens * 2) stored;
    alter table audit_logs add column number bigint${citusUrl ? '' : ' generated always as identity'};
    alter table observability_metrics add column nested jsonb[]`)
})
afterAll(() => database.drop())

const EMPTY = `delete from workflow_executions; delete from audit_logs; delete from observability_metrics;
  delete from usage_history; delete from audit_history; delete from wfstore_cleanups`

/** Everything that is older than the cutoff, away and back. */
async function awayAndBack(folder: string): Promise<void> {
  await awayAndBackIn('jsonl', join(folder, 'jsonl'))
  await awayAndBackIn('parquet', join(folder, 'parquet'))
}

async function awayAndBackIn(format: ArchiveFormat, folder: string): Promise<void> {
  const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
  expect(rows.length).toBeGreaterThan(0)
  await clean(database, folder, { archive: archiveInFolder(folder, { ...options, format }) })
  expect(await rowsOf(database)).toEqual([])
  const { alreadyThere } = await restore(database, folder)
  expect(alreadyThere).toEqual({ execution: 0, step: 0, audit: 0, metric: 0 })
  expect(await rowsOf(database)).toEqual(rows)
  expect(await totalsOf(database)).toEqual(totals)
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '')),
  fc.constantFrom(
    '',
    '\\N',
    '\\.',
    'null',
    '"',
    '\\',
    '\x01\x02',
    '\r\n',
    '{"archive":{}}',
    '\x7f\u2028\ufeff',
  ),
)
const json = fc.oneof(
  fc
    .jsonValue({ stringUnit: 'grapheme' })
    .map((value) => JSON.stringify(value))
    .filter((value) => !/\\u0000|\\ud[89a-f]/i.test(value)),
  fc.constantFrom('null', '1.10', '-0.0', '1e100', '{"jsonNull": null}', '"null"', '[]'),
)
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const amount = fc.constantFrom('0', '-12.3450', '0.1', '123456789012345678901234567890.00', '1e-30')
const count = fc.constantFrom('0', '-7', '9223372036854775', '12')
const time = fc.constantFrom(
  '2026-01-01 00:00:00.000001Z',
  '2025-02-28 23:59:59.999999+05:45',
  '0044-03-15 00:00Z BC',
  '1970-01-01Z',
)

it('a row with any content is restored unchanged, and no total changes', async () => {
  const row = fc.record({
    words: fc.array(text, { minLength: 5, maxLength: 5 }),
    documents: fc.array(orNull(json), { minLength: 4, maxLength: 4 }),
    amount,
    count,
    times: fc.tuple(time, orNull(time), orNull(time), orNull(time)),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12, size: 'max' }), (rows) =>
      inFolder(async (folder) => {
        await database.sql(EMPTY)
        for (const { words, documents, amount, count, times } of rows)
          await insert(words, documents, amount, count, times)
        await awayAndBack(folder)
      }),
    ),
    { numRuns: 10 },
  )
})

async function insert(
  [a, b, c, d, e]: string[],
  [first, second, third, fourth]: (string | null)[],
  amount: string,
  count: string,
  [start, end, created, updated]: (string | null)[],
): Promise<void> {
  // A row as it was: its totals are not counted again, which would be a change of now.
  await database.sql(`begin; set local wfstore.keeps_totals = 'on'`)
  await database.sql(
    `with given as (
       select $1::text as a, $2::text as b, $3::text as c, $4::text as d, $5::text as e, $6::numeric as amount, $7::bigint as count,
         $8::timestamptz as start_time, $9::timestamptz as end_time, $10::timestamptz as created_at, $11::timestamptz as updated_at,
         $12::jsonb as first, $13::jsonb as second, $14::jsonb as third, $15::text as fourth
     ), run as (
       insert into workflow_executions (workflow_name, user_id, mode, model_id, error_message, metadata, total_cost, total_tokens,
         start_time, end_time, created_at, updated_at, status, doc, whole, "Tenant ""x"" 'y'")
       select a, b, c, d, e, first, amount, count, start_time, end_time, created_at, updated_at, 'partial', second, fourth::json, e
       from given
       returning execution_id
     ), step as (
       insert into workflow_steps (execution_id, step_number, step_name, tool_parameters, result, cost)
       select execution_id, 1, a, first, second, amount from run, given
     ), entry as (
       insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details, tool_input, tool_output, metadata, cost)
       select execution_id, start_time, b, c, d, first, second, third, amount from run, given
     )
     insert into observability_metrics (user_id, metric_type, metric_value, timestamp, dimensions, nested)
     select a, b, amount, start_time, third, array[first, second, null] from given`,
    [a, b, c, d, e, amount, count, start, end, created, updated, first, second, third, fourth],
  )
  await database.sql('commit')
}

it('the first and the last time, values of unusual types and blanks in JSON are restored unchanged', () =>
  inFolder(async (folder) => {
    await database.sql(EMPTY)
    await database.sql(`
      insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status, created_at, updated_at,
        whole, grid, took, raw, code, two, doc, real_, span, net, "case", plain, metadata)
      values
        ('w', 'u', 'm', 'm', '2026-01-01Z', '2026-01-02Z', 'success', '294276-12-31 23:59:59.999999Z', '4713-01-01 BC',
         e'{ "a" :\\n [ 1 ] }', '[0:1]={7,null}', '-1 mon +3 days 04:05:06.789', '\\x00ff0a', 'ab', row('x"', '2026-01-01Z'),
         'null', '0.1', '[2026-01-01Z,)', '10.0.0.1/8', 3, 'infinity', 'null'),
        ('w', 'u', 'm', 'm', '2026-01-01Z', '2026-01-01Z', 'success', null, null,
         'null', '{}', '0', '', '', row(null, null), '"null"', 'NaN', 'empty', null, null, '0044-03-15 BC', null);
      insert into observability_metrics (user_id, metric_type, metric_value, timestamp) values
        ('u', 't', '1e-1000', '4713-01-01 BC'), ('u', 't', '1e1000', '2026-01-01Z')`)
    await awayAndBack(folder)
  }))

it('a row of megabytes, whose line is longer than a compressed block, is restored unchanged', () =>
  inFolder(async (folder) => {
    await database.sql(EMPTY)
    await database.sql(`
      insert into audit_logs (user_id, action_type, action_details, timestamp, tool_output)
      select 'u', 'a', repeat(md5(n::text), 160000), '2026-01-01Z', jsonb_build_object('text', repeat('\\"é', 200000))
      from generate_series(1, 1) n`)
    await awayAndBack(folder)
  }))
