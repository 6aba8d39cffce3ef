// @module-tag slow
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { CLEANED } from '../../src/cleanup/types.ts'
import { billingOf } from '../../src/queries/billing/billing.ts'
import { reportStats } from '../../src/queries/usage/report-stats.ts'
import { dollars, instantOf, micros, runOn } from '../queries/usage/support.ts'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { addRun, cleanupsIn, clear, sumOf, uuid } from './cleanup-support.ts'
import { idsOf, leftOf, readStore, removedFrom } from './oracle.ts'
import { totalsOf } from './totals.ts'

let database: TestDatabase
let client: pg.Client
beforeAll(async () => {
  database = await createMigrated('cleanup_property')
  client = await database.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

/** Quarters of an hour at which days, weeks and months begin somewhere, or clocks change, and the last of the year. */
const BORDERS = [
  ...[
    '2024-03-31T01:00:00Z',
    '2024-03-31T22:00:00Z',
    '2024-04-30T18:15:00Z',
    '2024-10-27T00:00:00Z',
  ],
  ...[
    '2024-10-26T21:00:00Z',
    '2024-11-03T05:00:00Z',
    '2024-12-31T23:45:00Z',
    '2024-02-29T00:00:00Z',
  ],
].map(micros)
const ZONES = ['Europe/Berlin', 'Asia/Kathmandu', 'America/Havana']
const PERIODS = ['2024-03', '2024-04', '2024-10']
const USERS = ['a', 'Ä \n"', "b'"]

const nearBorder = fc
  .record({
    border: fc.constantFrom(...BORDERS),
    off: fc.oneof(
      fc.constantFrom(0n, -1n, 1n, 900_000_000n, 899_999_999n),
      fc.bigInt(-4_000_000_000n, 4_000_000_000n),
    ),
  })
  .map(({ border, off }) => border + off)
/** Microseconds, of a run as quick as can be or of days. */
const length = fc.oneof(fc.bigInt(0n, 10n), fc.bigInt(0n, 10n ** 12n))
const after = (nullable: boolean) => (nullable ? fc.option(length, { freq: 3 }) : length)
const user = fc.constantFrom(...USERS)

const seeds = fc.array(
  fc.record({
    user,
    workflow: fc.constantFrom('w', 'W'),
    mode: fc.constantFrom('m', 'n'),
    model: fc.constantFrom('x', 'y'),
    status: fc.constantFrom('running', 'success', 'success', 'failed', 'partial', 'cancelled'),
    start: nearBorder,
    took: after(true),
    created: after(true),
    updated: after(true),
    cost: fc.oneof(fc.bigInt(0n, 10n ** 24n), fc.constant(0n)),
    tokens: fc.bigInt(0n, 10n ** 12n),
    steps: fc.nat(2),
    bill: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
)
/** Of one of the runs, of one that is not there, or of none. */
const entries = fc.array(
  fc.record({
    user,
    at: nearBorder,
    run: fc.option(fc.nat(15)),
    action: fc.constantFrom('tool_call', 'step_end'),
    success: fc.boolean(),
  }),
  { maxLength: 12 },
)
const metrics = fc.array(nearBorder, { maxLength: 5 })
type Stores = { seeds: typeof seeds; entries: typeof entries; metrics: typeof metrics }
type Rows = { [K in keyof Stores]: Stores[K] extends fc.Arbitrary<infer T> ? T : never }

/** Numbers begin at `from`: what comes late is added to what is there. */
async function add(rows: Rows, from: number): Promise<void> {
  const at = (time: bigint | null) => (time === null ? null : instantOf(time))
  const plus = (seed: Rows['seeds'][number], off: bigint | null) =>
    off === null ? null : at(seed.start + off)
  await client.query(
    `with seeds as (select * from jsonb_to_recordset($1) as s (id uuid, "user" text, workflow text, mode text, model text, status text,
       start timestamptz, "end" timestamptz, created timestamptz, updated timestamptz, cost numeric, tokens bigint, steps int, bill boolean, period text)
     ), runs as (
       insert into workflow_executions (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time, created_at,
         updated_at, total_cost, total_tokens, steps_total, steps_completed, steps_failed)
       select id, "user", workflow, mode, model, status, start, "end", created, updated, cost, tokens, steps, steps / 2, steps % 2 from seeds
     ), steps as (
       insert into workflow_steps (execution_id, step_number, step_name) select id, n, 's' from seeds, generate_series(1, steps) n
     ), bills as (
       insert into billing_records (execution_id, user_id, timestamp, model_id, cost, tokens_total, billing_period)
       select id, "user", start, model, cost, tokens, to_char(start, 'YYYY-MM') from seeds where bill
     ), entries as (
       insert into audit_logs (execution_id, user_id, timestamp, action_type, action_details, success)
       select coalesce(run, wfstore_no_run()), "user", at, action, 'd', success from jsonb_to_recordset($2) as e (run uuid, "user" text, at timestamptz, action text, success boolean)
     )
     insert into observability_metrics (timestamp, user_id, metric_type, metric_value)
     select at::timestamptz, 'a', 't', 1 from jsonb_array_elements_text($3) as at`,
    [
      JSON.stringify(
        rows.seeds.map((seed, index) => ({
          ...seed,
          id: uuid(from + index),
          start: at(seed.start),
          end: plus(seed, seed.took),
          created: plus(seed, seed.created),
          updated: plus(seed, seed.updated),
          cost: dollars(seed.cost),
          tokens: String(seed.tokens),
        })),
        (_, value) => (typeof value === 'bigint' ? String(value) : value),
      ),
      JSON.stringify(
        rows.entries.map((entry) => ({
          ...entry,
          at: at(entry.at),
          run: entry.run === null ? null : uuid(entry.run),
        })),
      ),
      JSON.stringify(rows.metrics.map(at)),
    ],
  )
}

const rows = fc.record({ seeds, entries, metrics })
const cleanups = fc.array(
  fc.record({
    cutoff: fc.tuple(nearBorder, fc.constantFrom(0n, 10n ** 12n)).map(([a, b]) => a + b),
    keepLast: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 }),
    batchSize: fc.constantFrom(1, 2, 3, 7, 20_000),
    late: fc.option(rows, { freq: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
)

it('no total changes, to its last digit, and the right rows remain, after any sequence of cleanups', async () => {
  let removedRows = 0
  await fc.assert(
    fc.asyncProperty(rows, cleanups, async (first, all) => {
      await clear(database.sql)
      await add(first, 0)
      let place = 0
      const sums = { execution: 0, step: 0, audit: 0, metric: 0 }
      const zones = ['UTC', ZONES[first.seeds.length % ZONES.length] as string]
      const asked = {
        users: USERS,
        zones,
        periods: PERIODS,
        bounds: { since: instantOf(BORDERS[0] as bigint), until: '2024-11-03T05:00:00Z' },
      }
      let totals = await totalsOf(client, asked)
      for (const { cutoff, late, keepLast, batchSize } of all) {
        if (late) {
          await add(late, 100 * ++place)
          totals = await totalsOf(client, asked)
        }
        const before = await readStore(database)
        const wanted = leftOf(before, cutoff, keepLast)
        const options = {
          allowAll: true,
          before: instantOf(cutoff),
          keepLast,
          batchSize,
          pauseMs: 0,
        }
        const { removed, left } = await cleanup(client, options)
        expect(idsOf(await readStore(database))).toEqual(idsOf(wanted))
        expect(removed).toEqual(removedFrom(before, wanted))
        expect(left).toBeNull()
        for (const kind of CLEANED) sums[kind] += removed[kind]
        expect(await totalsOf(client, asked)).toEqual(totals)
      }
      removedRows += sums.execution + sums.audit
      expect(await client.query('select 1 from billing_records')).toMatchObject({
        rowCount: [first, ...all.map(({ late }) => late)]
          .flatMap((some) => some?.seeds ?? [])
          .filter(({ bill }) => bill).length,
      })
      expect(sumOf(await cleanupsIn(database))).toEqual(sums)
    }),
    // A cluster takes longer for each.
    { numRuns: citusUrl ? 6 : 14 },
  )
  expect(removedRows).toBeGreaterThan(citusUrl ? 10 : 50)
})

it('numbers of kept runs only are marked: percentiles have their count, bills their removed runs', async () => {
  await clear(database.sql)
  for (const [number, start, end] of [
    [1, '2024-03-01T00:00:00Z', '2024-03-01T01:00:00Z'],
    [2, '2024-03-02T00:00:00Z', '2024-03-02T00:00:01Z'],
    [3, '2024-03-03T00:00:00Z', '2024-03-03T00:00:03Z'],
  ] as const) {
    await addRun(database.sql, { id: uuid(number), label: 'w', start, end, cost: '2' })
    await client.query(
      `insert into billing_records (execution_id, user_id, model_id, timestamp, cost, tokens_total, billing_period)
       values ($1, 'u', 'x', $2, 2, 3, '2024-03')`,
      [uuid(number), end],
    )
  }
  const run = runOn(client)
  const period = { period: '2024-03' }
  expect(await billingOf(run, run).differences(period)).toEqual([])
  await cleanup(client, { allowAll: true, before: '2024-03-02T00:00:00Z' })
  expect(await reportStats(run, { since: '2024-03-01T00:00:00Z' })).toMatchObject({
    totalExecutions: 3,
    averageExecutionTime: 3_604_000 / 3,
    p99ExecutionTime: 2980,
    percentilesOver: { runs: 2, since: '2024-03-02T00:00:00.000000Z' },
  })
  const gone = { kind: 'run_gone', runCost: null, billedCost: '2', costDifference: null }
  expect(await billingOf(run, run).reconcile(period)).toMatchObject([
    { ...gone, executionId: uuid(1) },
  ])
})
