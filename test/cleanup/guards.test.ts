import { afterAll, beforeEach, expect, it } from 'vitest'
import { countCleanup } from '../../src/cleanup/count.ts'
import type { CleanupOptions } from '../../src/cleanup/types.ts'
import { examine } from '../../src/queries/doctor/doctor.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'
import { totalsOf } from './archive/support.ts'
import { addEntry, addRun, beforehand, clean, uuid } from './cleanup-support.ts'

let database: TestDatabase
const opened: TestDatabase[] = []
beforeEach(async () => {
  database = await createMigrated('cleanup_guards')
  opened.push(database)
  for (let n = 1; n <= RUNS; n++) {
    const at = `2024-01-01T00:00:${String(n).padStart(2, '0')}Z`
    await addRun(database.sql, { id: uuid(n), label: 'A', start: at, end: at, steps: 2 })
    await addEntry(database.sql, { id: uuid(n + 100), run: uuid(n), at })
  }
  await addEntry(database.sql, { id: uuid(200), run: null, at: '2024-01-01Z' })
  await database.sql(
    `insert into observability_metrics (metric_id, timestamp, user_id, metric_type, metric_value)
     select ('00000000-0000-7000-8000-' || lpad((300 + n)::text, 12, '0'))::uuid, '2024-01-01Z', 'u', 't', n from generate_series(1, 2) n`,
  )
})
afterAll(() => Promise.all(opened.map((each) => each.drop())))

const RUNS = 6
const before = '2024-06-01T00:00:00Z'
const runsLeft = async () =>
  (
    await database.sql('select execution_id as id from workflow_executions order by execution_id')
  ).map(({ id }) => Number((id as string).slice(-12)))
const counted = (options: CleanupOptions = { before }) =>
  withClient(database, (client) => countCleanup(client, options))

const KEYS = [
  ['of a run', ''],
  ['of a run with RESTRICT', 'on delete restrict'],
  ['that is checked at commit', 'deferrable initially deferred'],
] as const

it.each(KEYS)('a foreign key %s keeps only what it refers to', async (_, action) => {
  await database.sql(`create table app (run uuid references workflow_executions ${action})`)
  await database.sql('insert into app values ($1), (null)', [uuid(1)])
  const totals = await totalsOf(database)
  const plan = await counted()
  const result = await clean(database, { before })
  expect(await runsLeft()).toEqual([1])
  expect(result).toMatchObject({
    outcome: 'done',
    removed: { execution: RUNS - 1, step: 2 * (RUNS - 1), audit: RUNS, metric: 2 },
    kept: {
      execution: { protected: 1, newest: 0, locked: 0 },
      audit: { runKept: 1, protected: 0 },
      protectedBy: ['app_run_fkey of app'],
    },
  })
  expect(plan).toMatchObject({ remove: result.removed, kept: beforehand(result.kept) })
  expect(plan.remain).toEqual({ execution: 1, step: 2, audit: 1, metric: 0 })
  expect(await totalsOf(database)).toEqual(totals)
  // As soon as the application lets it go, it goes.
  await database.sql('delete from app')
  expect((await clean(database, { before })).removed.execution).toBe(1)
})

it('several keys, of several columns, on steps, audit entries and metrics are all respected', async () => {
  const [step] = await database.sql(
    'select step_id as id from workflow_steps where execution_id = $1 limit 1',
    [uuid(2)],
  )
  await database.sql(`
    alter table workflow_executions add constraint both_keys unique (execution_id, user_id);
    create table one (run uuid, who text, foreign key (run, who) references workflow_executions (execution_id, user_id));
    alter table workflow_steps add constraint step_key unique (step_id, execution_id);
    create schema other;
    create table other."Two" ("The run" uuid, "The step" uuid,
      constraint "two's" foreign key ("The step", "The run") references workflow_steps (step_id, execution_id) on delete restrict);
    alter table audit_logs add constraint log_key unique (log_id);
    create table three (log uuid references audit_logs (log_id));
    alter table observability_metrics add constraint metric_key unique (metric_id);
    create table four (metric uuid references observability_metrics (metric_id))`)
  await database.sql('insert into one values ($1, $2), ($3, null)', [uuid(1), 'u', uuid(5)])
  await database.sql('insert into other."Two" values ($1, $2)', [uuid(2), step?.id])
  await database.sql('insert into three values ($1)', [uuid(200)])
  await database.sql('insert into four values ($1)', [uuid(301)])
  const totals = await totalsOf(database)
  const plan = await counted()
  const result = await clean(database, { before })
  expect(await runsLeft()).toEqual([1, 2])
  expect(result.removed).toEqual({ execution: 4, step: 8, audit: 4, metric: 1 })
  expect(result.kept).toEqual({
    execution: { running: 0, endedLater: 0, newest: 0, protected: 2, locked: 0 },
    audit: { runKept: 2, protected: 1, locked: 0 },
    metric: { protected: 1, locked: 0 },
    protectedBy: [
      'one_run_who_fkey of one',
      `two's of other."Two"`,
      'three_log_fkey of three',
      'four_metric_fkey of four',
    ],
    lockedBy: [],
  })
  expect(plan).toMatchObject({ remove: result.removed, kept: beforehand(result.kept) })
  expect(await totalsOf(database)).toEqual(totals)
  const [past] = await database.sql(
    'select rows_protected::int as rows from wfstore_cleanups order by started_at desc limit 1',
  )
  expect(past).toEqual({ rows: 4 })
})

it('of runs that refer to each other those that are old go together', async () => {
  await database.sql(
    'alter table workflow_executions add parent uuid references workflow_executions',
  )
  await addRun(database.sql, { id: uuid(50), label: 'A', start: '2025-01-01Z', end: '2025-01-01Z' })
  await database.sql(
    'update workflow_executions set parent = execution_id where execution_id = $1',
    [uuid(1)],
  )
  await database.sql('update workflow_executions set parent = $1 where execution_id = $2', [
    uuid(3),
    uuid(2),
  ])
  await database.sql('update workflow_executions set parent = $1 where execution_id = $2', [
    uuid(2),
    uuid(3),
  ])
  await database.sql('update workflow_executions set parent = $1 where execution_id = $2', [
    uuid(4),
    uuid(50),
  ])
  const plan = await counted()
  const result = await clean(database, { before })
  expect(await runsLeft()).toEqual([4, 50])
  expect(result.kept.execution.protected).toBe(1)
  expect(plan.remove).toEqual(result.removed)
})

it('a key that only the server sees keeps its row too, and nothing else', async () => {
  // The row of `app` would go with its run, but another table refers to it.
  await database.sql(`
    create table app (id int primary key, run uuid references workflow_executions on delete cascade);
    create table of_app (id int references app);
    insert into app select n, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid from generate_series(1, 6) n;
    insert into of_app values (3), (4)`)
  const totals = await totalsOf(database)
  const result = await clean(database, { before })
  expect(await runsLeft()).toEqual([3, 4])
  expect(result.kept).toMatchObject({
    execution: { protected: 2 },
    audit: { runKept: 2 },
    protectedBy: ['of_app_id_fkey of of_app'],
  })
  expect(await totalsOf(database)).toEqual(totals)
})

it('the newest runs of a workflow count as newest, not as protected', async () => {
  await database.sql('create table app (run uuid references workflow_executions)')
  await database.sql('insert into app values ($1), ($2)', [uuid(1), uuid(6)])
  const plan = await counted({ before, keepLast: 2 })
  const result = await clean(database, { before, keepLast: 2 })
  expect(await runsLeft()).toEqual([1, 5, 6])
  expect(result.kept.execution).toMatchObject({ newest: 2, protected: 1 })
  expect(plan.kept).toEqual(beforehand(result.kept))
})

it('a foreign key without an index is named with its statement before work begins, and the first batch is small', async () => {
  await database.sql(`
    create table app (a int, run uuid references workflow_executions on delete set null);
    create table indexed (run uuid references workflow_executions on delete set null);
    create index on indexed (run);
    insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time)
      select 'w', 'u', 'm', 'x', 'success', '2024-01-02Z', '2024-01-02Z' from generate_series(1, 20)`)
  const said: string[] = []
  const warning = (line: string) => said.push(line)
  const progress = ({ execution }: { execution: number }) => said.push(String(execution))
  await clean(database, { before, warning, progress })
  expect(said.slice(0, 2)).toEqual([
    'the foreign key app_run_fkey of app has no index, which makes this cleanup slow; run: create index concurrently on app (run)',
    '10',
  ])
  const finding = () =>
    withClient(database, async (client) =>
      (await examine(client, {})).find(({ check }) => check === 'indexes'),
    )
  expect(await finding()).toMatchObject({
    state: 'warning',
    finding: 'foreign keys without an index make cleanup slow: app_run_fkey of app',
    fix: 'create index concurrently on app (run)',
  })
  await database.sql('create index concurrently on app (run)')
  expect(await finding()).toMatchObject({ state: 'ok' })
})
