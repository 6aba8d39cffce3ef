import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { withoutTriggers, withSetting } from '../../support/triggers.ts'
import { applyFix, detailsOf, findingOf } from './support.ts'

let store: TestDatabase

beforeAll(async () => {
  store = await createMigrated('doctor_lines')
})
afterAll(() => store.drop())
beforeEach(async () => {
  for (const table of ['wfstore_bill_lines', 'billing_records', 'wfstore_periods'])
    await store.sql(`truncate ${table}`)
})

const idOf = (n: number) => `00000000-0000-0000-0000-${n.toString(16).padStart(12, '0')}`

/** Bills of 2 dollars and 20 tokens, one an hour, the newest in March, with the lines that the trigger writes. */
const bills = (count: number) =>
  withSetting(
    store,
    `wfstore.keeps_totals = 'on'`,
    [
      `insert into billing_records (billing_id, user_id, execution_id, timestamp, model_id, cost, tokens_total, tokens_input, tokens_output, billing_period)
       select lpad(to_hex(n), 32, '0')::uuid, 'u', lpad(to_hex(n), 32, '0')::uuid, '2024-03-20Z'::timestamptz - n * interval '1 hour', 'x', 2, 20, 15, 5, '2024-03'
       from generate_series(1, ${count}) n`,
    ],
    [
      `insert into wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, quantity, cost, cost_source)
       select b.execution_id, b.billing_id, wfstore_line_id(b.billing_id, null, 'x', l.meter, null, 'given'), 'x', l.meter, l.quantity, l.cost, 'given'
       from billing_records b, (values ('given', null, 2), ('input', 15, 0), ('output', 5, 0)) l (meter, quantity, cost)`,
    ],
  )

const verify = (...words: string[]) =>
  runCli(['migrate', 'verify', '--database-url', store.url, ...words])

const linesOf = (n: number) =>
  store.sql(
    'select meter, quantity::int, cost::float from wfstore_bill_lines where billing_id = $1 order by 1',
    [idOf(n)],
  )

/** Changes rows of closed months, as replication does. */
const pastTriggers = (...statements: string[]) =>
  withoutTriggers(store, ...statements.map((statement): [string] => [statement]))

const WHOLE = [
  { meter: 'given', quantity: null, cost: 2 },
  { meter: 'input', quantity: 15, cost: 0 },
  { meter: 'output', quantity: 5, cost: 0 },
]

it('lines that add up are ok, also in an empty store', async () => {
  expect(await findingOf(store, 'lines')).toMatchObject({
    state: 'ok',
    finding: 'there are no bills',
  })
  await bills(3)
  await store.sql(
    `insert into billing_records (billing_id, user_id, execution_id, model_id, cost, billing_period) values ('${idOf(9)}', 'u', '${idOf(9)}', 'x', 0, '2024-03')`,
  )
  await store.sql(
    `insert into wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, quantity, unit_price, cost, cost_source) values ('${idOf(9)}', '${idOf(9)}', '${idOf(9)}', 'x', 'request', 7, 0, 0, 'priced')`,
  )
  expect(await findingOf(store, 'lines')).toMatchObject({
    state: 'ok',
    finding: 'the lines of 4 bills of all ages add up to their bills',
    fix: null,
  })
})

it('the fix adds what is missing, deletes no line, and changes nothing the second time', async () => {
  await bills(4)
  await store.sql(`
    update wfstore_bill_lines set cost = 1.25 where billing_id = '${idOf(1)}' and meter = 'given';
    update wfstore_bill_lines set quantity = 18 where billing_id = '${idOf(2)}' and meter = 'input';
    delete from wfstore_bill_lines where billing_id = '${idOf(3)}'`)
  const finding = await findingOf(store, 'lines')
  expect(finding.state).toBe('failed')
  // A distributed store names the bills of one shard after those of another.
  expect(finding.finding.split(/: |; /).sort()).toEqual([
    `${idOf(1)} has $2 and 20 tokens, its lines $1.25 and 20`,
    `${idOf(2)} has $2 and 20 tokens, its lines $2 and 23`,
    `${idOf(3)} has $2 and 20 tokens, its lines $0 and 0`,
    'the lines of 3 of 4 bills of all ages do not add up to their bills',
  ])
  expect(detailsOf(finding)).toMatchObject({ compared: 4, unequal: 3 })
  for (const _ of [1, 2]) {
    await applyFix(store, finding)
    expect(await findingOf(store, 'lines')).toMatchObject({ state: 'ok' })
    expect(await linesOf(1)).toEqual(WHOLE)
    expect(await linesOf(2)).toEqual([
      WHOLE[0],
      { meter: 'input', quantity: 18, cost: 0 },
      WHOLE[2],
      { meter: 'tokens', quantity: -3, cost: 0 },
    ])
    expect(await linesOf(3)).toEqual(WHOLE)
  }
})

it('the lines of a closed month are only named, unless the bill has none', async () => {
  await bills(3)
  await store.sql(
    `insert into wfstore_periods (billing_period) values ('2024-03') on conflict do nothing`,
  )
  await store.sql(`select wfstore_close('2024-03')`)
  await pastTriggers(
    `update wfstore_bill_lines set cost = 1 where billing_id = '${idOf(1)}' and meter = 'given'`,
    `delete from wfstore_bill_lines where billing_id = '${idOf(2)}'`,
  )
  const finding = await findingOf(store, 'lines')
  expect(finding.finding).toContain('; 1 of them in closed months, whose lines cannot change')
  expect(finding.fix).not.toContain(idOf(1))
  await applyFix(store, finding)
  expect(await linesOf(2)).toEqual(WHOLE)
  expect(await findingOf(store, 'lines')).toMatchObject({ state: 'failed', fix: null })
  const { lines } = JSON.parse((await verify('--json')).stdout)
  expect(lines).toMatchObject([{ billingId: idOf(1), changeable: false, fix: null }])
})

it('a sample has the newest bills and some of all ages; --full has all', async () => {
  await bills(5000)
  const { compared } = detailsOf(await findingOf(store, 'lines'))
  expect(compared).toBeGreaterThan(900)
  expect(compared).toBeLessThanOrEqual(1000)
  // The newest, the oldest, and one that no sample has.
  await store.sql(
    `update wfstore_bill_lines set cost = 1 where meter = 'given' and billing_id = any ($1)`,
    [[idOf(1), idOf(5000), idOf(4997 - 25)]],
  )
  expect(detailsOf(await findingOf(store, 'lines')).unequal).toBe(2)
  expect(detailsOf(await findingOf(store, 'lines', { full: true }))).toMatchObject({
    full: true,
    compared: 5000,
    unequal: 3,
  })
  expect(JSON.parse((await verify('--json', '--full')).stdout)).toMatchObject({
    comparedBills: 5000,
    unequalBills: 3,
  })
})

it('verify prints each bill with its fix, exit 1, and a close names the check', async () => {
  await bills(3)
  await store.sql(`update wfstore_bill_lines set cost = 1 where billing_id = '${idOf(2)}'`)
  const { code, stdout, stderr } = await verify('--json')
  const { ok, lines, comparedBills, unequalBills } = JSON.parse(stdout)
  expect({ code, ok, comparedBills, unequalBills }).toEqual({
    code: 1,
    ok: false,
    comparedBills: 3,
    unequalBills: 1,
  })
  expect(lines).toMatchObject([
    { billingId: idOf(2), billingPeriod: '2024-03', cost: 2, lineCost: 3, changeable: true },
  ])
  expect(JSON.parse(stderr).error).toEqual({
    code: 'failed',
    message: 'the lines of 1 of 3 bills do not add up to their bills',
    hint: 'run the statements that are printed with each bill; compare all bills with --full',
  })
  const close = ['billing', 'close', '--period', '2024-03', '--yes', '--database-url', store.url]
  expect((await runCli(close)).stderr).toContain(
    'nothing was changed; `wfstore doctor --full` prints the statement that adds the missing part as a line (check lines)',
  )
  await store.sql(lines[0].fix)
  expect((await verify()).code).toBe(0)
})

it('while a migration is pending, bills are not compared', async () => {
  await bills(1)
  await pastTriggers('delete from wfstore_bill_lines')
  const [row] = await store.sql(
    `delete from wfstore_migrations where name = '009_cost_checks' returning *`,
  )
  expect(await findingOf(store, 'lines')).toMatchObject({
    state: 'warning',
    finding: 'could not be checked: migrations are pending',
    fix: 'wfstore migrate up',
  })
  expect(JSON.parse((await verify('--json')).stdout)).toMatchObject({
    comparedBills: null,
    lines: [],
  })
  await store.sql(
    'insert into wfstore_migrations overriding system value select (json_populate_record(null::wfstore_migrations, $1)).*',
    [JSON.stringify(row)],
  )
})
