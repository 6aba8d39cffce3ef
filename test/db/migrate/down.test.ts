import { afterEach, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'

const RUN = '01900000-0000-7000-8000-000000000001'

let database: TestDatabase
afterEach(() => database.drop())

const down = (...words: string[]) =>
  runCli(['migrate', 'down', '6', '--yes', ...words, '--database-url', database.url])

const make = async () => {
  database = await createMigrated('down_costs')
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id) values ('${RUN}', 'w', 'u', 'm', 'm')`,
  )
}

it.each([
  ['workflow_executions.tags', `update workflow_executions set tags = '{"team":"a"}'`],
  ['workflow_executions.session_id', `update workflow_executions set session_id = 's'`],
  [
    'workflow_executions.parent_execution_id',
    `update workflow_executions set parent_execution_id = '${RUN}'`,
  ],
  [
    'workflow_steps.provider, workflow_steps.model_id',
    `insert into workflow_steps (step_id, execution_id, step_number, step_name, provider, model_id) values ('${RUN}', '${RUN}', 1, 's', 'p', 'm')`,
  ],
  [
    'wfstore_settings.cost_tags',
    `insert into wfstore_settings (time_zone, cost_tags) values ('UTC', '{team}')`,
  ],
])('down does not lose %s', async (columns, statement) => {
  await make()
  await database.sql(statement)
  for (const more of [[], ['--dry-run']]) {
    const { code, stderr } = await down(...more)
    expect(code).toBe(1)
    for (const column of columns.split(', ')) expect(stderr).toContain(column)
    expect(stderr).toContain('; nothing was changed; make a backup with pg_dump')
  }
  expect((await down('--force')).code).toBe(0)
})

it.each([
  [
    'wfstore_prices',
    `insert into wfstore_prices (model, meter, price, valid_from, source) values ('m', 'input', 1, now(), 'own')`,
  ],
  [
    'wfstore_bill_lines',
    `insert into billing_records (user_id, model_id, billing_period, cost) values ('u', 'm', '2026-11', 1)`,
  ],
])('down does not lose rows of %s', async (table, statement) => {
  await make()
  await database.sql(statement)
  expect((await down()).stderr).toContain(`tables with rows: ${table}; nothing was changed`)
})

it('without such values it reverts; after down and up the totals and the lines are the same', async () => {
  await make()
  expect((await down()).code).toBe(0)
  await migrate(database)
  await database.sql(
    `insert into billing_records (user_id, model_id, billing_period, cost, tokens_total) select 'u', 'm', '2026-11', n, n from generate_series(1, 1203) n`,
  )
  const sums = `select (select sum(cost)::text from billing_records) as bills, (select sum(cost)::text from wfstore_bill_lines) as lines,
    (select count(*)::int from wfstore_bill_lines) as count, (select md5(string_agg(l::text, ',' order by l)) from wfstore_bill_lines l) as hash`
  const before = await database.sql(sums)
  expect((await down('--force')).code).toBe(0)
  await migrate(database)
  expect(await database.sql(sums)).toEqual(before)
  expect(before).toMatchObject([{ bills: '724206', lines: '724206', count: 2406 }])
})
