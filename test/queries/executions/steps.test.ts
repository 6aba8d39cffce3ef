import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Store } from '../../../src/store/types.ts'
import { createTestStore, RUN, type TestStore, UNKNOWN } from '../table/rows-support.ts'

let test: TestStore
let store: Store
let executionId: string

beforeAll(async () => {
  test = await createTestStore('steps')
  store = test.store
})
beforeEach(async () => {
  await test.database.sql('delete from workflow_executions')
  executionId = (await store.executions.create(RUN)).executionId
})
afterAll(() => test.close())

const full = {
  stepNumber: 2,
  stepName: 'Load',
  stepDescription: 'from the CRM',
  toolName: 'crm',
  toolParameters: { q: 1 },
  status: 'failed' as const,
  startTime: '2026-03-01T08:00:00Z',
  endTime: new Date('2026-03-01T08:00:01Z'),
  durationMs: 1000,
  retryCount: 3,
  cost: '10000.000000000001',
  tokensUsed: 107,
  tokensInput: 60,
  tokensOutput: 40,
  tokensCacheRead: 0,
  tokensCacheWrite: null,
  tokensReasoning: 7,
  result: { rows: 3 },
  errorMessage: 'no',
}
const told = {
  ...full,
  startTime: '2026-03-01T08:00:00.000000Z',
  endTime: '2026-03-01T08:00:01.000000Z',
}

it('a step is created with every field as given, then read, changed and deleted', async () => {
  const made = await store.steps.create({ ...full, executionId })
  expect(made).toMatchObject({ ...told, executionId })
  expect(await store.steps.get(made.stepId)).toEqual(made)
  expect(await store.steps.create({ ...full, executionId, stepId: made.stepId })).toEqual(made)
  const changed = await store.steps.update(made.stepId, { status: 'success', errorMessage: null })
  expect(changed).toEqual({
    ...{ ...made, status: 'success', errorMessage: null },
    updatedAt: changed.updatedAt,
  })
  await store.steps.delete(made.stepId)
  expect((await store.steps.list({ executionId })).rows).toEqual([])
})

it('a step with the fewest fields is pending, without times, and its token classes are not known', async () => {
  expect(await store.steps.create({ executionId, stepNumber: 0, stepName: 's' })).toMatchObject({
    ...{ status: 'pending', startTime: null, endTime: null, durationMs: null, cost: '0' },
    ...{ tokensUsed: 0, tokensInput: null, tokensReasoning: null, retryCount: 0, result: null },
  })
})

it('a step of an unknown run is not_found, and nothing is written', async () => {
  const step = { executionId: UNKNOWN, stepNumber: 1, stepName: 's' }
  await expect(store.steps.create(step)).rejects.toMatchObject({
    code: 'not_found',
    message: `execution ${UNKNOWN} does not exist`,
  })
  expect(await test.database.sql('select 1 from workflow_steps')).toEqual([])
})

it('a step id that exists in several runs is refused alone and works together with its run', async () => {
  const other = (await store.executions.create(RUN)).executionId
  const step = { stepId: UNKNOWN, stepNumber: 1, stepName: 's' }
  for (const run of [executionId, other]) await store.steps.create({ ...step, executionId: run })
  for (const ambiguous of [
    () => store.steps.get(UNKNOWN),
    () => store.steps.update(UNKNOWN, { stepName: 't' }),
    () => store.steps.delete(UNKNOWN),
  ]) {
    await expect(ambiguous()).rejects.toMatchObject({
      code: 'usage',
      message: `several executions have a step ${UNKNOWN}`,
    })
  }
  const key = { executionId: other, stepId: UNKNOWN }
  expect(await store.steps.update(key, { stepName: 't' })).toMatchObject({ ...key, stepName: 't' })
  await store.steps.delete(key)
  expect(await store.steps.get(UNKNOWN)).toMatchObject({ executionId, stepName: 's' })
})

it('an unknown step is not_found, with and without its run', async () => {
  for (const key of [UNKNOWN, { executionId, stepId: UNKNOWN }]) {
    for (const gone of [
      () => store.steps.get(key),
      () => store.steps.update(key, { stepName: 't' }),
      () => store.steps.delete(key),
    ]) {
      await expect(gone()).rejects.toMatchObject({ code: 'not_found' })
    }
  }
})

it('executions.get has the same steps as steps.list, in their order', async () => {
  for (const stepNumber of [3, 1, 2])
    await store.steps.create({ ...full, executionId, stepNumber, stepName: `${stepNumber}` })
  const { steps } = await store.executions.get(executionId)
  expect(steps.map(({ stepNumber }) => stepNumber)).toEqual([1, 2, 3])
  expect((await store.steps.list({ executionId })).rows).toEqual(steps)
})
