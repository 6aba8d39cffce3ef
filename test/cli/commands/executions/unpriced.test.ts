import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
const RUN = '00000001-0000-7000-8000-000000000000'
const show = (...argv: string[]) =>
  runCli(['executions', 'show', RUN, ...argv, '--database-url', database.url])

beforeAll(async () => {
  database = await createMigrated('show-unpriced')
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
     values ($1, 'plan', 'u', 'm', 'of-run', 'success', '2026-01-01Z', '2026-01-02Z', 0.75)`,
    [RUN],
  )
  await database.sql(
    `insert into workflow_steps (execution_id, step_id, step_number, step_name, status, cost, tokens_used, provider, model_id, cost_source)
     select $1, gen_random_uuid(), n, 'step ' || n, 'success', cost, tokens, provider, model, source
     from (values (1, 0.5, 10, 'openai', 'own', 'given'), (2, 0, 10, null, null, 'unpriced'), (3, 0.25, 10, null, 'other', 'unpriced'),
       (4, 0, 10, null, null, 'given'), (5, 0, 0, null, null, null)) as s (n, cost, tokens, provider, model, source)`,
    [RUN],
  )
})
afterAll(() => database.drop())

const NOTE = `2 steps of ${RUN} have no price, so their cost is not in the total; run \`wfstore prices check\``

it('show has the model of each step and no cost for a step without a price', async () => {
  const { code, stdout, stderr } = await show('--json')
  expect([code, stderr]).toEqual([0, expect.stringContaining(NOTE)])
  type Shown = { cost: unknown; provider: unknown; modelId: unknown; costSource: unknown }
  const { steps } = JSON.parse(stdout) as { steps: Shown[] }
  expect(
    steps.map(({ cost, provider, modelId, costSource }) => [cost, provider, modelId, costSource]),
  ).toEqual([
    [0.5, 'openai', 'own', 'given'],
    [null, null, 'of-run', 'unpriced'],
    [0.25, null, 'other', 'unpriced'],
    [0, null, 'of-run', 'given'],
    [0, null, null, null],
  ])
})

it('a step without a price has the cost - in the table', async () => {
  const { stdout } = await runCli(['executions', 'show', RUN, '--database-url', database.url], {
    terminal: 120,
    env: { NO_COLOR: '1' },
  })
  expect(stdout).toMatch(/MODEL/)
  expect(stdout).toMatch(/step 2 .*success +- +- +10 +of-run/)
})
