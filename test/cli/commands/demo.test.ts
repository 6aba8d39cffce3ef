import { afterEach, beforeEach, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
const demo = (env = {}) => runCli(['demo', '--database-url', database.url], { env })

beforeEach(async () => {
  database = await createDatabase('demo')
})
afterEach(() => database.drop())

it('demo creates a history with exact totals, and prints the newest ten runs', async () => {
  const { code, stdout } = await demo()
  expect(code).toBe(0)
  const newest = await database.sql(
    'select execution_id as id from workflow_executions order by start_time desc limit 10',
  )
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0]),
  ).toEqual(['executionId', ...newest.map(({ id }) => id)])

  const [counts] = await database.sql(
    `select count(*)::int as runs, count(distinct user_id)::int as users, count(distinct mode)::int as modes,
       count(distinct model_id)::int as models, count(distinct workflow_name)::int as workflows,
       count(distinct status)::int as statuses, count(*) filter (where status = 'running')::int as running,
       min(start_time) > timestamptz '2026-11-26T00:00Z' - interval '91 days' as young, max(start_time) < '2026-11-26T12:00Z' as past
     from workflow_executions`,
  )
  expect(counts).toEqual({
    runs: 400,
    users: 8,
    modes: 3,
    models: 4,
    workflows: 7,
    statuses: 5,
    running: 3,
    young: true,
    past: true,
  })

  const wrong = await database.sql(
    `select e.execution_id from workflow_executions e
     left join lateral (select coalesce(sum(cost), 0) as cost, coalesce(sum(tokens_used), 0) as tokens, count(*) as steps,
       count(*) filter (where status = 'success') as done, count(*) filter (where status = 'failed') as failed
       from workflow_steps s where s.execution_id = e.execution_id) s on true
     where (e.total_cost, e.total_tokens, e.steps_total, e.steps_completed, e.steps_failed)
       is distinct from (s.cost, s.tokens, s.steps, s.done, s.failed)
     or (e.status = 'running') <> (e.end_time is null)`,
  )
  expect(wrong).toEqual([])
  const [bills] = await database.sql(
    `select count(*)::int = 397 as one_each, sum(b.cost) = sum(e.total_cost) as cost, sum(b.tokens_total) = sum(e.total_tokens) as tokens,
       bool_and(b.tokens_total = b.tokens_input + b.tokens_output + b.tokens_cache_read) as classes
     from billing_records b join workflow_executions e using (execution_id)`,
  )
  expect(bills).toEqual({ one_each: true, cost: true, tokens: true, classes: true })
  const [audit] = await database.sql(
    `select count(*) filter (where action_type = 'workflow_start')::int as started,
       count(*) filter (where action_type = 'workflow_end')::int as ended,
       sum(cost) = (select sum(total_cost) from workflow_executions) as cost from audit_logs`,
  )
  expect(audit).toEqual({ started: 400, ended: 397, cost: true })
  const [calls] = await database.sql(
    `select (select count(*) from audit_logs where action_type = 'tool_call' and not success)
          = (select count(*) from workflow_steps where tool_name is not null and status = 'failed') as failed,
       bool_or(success) and not bool_and(success) as both from audit_logs where action_type = 'tool_call'`,
  )
  expect(calls).toEqual({ failed: true, both: true })
})

/** Everything but when it was written, and the runs of the last minutes. */
const FINISHED = `select e.execution_id, e.start_time, e.end_time, e.status, e.total_cost, e.total_tokens, b.billing_id, b.cost,
  (select array_agg((s.step_id, s.start_time, s.end_time, s.cost) order by s.step_number)::text from workflow_steps s
   where s.execution_id = e.execution_id) as steps,
  (select array_agg((a.log_id, a.timestamp, a.action_type) order by a.log_id)::text from audit_logs a
   where a.execution_id = e.execution_id) as entries
  from workflow_executions e join billing_records b using (execution_id) order by 1`

it('demos of one day have the same finished runs, down to the ids, and all ended before that day', async () => {
  const runsOf = async (now: string) => {
    const other = await createDatabase('demo')
    const argv = ['demo', '--database-url', other.url]
    expect((await runCli(argv, { now })).code).toBe(0)
    const runs = await other.sql(FINISHED)
    await other.drop()
    return runs
  }
  const early = await runsOf('2026-11-26T00:00:00Z')
  const late = await runsOf('2026-11-26T23:59:59Z')
  const tomorrow = await runsOf('2026-11-27T00:00:00Z')
  expect(early).toHaveLength(397)
  expect(late).toEqual(early)
  expect(early.filter((run) => timeOf(run.end_time) >= Date.parse('2026-11-26'))).toEqual([])
  const dayLater = early.map((run) => [timeOf(run.start_time) + 86_400_000, run.cost])
  expect(tomorrow.map((run) => [timeOf(run.start_time), run.cost])).toEqual(dayLater)
})

const timeOf = (value: unknown) => (value as Date).getTime()

it('a second demo changes nothing, also at the same time', async () => {
  const both = await Promise.all([demo(), demo()])
  expect(both.map(({ code }) => code)).toEqual([0, 0])
  const notes = (await Promise.all([...both, demo()])).map(({ stderr }) =>
    /already has runs/.test(stderr),
  )
  expect(notes.filter(Boolean)).toHaveLength(2)
  expect(await database.sql('select count(*)::int as n from workflow_executions')).toEqual([
    { n: 400 },
  ])
})

it('demo never writes to a database that only the environment selects', async () => {
  const { code, stderr } = await runCli(['demo'], {
    env: { DATABASE_URL: database.url },
    cwd: '/dev/null/none',
  })
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/^error: .*\/dev\/null\/none/)
  expect(await database.sql(`select to_regclass('workflow_executions') as made`)).toEqual([
    { made: null },
  ])
})

it('demo fills the given schema', async () => {
  expect((await runCli(['demo', '--schema', 'try', '--database-url', database.url])).code).toBe(0)
  expect(await database.sql('select count(*)::int as n from try.workflow_executions')).toEqual([
    { n: 400 },
  ])
  expect(await database.sql(`select to_regclass('public.workflow_executions') as made`)).toEqual([
    { made: null },
  ])
})

it('demo neither adopts nor migrates a database that contains runs', async () => {
  await loadLegacy(database)
  const { code, stdout, stderr } = await demo()
  expect([code, stdout]).toEqual([4, ''])
  expect(stderr).toContain('workflow tables that wfstore has not adopted yet')
  const untouched = `select data_type as type, to_regclass('wfstore_migrations') as history from information_schema.columns
    where table_name = 'workflow_executions' and column_name = 'start_time'`
  expect(await database.sql(untouched)).toEqual([
    { type: 'timestamp without time zone', history: null },
  ])
})
