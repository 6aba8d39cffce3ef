import { afterAll, beforeAll, expect, it } from 'vitest'
import { fillLines } from '../../../queries/billing/lines-support.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('cli_bill_lines')
  await fillLines(database, 8)
  // The ids of bills are random; a golden output has none of them.
  await database.sql(`set session_replication_role = replica`)
  await database.sql(
    `update wfstore_bill_lines l set billing_id = b.execution_id, line_id = md5(b.execution_id::text || l.line_id::text)::uuid
     from billing_records b where (b.execution_id, b.billing_id) = (l.execution_id, l.billing_id)`,
  )
  await database.sql(`update billing_records set billing_id = execution_id`)
  await database.sql(
    `update wfstore_bill_lines set line_id = wfstore_line_id(billing_id, provider, model_id, meter, unit_price, cost_source)`,
  )
  await database.sql(`set session_replication_role = origin`)
})
afterAll(() => database.drop())

const said = (line: string, options: CliOptions = {}) =>
  runCli(
    [
      'billing',
      ...line.split(' ').filter(Boolean),
      '--database-url',
      database.url,
      '--color=never',
    ],
    options,
  )
const BILL = '00000000-0000-4000-8000-000000000003'

it.each([
  ['lines-100.txt', `lines ${BILL}`, { terminal: 100 }],
  ['lines-period-80.txt', 'lines --period 2026-11 --limit 5', { terminal: 80 }],
  ['lines.json', 'lines --period 2026-11 --user user_1 --model small --unpriced --json', {}],
  ['lines-model-100.txt', '--period 2026-11 --by model', { terminal: 100 }],
  ['lines-tag.csv', '--period 2026-11 --by tag:team,provider -o csv', {}],
  ['lines-tag-100.txt', '--period 2026-11 --by tag:team', { terminal: 100 }],
  ['lines-meter.tsv', '--period 2026-11 --by meter', {}],
  ['lines-focus.csv', '--period 2026-11 --user user_1 -o focus', {}],
] as [string, string, CliOptions][])('%s', async (name, line, options) => {
  const { code, stdout, stderr } = await said(line, options)
  expect(code).toBe(0)
  expectGolden(
    `billing/${name}`,
    `${stdout}${stderr && `--- stderr\n${stderr}`}`.replaceAll(database.name, 'DATABASE'),
  )
})

it('in a pipe all lines are printed, on a terminal 20 and how many there are', async () => {
  const [row] = await database.sql('select count(*)::int as lines from wfstore_bill_lines')
  const piped = await said('lines --period 2026-11')
  expect(piped.stdout.trim().split('\n')).toHaveLength(Number(row?.lines) + 1)
  const { stderr } = await said('lines --period 2026-11', { terminal: 100 })
  expect(stderr).toContain(`showing 20 of ${row?.lines}; use --limit all or --page`)
})

it('a report says which bills have calls without a price, with each key and in FOCUS', async () => {
  for (const line of ['', '--by day', '--json', '-o focus'])
    expect((await said(`--period 2026-11 ${line}`)).stderr).toMatch(
      /^\d bills of 3 models have calls without a price \([\d,]+ tokens\), which are not in the cost; run `wfstore prices check`$/m,
    )
  expect((await said('--period 2026-10')).stderr).not.toContain('price')
})

it('an unknown bill is exit code 6, and an id that is too short is exit code 2', async () => {
  expect((await said('lines 11111111')).code).toBe(6)
  expect((await said('lines 1111')).code).toBe(2)
})
