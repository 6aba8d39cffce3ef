import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { OF, step } from '../recording.ts'
import { createPriced } from './priced.ts'

const priced = await createPriced('price-models')
const { database, run, price, stepsOf, linesOf, sumsOf } = priced

beforeEach(() => priced.clearPrices())
afterAll(() => priced.drop())

describe('a step', () => {
  it('of its own model has that model on the bill, in its audit entries and in its lines', async () => {
    await price('gpt-4o input=1')
    await price('haiku input=0.5')
    const execution = await startExecution(run, OF)
    const own = await execution.startStep({
      ...{ stepNumber: 1, stepName: 'route', modelId: 'haiku', provider: 'anthropic' },
    })
    await own.finish({ status: 'success', tokens: { input: 10 } })
    await (await step(execution, 2)).finish({ status: 'success', tokens: { input: 10 } })
    await execution.finish({ status: 'success' })
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 10 x 1 = 0.00001 priced',
      'anthropic haiku input 10 x 0.5 = 0.000005 priced',
    ])
    expect(
      await database.sql(
        `select action_type, model_id from audit_logs where execution_id = $1 and step_id = $2 order by 1`,
        [execution.executionId, own.stepId],
      ),
    ).toEqual([
      { action_type: 'step_end', model_id: 'haiku' },
      { action_type: 'step_start', model_id: 'haiku' },
    ])
  })

  it('may learn its model at the end, but its earlier attempts keep theirs', async () => {
    await price('haiku input=0.5')
    const execution = await startExecution(run, OF)
    const started = await step(execution)
    await started.retry({ tokens: { input: 10 }, modelId: 'haiku' })
    await expect(started.finish({ status: 'success', modelId: 'gpt-4o' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('has a cost of haiku, not of gpt-4o'),
    })
    await started.finish({ status: 'success', tokens: { input: 1 } })
    await execution.finish({ status: 'success' })
    expect(await linesOf(execution)).toEqual(['haiku input 11 x 0.5 = 0.0000055 priced'])
  })

  it('with priced, unpriced and given attempts has the lines of each, and is unpriced', async () => {
    await price('gpt-4o input=1')
    const execution = await startExecution(run, OF)
    const started = await step(execution)
    await started.retry({ tokens: { input: 3 } })
    await started.retry({ tokens: { output: 4 } })
    await started.finish({ status: 'success', tokens: { input: 5, output: 6 }, cost: '0.5' })
    await execution.finish({ status: 'success' })
    expect(await stepsOf(execution)).toMatchObject([{ cost: '0.500003', source: 'unpriced' }])
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 5 = 0 given',
      'gpt-4o output 6 = 0 given',
      'gpt-4o given = 0.5 given',
      'gpt-4o input 3 x 1 = 0.000003 priced',
      'gpt-4o output 4 = 0 unpriced',
    ])
  })

  it('can be finished again without its cost, also after its price has changed', async () => {
    await price('gpt-4o input=1')
    const execution = await startExecution(run, OF)
    const started = await step(execution)
    const finish = (cost?: string) =>
      started.finish({ status: 'success', tokens: { input: 3 }, ...(cost ? { cost } : {}) })
    await finish()
    await price('gpt-4o input=2')
    const before = await priced.everything(execution)
    await finish()
    expect(await priced.everything(execution)).toEqual(before)
    await expect(finish('0.000009')).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('a step that ends after its run', () => {
  it.each([false, true])(
    'adds its lines to the bill, or to a correction (paid: %s)',
    async (paid) => {
      await price('gpt-4o input=1')
      const execution = await startExecution(run, { ...OF, tags: { team: 'sales' } })
      await (await step(execution)).finish({ status: 'success', tokens: { input: 10 } })
      const late = await step(execution, 2)
      await execution.finish({ status: 'success' })
      await database.sql('update billing_records set paid = $2 where execution_id = $1', [
        execution.executionId,
        paid,
      ])
      await late.finish({ status: 'success', tokens: { input: 5 } })
      expect(await linesOf(execution)).toEqual(
        paid
          ? ['gpt-4o input 10 x 1 = 0.00001 priced', 'gpt-4o input 5 x 1 = 0.000005 priced']
          : ['gpt-4o input 15 x 1 = 0.000015 priced'],
      )
      const { run: sum, ...others } = await sumsOf(execution)
      expect(others).toEqual({ steps: sum, bills: sum, lines: sum })
      for (const { tags } of await database.sql(
        'select tags from billing_records where execution_id = $1',
        [execution.executionId],
      ))
        expect(tags).toEqual({ team: 'sales' })
    },
  )
})
