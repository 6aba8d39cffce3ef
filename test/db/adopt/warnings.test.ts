import { expect, it, onTestFinished } from 'vitest'
import { almostLegacy } from '../../support/almost.ts'
import { migrate } from '../../support/migrate.ts'

it('rows that are probably wrong are adopted and named, each with a statement in which a person gives the right value', async () => {
  const almost = await almostLegacy('warnings')
  const { database } = almost
  onTestFinished(() => database.drop())
  await almost.make(`
    update workflow_executions set start_time = '2026-11-02', end_time = '2026-11-01', total_tokens = -1;
    update workflow_steps set tokens_used = -2, start_time = '2026-11-02', end_time = '2026-11-01';
    update audit_logs set tokens_used = -3;
    update billing_records set tokens_total = -4, tokens_input = -5, tokens_output = -6`)
  const { notices } = await migrate(database)
  const warnings = notices.filter((line) => line.startsWith('warning: '))
  expect(warnings.map((line) => line.replace(/: \w+_id [^;]*;.*/, ''))).toEqual([
    'warning: workflow_executions has 1 row where end_time is before start_time',
    'warning: workflow_executions has 1 row where total_tokens is negative',
    'warning: workflow_steps has 1 row where end_time is before start_time',
    'warning: workflow_steps has 1 row where tokens_used is negative',
    'warning: audit_logs has 1 row where tokens_used is negative',
    'warning: billing_records has 1 row where tokens_total is negative',
    'warning: billing_records has 1 row where tokens_input is negative',
    'warning: billing_records has 1 row where tokens_output is negative',
  ])
  expect(warnings[0]).toContain(`: execution_id ${almost.run}; check them, then run: update `)
  // A count below 0 says nothing about the right one.
  for (const line of warnings)
    await database.sql(
      line
        .replace(/.*then run: /, '')
        .replace('end_time = ...', 'end_time = start_time')
        .replace('...', '7'),
    )
  expect(
    await database.sql(
      `select e.end_time = e.start_time as ended, total_tokens, tokens_used, tokens_total, b.tokens_input, b.tokens_output
       from workflow_executions e join workflow_steps using (execution_id) join billing_records b using (execution_id)`,
    ),
  ).toEqual([
    {
      ended: true,
      total_tokens: '7',
      tokens_used: '7',
      tokens_total: '7',
      tokens_input: '7',
      tokens_output: '7',
    },
  ])
})
