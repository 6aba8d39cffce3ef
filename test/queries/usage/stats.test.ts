import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { StoreStats } from '../../../src/queries/usage/stats.ts'
import type { Store } from '../../../src/store/types.ts'
import { createTestStore, type TestStore } from '../table/rows-support.ts'

let test: TestStore
let store: Store

beforeAll(async () => {
  test = await createTestStore('stats')
  store = test.store
})
beforeEach(async () => {
  await test.database.sql(
    'truncate workflow_executions, audit_logs, usage_history, audit_history cascade',
  )
})
afterAll(() => test.close())

it('an empty store has zeros in the documented shape, for a user and for all', async () => {
  const zeros = {
    ...{ totalExecutions: 0, runningExecutions: 0, successfulExecutions: 0, failedExecutions: 0 },
    ...{ totalCost: 0, totalTokens: 0, totalAuditLogs: 0, averageExecutionTime: 0 },
  }
  const additional = { partialExecutions: 0, cancelledExecutions: 0, totalCostExact: '0' }
  expect(await store.getStats('user_123')).toEqual({ ...zeros, ...additional })
  expect(await store.getStats()).toEqual({ ...zeros, ...additional })
})

const USERS = ['u0', 'u1', 'u2']
const STATUSES = ['running', 'success', 'failed', 'partial', 'cancelled']

interface Seed {
  user: string
  status: string
  /** Trillionths of a dollar, so that sums are exact in whole numbers. */
  cost: bigint
  tokens: number
  /** Milliseconds; a running run has none. */
  duration: number | null
}

const runs = Array.from(
  { length: 60 },
  (_, index): Seed => ({
    user: USERS[index % 3] as string,
    status: STATUSES[index % 5] as string,
    cost: BigInt(index) * 1_234_567_890_123n,
    tokens: index * 3_000_000_000,
    duration: index % 5 === 0 ? null : index * 1000.5,
  }),
)

const dollars = (trillionths: bigint) => {
  const text = String(trillionths).padStart(13, '0')
  return `${text.slice(0, -12)}.${text.slice(-12)}`
}

/** Runs at even places are live, the others are what cleanup leaves of them, in two rows of the same key at times. */
async function fill(): Promise<void> {
  for (const [index, { user, status, cost, tokens, duration }] of runs.entries()) {
    const values = [user, status, dollars(cost), tokens, duration]
    await test.database.sql(
      index % 2 === 0
        ? `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, total_cost, total_tokens, start_time, end_time)
           values ('w', $1, 'm', 'x', $2, $3, $4, '2026-01-01Z', '2026-01-01Z'::timestamptz + $5::float8 * interval '1 millisecond')`
        : `insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
             steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
           values ('2026-01-01Z', $1, 'w', 'm', 'x', $2, 1, $3, $4, 0, 0, 0, ($5::float8 is not null)::int, coalesce($5::float8, 0)::numeric, '2026-01-01Z')`,
      values,
    )
  }
  await test.database.sql(
    `insert into audit_logs (user_id, action_type, action_details)
     select 'u' || n % 2, 'a', 'd' from generate_series(1, 7) as n`,
  )
  await test.database.sql(
    `insert into audit_history (quarter_start, user_id, entries)
     values ('2026-01-01Z', 'u0', 100), ('2026-01-01Z', 'u0', 10), ('2026-01-02Z', 'u1', 1000)`,
  )
}

/** The same sums over the seeds, in JavaScript's whole numbers. */
function summed(of: Seed[], totalAuditLogs: number): StoreStats {
  const count = (status: string) => of.filter((run) => run.status === status).length
  const timed = of.flatMap(({ duration }) => (duration === null ? [] : [duration]))
  const exact = dollars(of.reduce((sum, { cost }) => sum + cost, 0n))
  return {
    totalExecutions: of.length,
    runningExecutions: count('running'),
    successfulExecutions: count('success'),
    failedExecutions: count('failed'),
    partialExecutions: count('partial'),
    cancelledExecutions: count('cancelled'),
    totalCost: Number(exact),
    totalCostExact: exact,
    totalTokens: of.reduce((sum, { tokens }) => sum + tokens, 0),
    totalAuditLogs,
    averageExecutionTime: timed.reduce((sum, ms) => sum + ms, 0) / timed.length,
  }
}

it('totals include live runs and runs that cleanup has removed, for one user and for all', async () => {
  await fill()
  expect(await store.getStats()).toEqual(summed(runs, 7 + 1110))
  for (const [user, entries] of [
    ['u0', 3 + 110],
    ['u1', 4 + 1000],
    ['u2', 0],
  ] as const) {
    const own = runs.filter((run) => run.user === user)
    expect(await store.getStats(user)).toEqual(summed(own, entries))
  }
})

it('the average includes only runs that have ended', async () => {
  const run = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
  await store.executions.create(run)
  expect((await store.getStats('u')).averageExecutionTime).toBe(0)
  for (const second of ['02', '04']) {
    const times = { startTime: '2026-01-01T00:00:00Z', endTime: `2026-01-01T00:00:${second}Z` }
    await store.executions.create({ ...run, ...times, status: 'success' })
  }
  expect(await store.getStats('u')).toMatchObject({
    ...{ totalExecutions: 3, runningExecutions: 1, averageExecutionTime: 3000 },
  })
})
