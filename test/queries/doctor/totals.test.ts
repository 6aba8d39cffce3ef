import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { applyFix, detailsOf, findingOf } from './support.ts'

let store: TestDatabase

beforeAll(async () => {
  store = await createMigrated('doctor_totals')
})
afterAll(() => store.drop())
beforeEach(() => store.sql('truncate workflow_executions cascade'))

/** Runs with two steps of 10 tokens and 1 dollar, one an hour, the newest now. */
const runs = (count: number) =>
  store.sql(`
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, status)
      select lpad(to_hex(n), 32, '0')::uuid, 'w', 'u', 'm', 'x', now() - n * interval '1 hour', 'success' from generate_series(1, ${count}) n;
    insert into workflow_steps (execution_id, step_number, step_name, status, tokens_used, cost)
      select execution_id, k, 's', 'success', 10, 1 from workflow_executions, generate_series(1, 2) k`)

const idOf = (n: number) => `00000000-0000-0000-0000-${n.toString(16).padStart(12, '0')}`

/** Writes totals past the triggers, as an old row has them. */
const damage = (ids: string[], totals = "total_tokens = 1010, total_cost = '11'") =>
  store.sql(
    `begin; set local wfstore.keeps_totals = 'on';
     update workflow_executions set ${totals} where execution_id in ('${ids.join("','")}'); commit`,
  )
const verify = (...words: string[]) =>
  runCli(['migrate', 'verify', '--database-url', store.url, ...words])

it('totals that match their steps are ok, also in an empty store', async () => {
  expect(await findingOf(store, 'totals')).toMatchObject({
    state: 'ok',
    finding: 'there are no runs',
  })
  await runs(3)
  expect(await findingOf(store, 'totals')).toMatchObject({
    state: 'ok',
    finding: 'the totals of 3 runs of all ages match their steps',
    fix: null,
  })
})

it('totals that differ are named with both numbers, and the fix makes them the sums', async () => {
  await runs(3)
  await damage([idOf(2)])
  const finding = await findingOf(store, 'totals')
  expect(finding).toMatchObject({
    state: 'failed',
    finding: `the totals of 1 of 3 runs of all ages differ from their steps: ${idOf(2)} has $11 and 1,010 tokens, its steps $2 and 20`,
  })
  expect(detailsOf(finding)).toMatchObject({
    full: false,
    compared: 3,
    unequal: 1,
    runs: [{ executionId: idOf(2), totalCost: '11', stepCost: '2', totalTokens: '1010' }],
  })
  await applyFix(store, finding)
  expect(await findingOf(store, 'totals')).toMatchObject({ state: 'ok' })
})

it('totals without a step that has tokens or a cost cannot be compared, and are counted', async () => {
  await runs(2)
  await store.sql('delete from workflow_steps where execution_id = $1', [idOf(1)])
  expect(await findingOf(store, 'totals')).toMatchObject({
    state: 'ok',
    finding:
      'the totals of 2 runs of all ages match their steps; 1 of them have totals, and no step with tokens or a cost',
  })
})

it('a sample has the newest runs and some of all ages; --full has all', async () => {
  await runs(5000)
  const { compared } = detailsOf(await findingOf(store, 'totals'))
  expect(compared).toBeGreaterThan(900)
  expect(compared).toBeLessThanOrEqual(1000)
  // The newest, the oldest, and one that no sample has.
  await damage([idOf(1), idOf(5000), idOf(4997 - 25)])
  expect(detailsOf(await findingOf(store, 'totals')).unequal).toBe(2)
  expect(detailsOf(await findingOf(store, 'totals', { full: true }))).toMatchObject({
    full: true,
    compared: 5000,
    unequal: 3,
  })
  expect(JSON.parse((await verify('--json', '--full')).stdout)).toMatchObject({
    comparedRuns: 5000,
    unequalRuns: 3,
  })
})

it('every run of a store with infinite start times is compared', async () => {
  await runs(3)
  const [check] = await store.sql(
    `select pg_get_constraintdef(oid) as text from pg_constraint where conname = 'workflow_executions_finite'`,
  )
  await store.sql('alter table workflow_executions drop constraint workflow_executions_finite')
  await store.sql(
    `update workflow_executions set start_time = '-infinity' where execution_id = $1`,
    [idOf(1)],
  )
  await store.sql(
    `update workflow_executions set start_time = 'infinity' where execution_id = $1`,
    [idOf(2)],
  )
  expect(detailsOf(await findingOf(store, 'totals'))).toMatchObject({ compared: 3 })
  await store.sql(
    `delete from workflow_executions; alter table workflow_executions add constraint workflow_executions_finite ${check?.text}`,
  )
})

it('a total larger than a number of JavaScript keeps its digits', async () => {
  await runs(1)
  await damage(
    [idOf(1)],
    "total_tokens = 9007199254740993, total_cost = '0.1000000000000000000001'",
  )
  expect(detailsOf(await findingOf(store, 'totals')).runs).toMatchObject([
    { totalTokens: '9007199254740993', totalCost: '0.1000000000000000000001' },
  ])
})

it('verify prints each run with its fix, exit 1', async () => {
  await runs(3)
  expect(await verify()).toMatchObject({ code: 0, stderr: 'the schema matches its migrations\n' })
  await damage([idOf(2)])
  const { code, stdout, stderr } = await verify('--json')
  expect(code).toBe(1)
  const { ok, totals, comparedRuns, unequalRuns } = JSON.parse(stdout)
  expect({ ok, totals, comparedRuns, unequalRuns }).toMatchObject({
    ok: false,
    comparedRuns: 3,
    unequalRuns: 1,
    totals: [
      { executionId: idOf(2), totalCost: 11, stepCost: 2, totalTokens: 1010, stepTokens: 20 },
    ],
  })
  expect(JSON.parse(stderr).error).toEqual({
    code: 'failed',
    message: 'the totals of 1 of 3 runs differ from their steps',
    hint: 'run the statements that are printed with each run; compare all runs with --full',
  })
  await store.sql(totals[0].fix)
  expect((await verify()).code).toBe(0)
})

it('verify with a role that may not read runs says that it did not compare them', async () => {
  await runs(1)
  const role = `${store.name}_none`
  await store.sql(`create role ${role} login; grant select on wfstore_migrations to ${role}`)
  const url = new URL(store.url)
  url.username = role
  const { code, stdout, stderr } = await runCli([
    'migrate',
    'verify',
    '--json',
    '--database-url',
    url.href,
  ])
  expect([code, stderr]).toEqual([
    0,
    'the totals of runs were not compared with their steps\nbills were not compared with their lines\nthe schema matches its migrations\n',
  ])
  expect(JSON.parse(stdout)).toMatchObject({ comparedRuns: null, unequalRuns: null, totals: [] })
  await store.sql(`drop owned by ${role}; drop role ${role}`)
})
