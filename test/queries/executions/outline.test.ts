import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { openStore, type Store } from '../../../src/index.ts'
import { modelsOf } from '../../../src/queries/executions/models.ts'
import { executionOutline } from '../../../src/queries/executions/outline.ts'
import { conversation } from '../../../src/queries/executions/session.ts'
import { stepData } from '../../../src/queries/executions/step-data.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
let store: Store
let run: Run
let stop: () => Promise<void>
beforeAll(async () => {
  database = await createMigrated('outline')
  const client = await database.connect()
  run = (statement, shape) => query(client, statement, shape, { json: 'text' })
  store = openStore({ databaseUrl: database.url })
  stop = async () => {
    await client.end()
    await store.close()
    await database.drop()
  }
})
afterAll(() => stop())

const id = (number: number) => `0000${String(number).padStart(4, '0')}-0000-7000-8000-000000000000`
const start = async (number: number, more = {}) =>
  store.startExecution({
    executionId: id(number),
    workflowName: 'w',
    userId: 'u',
    mode: 'm',
    modelId: 'gpt-4o',
    ...more,
  })

describe('the outline of a run', () => {
  it('has all steps in the order of `executions show`, without their data', async () => {
    const { startStep } = await start(1)
    for (const stepNumber of [3, 1, 2]) {
      const step = await startStep({
        stepNumber,
        stepName: `s${stepNumber}`,
        toolParameters: { q: 1 },
      })
      await step.finish({ status: 'success', result: { big: 'x'.repeat(1000) } })
    }
    const outline = await executionOutline(run, id(1))
    const { steps } = await store.executions.get(id(1))
    expect(outline?.steps.map(({ stepId }) => stepId)).toEqual(steps.map(({ stepId }) => stepId))
    expect(JSON.stringify(outline)).not.toContain('xxx')
  })

  it('is cut with the number of all steps', async () => {
    const outline = await executionOutline(run, id(1), { limit: 2 })
    expect(outline?.steps.map(({ stepNumber }) => stepNumber)).toEqual([1, 2])
    expect(outline?.stepCount).toBe(3)
  })

  it('is undefined for a run that is not kept', async () => {
    expect(await executionOutline(run, id(9999))).toBeUndefined()
  })
})

it('the data of a step is cut, all digits of its numbers remain, and a very large value is not read', async () => {
  const { startStep } = await start(2)
  const step = await startStep({ stepNumber: 1, stepName: 's' })
  await step.finish({ status: 'success' })
  const random = "(select string_agg(md5(i::text), '') from generate_series(1, 20000) i)"
  await database.sql(
    `update workflow_steps set tool_parameters = '{"n": 1234567890.123456789012345678}', result = to_jsonb(${random}), error_message = repeat('e', 5000)
     where execution_id = $1`,
    [id(2)],
  )
  const [data] = await stepData(run, id(2), [step.stepId])
  expect(data?.toolParameters).toBe('{\n    "n": 1234567890.123456789012345678\n}')
  expect(data?.result).toBe('')
  expect(data?.errorMessage).toHaveLength(2001)
})

describe('the models of a run', () => {
  it('have the sums of its steps by model, provider and source, and together the cost of the run', async () => {
    await store.prices.set({
      model: 'priced-model',
      input: '2',
      output: '10',
      from: '2020-01-01T00:00:00Z',
    })
    const { startStep, finish } = await start(3)
    const call = async (stepNumber: number, modelId: string | undefined, end: object) => {
      const step = await startStep({
        stepNumber,
        stepName: 's',
        ...(modelId === undefined ? {} : { modelId }),
      })
      await step.finish({ status: 'success', ...end })
    }
    await call(1, undefined, { cost: '0.1', tokens: { input: 10 } })
    await call(2, undefined, { cost: '0.2', tokens: { input: 5, output: 1 } })
    await call(3, 'priced-model', { tokens: { input: 1000, output: 100 } })
    await call(4, 'unknown-model', { tokens: { input: 7 } })
    await call(5, undefined, {})
    await finish({ status: 'success' })
    const { models, cost, rest } = await modelsOf(run, id(3))
    expect(
      models.map((use) => [
        use.modelId,
        use.steps,
        use.unpriced,
        use.tokensInput,
        use.tokensOutput,
        use.priced,
        use.given,
        use.cost,
      ]),
    ).toEqual([
      ['gpt-4o', 2, 0, 15, 1, '0', '0.3', '0.3'],
      ['priced-model', 1, 0, 1000, 100, '0.003', '0', '0.003'],
      ['unknown-model', 1, 1, 7, null, '0', '0', '0'],
    ])
    const [row] = await database.sql(
      'select trim_scale(total_cost)::text as cost from workflow_executions where execution_id = $1',
      [id(3)],
    )
    expect(cost).toBe(row?.cost)
    expect(rest).toBe('0')
  })

  it('say what the steps of a run of another client do not explain', async () => {
    await database.sql('set session_replication_role = replica')
    await database.sql(
      'update workflow_executions set total_cost = total_cost + 1.5 where execution_id = $1',
      [id(3)],
    )
    await database.sql('set session_replication_role = origin')
    expect((await modelsOf(run, id(3))).rest).toBe('1.5')
  })
})

describe('the conversation of a run', () => {
  beforeAll(async () => {
    for (let number = 10; number < 20; number++)
      await start(number, { sessionId: 'chat', startTime: `2026-11-01T00:00:${number}Z` })
  })
  const around = async (number: number, nearest: number) => {
    const found = await conversation(run, await store.executions.get(id(number)), nearest)
    return (
      found && {
        turns: found.turns.map(({ executionId }) => Number(executionId.slice(4, 8))),
        cut: found.cut,
      }
    )
  }

  it.each([
    [15, 2, [13, 14, 15, 16, 17], true],
    [10, 2, [10, 11, 12], true],
    [19, 2, [17, 18, 19], true],
    [15, 50, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19], false],
    [11, 8, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19], false],
  ])('of run %i has at most %i runs on each side', async (number, nearest, turns, cut) => {
    expect(await around(number, nearest)).toEqual({ turns, cut })
  })

  it('is null without a session', async () => {
    expect(await around(1, 2)).toBeNull()
  })
})
