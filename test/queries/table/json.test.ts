import { afterAll, expect, it } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { storeOnClient } from '../../../src/store.ts'
import { createMigrated } from '../../support/migrated.ts'

const database = await createMigrated('json')
const store = openStore({ databaseUrl: database.url })
afterAll(async () => {
  await store.close()
  await database.drop()
})

const OF = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
const DATA = { lead: 4711, tags: ['a', null], nested: { score: 0.5, ä: true } }

it('JSON comes out of every function as the value that went in', async () => {
  const run = await store.startExecution({ ...OF, metadata: DATA })
  const step = await run.startStep({ stepNumber: 1, stepName: 's', toolParameters: [1, 'two'] })
  const logId = await step.toolCall({ toolName: 't', input: DATA, output: null, metadata: DATA })
  await step.finish({ status: 'success', result: 'text' })
  await run.finish({ status: 'success' })
  const { executionId } = run
  const got = await store.executions.get(executionId)
  expect(got.metadata).toEqual(DATA)
  expect(got.steps).toMatchObject([{ toolParameters: [1, 'two'], result: 'text' }])
  expect((await store.executions.list({ userId: 'u' })).rows[0]?.metadata).toEqual(DATA)
  expect((await store.steps.get(step.stepId)).toolParameters).toEqual([1, 'two'])
  const entry = { toolInput: DATA, toolOutput: null, metadata: DATA }
  expect(await store.audit.get(logId)).toMatchObject(entry)
  expect(await store.audit.find(logId)).toMatchObject(entry)
  const follow = store.audit.follow({ actionType: 'tool_call' })
  expect(await follow.start(1)).toMatchObject([entry])
  const batch = store.batch()
  await batch.audit({ executionId, action: 'tool_call', metadata: DATA, output: 7 })
  await batch.step({ executionId, stepNumber: 2, stepName: 'b', status: 'success', result: DATA })
  expect(await follow.poll()).toMatchObject([{ toolOutput: 7, metadata: DATA }])
  expect((await store.steps.list({ executionId })).rows[1]?.result).toEqual(DATA)
  const bill = { userId: 'u', modelId: 'x', billingPeriod: '2026-01', metadata: DATA }
  expect((await store.billing.create(bill)).metadata).toEqual(DATA)
  const metric = { userId: 'u', metricType: 't', metricValue: 1, dimensions: DATA }
  expect((await store.metrics.create(metric)).dimensions).toEqual(DATA)
  expect((await store.metrics.current())[0]?.dimensions).toEqual(DATA)
})

it.each(['text', 7, true, [1, { a: 2 }], null])(
  'metadata %j of an older application comes out as it is',
  async (value) => {
    const [row] = await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, metadata)
       values ('w', 'old', 'm', 'x', $1::jsonb) returning execution_id`,
      [JSON.stringify(value)],
    )
    const id = row?.execution_id as string
    expect((await store.executions.get(id)).metadata).toEqual(value)
    expect((await store.executions.update(id, { status: 'failed' })).metadata).toEqual(value)
  },
)

it.each(['text', 7, true, [1], new Date(0)])('metadata %j is refused', async (value) => {
  const refused = {
    code: 'usage',
    message: expect.stringMatching(/^metadata is .*, not an object$/),
  }
  const metadata = value as object
  await expect(store.startExecution({ ...OF, metadata })).rejects.toMatchObject(refused)
  await expect(store.executions.create({ ...OF, metadata })).rejects.toMatchObject(refused)
  const run = await store.startExecution(OF)
  await expect(run.decision({ metadata })).rejects.toMatchObject(refused)
  const { executionId } = run
  const batch = store.batch()
  await expect(batch.audit({ executionId, action: 'a', metadata })).rejects.toMatchObject(refused)
})

it('the command line keeps every digit of a number in JSON', async () => {
  const text = '{"n": 1.000000000000000000001}'
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, metadata) values ('w', 'digits', 'm', 'x', $1::jsonb)`,
    [text],
  )
  const commands = storeOnClient(await database.connect())
  expect((await commands.executions.list({ userId: 'digits' })).rows[0]?.metadata).toBe(text)
  await commands.close()
})
