import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

const WRITTEN =
  'workflow_executions, workflow_steps, audit_logs, observability_metrics, billing_records'
const READ = `${WRITTEN}, usage_history, audit_history, wfstore_periods, wfstore_settings, wfstore_migrations`

let database: TestDatabase
let role: string
let url: URL

beforeAll(async () => {
  database = await createMigrated('record_rights')
  role = `${database.name}_old`
  await database.sql(
    `create role ${role} login; grant select on ${READ} to ${role}; grant insert, update on ${WRITTEN} to ${role}`,
  )
  url = new URL(database.url)
  url.username = role
})
afterAll(async () => {
  await database.sql(`drop owned by ${role}; drop role ${role}`)
  await database.drop()
})

it('a role without the grants on lines and prices gets an error that names the table, and writes nothing', async () => {
  const store = openStore({ databaseUrl: url.href })
  const run = await store.startExecution({
    workflowName: 'w',
    userId: 'u',
    mode: 'm',
    modelId: 'x',
  })
  const step = await run.startStep({ stepName: 's', stepNumber: 1 })
  const denied = {
    code: 'permission_denied',
    message: expect.stringMatching(
      /^permission denied for table wfstore_(bill_lines|prices|model_rules)$/,
    ),
    hint: 'ask the owner of the database for the privilege; `wfstore doctor` with this role says what is missing',
  }
  await expect(
    step.finish({ status: 'success', tokens: { total: 3, input: 3 } }),
  ).rejects.toMatchObject(denied)
  await expect(run.finish({ status: 'success' })).rejects.toMatchObject(denied)
  expect(await database.sql('select status from workflow_executions')).toEqual([
    { status: 'running' },
  ])

  await database.sql(
    `grant select on wfstore_prices, wfstore_model_rules, wfstore_bill_lines to ${role}; grant insert, update on wfstore_bill_lines to ${role}`,
  )
  await step.finish({ status: 'success', tokens: { total: 3, input: 3 } })
  await run.finish({ status: 'success' })
  expect(await database.sql('select meter, quantity::int from wfstore_bill_lines')).toEqual([
    { meter: 'input', quantity: 3 },
  ])
  await store.close()
})
