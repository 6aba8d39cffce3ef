import { afterAll, beforeAll, expect, it } from 'vitest'
import { runOn } from '../../../src/db/query/query.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { onLayout } from '../../support/on-layout.ts'

const id = '00000000-0000-4000-8000-0000000000a1'
const RUN = `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id) values ('${id}', 'w', 'u', 'm', 'x')`

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('names')
  await database.sql(RUN)
})
afterAll(() => database.drop())

/** The error of a statement, and the one that it has as a statement of one run. */
const errorsOf = (text: string) =>
  withClient(database, async (client) => {
    const run = onLayout(runOn(client))
    const [error, ofRun] = await Promise.allSettled([
      run(text, {}),
      run({ text, values: [], run: id }, {}),
    ])
    return [error, ofRun].map((one) => (one.status === 'rejected' ? one.reason : undefined))
  })

it.each([
  {
    what: 'a check',
    text: `update workflow_executions set total_cost = 'NaN' where execution_id = '${id}'`,
    error: {
      message:
        'new row for relation "workflow_executions" violates check constraint "workflow_executions_finite"',
      hint: 'amounts and times are finite: neither NaN nor infinity',
      cause: { constraint: 'workflow_executions_finite', table: 'workflow_executions' },
    },
  },
  {
    what: 'a key',
    text: RUN,
    error: {
      message: 'duplicate key value violates unique constraint "workflow_executions_pkey"',
      cause: { constraint: 'workflow_executions_pkey' },
    },
  },
  {
    what: 'a foreign key',
    text: `insert into workflow_steps (execution_id, step_number, step_name) values (md5('no run')::uuid, 1, 's')`,
    error: {
      message:
        'insert or update on table "workflow_steps" violates foreign key constraint "workflow_steps_execution_id_fkey"',
      cause: { constraint: 'workflow_steps_execution_id_fkey', table: 'workflow_steps' },
    },
  },
  {
    what: 'a key of a history',
    text: `insert into audit_history (history_id, quarter_start, user_id, entries) overriding system value
      values (1, '2024-01-01', 'u', 1), (1, '2024-01-01', 'u', 1)`,
    error: {
      code: 'conflict',
      message: 'duplicate key value violates unique constraint "audit_history_pkey"',
      hint: expect.stringContaining('the sequence of this table is behind its rows'),
    },
  },
])('an error names the table and the constraint as the schema does: $what', async (given) => {
  for (const error of await errorsOf(given.text)) expect(error).toMatchObject(given.error)
})

it('a check that rows violate has a hint that names the command which finds them', async () => {
  const [error] = await errorsOf(
    `alter table workflow_executions add constraint app_check check (user_id <> 'u')`,
  )
  expect(error).toMatchObject({
    message:
      'check constraint "app_check" of relation "workflow_executions" is violated by some row',
    hint: expect.stringContaining('wfstore doctor --full'),
  })
})
