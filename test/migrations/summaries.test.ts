import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDatabase, loadLegacy, type TestDatabase } from '../support/database.ts'
import { migrate } from '../support/migrate.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase('summaries')
  await loadLegacy(database)
  await migrate(database)
})

afterAll(() => database.drop())

/** '0.127232' in millionths. */
const millionths = (amount: unknown): bigint => {
  const [whole = '0', fraction = ''] = String(amount).split('.')
  expect(fraction.length).toBeLessThanOrEqual(6)
  return BigInt(whole + fraction.padEnd(6, '0'))
}

const summaries = () => database.sql('select * from user_workflow_summary order by user_id')

it('user_workflow_summary equals the sum of the single runs', async () => {
  const runs = await database.sql(
    `select user_id, status, total_cost, total_tokens, start_time,
       (extract(epoch from end_time) - extract(epoch from start_time))::text as seconds from workflow_executions`,
  )
  const shown = await summaries()
  expect(shown.map(({ user_id }) => user_id)).toEqual(
    [...new Set(runs.map(({ user_id }) => user_id))].sort(),
  )
  for (const row of shown) {
    const own = runs.filter(({ user_id }) => user_id === row.user_id)
    const timed = own.filter(({ seconds }) => seconds !== null)
    const counted = (status: string) => String(own.filter((run) => run.status === status).length)
    expect(row).toMatchObject({
      total_executions: String(own.length),
      successful_executions: counted('success'),
      failed_executions: counted('failed'),
      running_executions: counted('running'),
      total_tokens: String(own.reduce((sum, run) => sum + Number(run.total_tokens), 0)),
    })
    expect(millionths(row.total_cost)).toBe(
      own.reduce((sum, run) => sum + millionths(run.total_cost), 0n),
    )
    const microseconds = timed.reduce((sum, run) => sum + millionths(run.seconds), 0n)
    expect(Number(row.avg_execution_time_ms)).toBeCloseTo(
      Number(microseconds) / 1000 / timed.length,
      6,
    )
    const started = own.map(({ start_time }) => (start_time as Date).getTime())
    expect(row.last_execution_time).toEqual(new Date(Math.max(...started)))
  }
})

it('daily_cost_summary equals the sum of the single bills', async () => {
  const bills = await database.sql(
    `select user_id, model_id, cost, tokens_total, to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD') as day from billing_records`,
  )
  const shown = await database.sql('select *, date::text as day from daily_cost_summary')
  expect(shown.map(({ day }) => day)).toEqual(
    shown
      .map(({ day }) => String(day))
      .sort()
      .reverse(),
  )
  const cost = new Map<string, bigint>()
  for (const bill of bills) {
    const key = [bill.user_id, bill.day, bill.model_id].join()
    cost.set(key, (cost.get(key) ?? 0n) + millionths(bill.cost))
  }
  expect(
    new Map(
      shown.map((row) => [[row.user_id, row.day, row.model_id].join(), millionths(row.total_cost)]),
    ),
  ).toEqual(cost)
})

it('a run that moves to usage_history changes no total, to the last digit', async () => {
  const before = await summaries()
  for (const share of [
    '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
  ]) {
    await database.sql(
      `with gone as (delete from workflow_executions where execution_id::text like $1 returning *)
       insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
         steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
       select date_bin('15 minutes', start_time, 'epoch'), user_id, workflow_name, mode, model_id, status, count(*),
         sum(total_cost), sum(total_tokens), sum(steps_total), sum(steps_completed), sum(steps_failed), count(end_time),
         coalesce(sum(extract(epoch from end_time - start_time) * 1000), 0), max(start_time)
       from gone group by 1, 2, 3, 4, 5, 6`,
      [`${share}%`],
    )
    expect(await summaries()).toEqual(before)
  }
  expect(await database.sql('select from workflow_executions')).toEqual([])
})
