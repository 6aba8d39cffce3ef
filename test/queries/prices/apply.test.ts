import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { correctBill } from '../../../src/queries/billing/correct.ts'
import { applyPrices, recalculatePrices } from '../../../src/queries/prices/apply.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import type { Attempt } from '../../../src/record/recorder/steps.ts'
import type { ExecutionRecorder } from '../../../src/record/recorder/types.ts'
import { createPriced } from '../../record/prices/priced.ts'
import { OF, step } from '../../record/recording.ts'

const priced = await createPriced('apply-prices')
const { database, run, price, stepsOf, linesOf, sumsOf } = priced
const SINCE = '2020-01-01T00:00:00Z'

beforeEach(async () => {
  await priced.clearPrices()
  await database.sql('truncate workflow_executions, workflow_steps, billing_records')
})
afterAll(() => priced.drop())

/** A finished run with a step for each of these ends. */
const recorded = async (...ends: Attempt[]) => {
  const execution = await startExecution(run, OF)
  for (const [n, end] of ends.entries())
    await (await step(execution, n)).finish({ status: 'success', ...end })
  await execution.finish({ status: 'success' })
  return execution
}

const apply = () => applyPrices(run, run, { since: SINCE })
const recalculate = () =>
  recalculatePrices(run, run, { since: SINCE, reason: 'the list was wrong' })

const settle = (settled: string, { executionId }: ExecutionRecorder) =>
  settled === 'paid'
    ? database.sql('update billing_records set paid = true where execution_id = $1', [executionId])
    : database
        .sql(
          `with moved as (update billing_records set billing_period = '2020-01' where execution_id = $1) select`,
          [executionId],
        )
        .then(() => database.sql(`select wfstore_close('2020-01')`))

/** All sums of a run, which must be the same. */
const agreedSum = async (execution: ExecutionRecorder) => {
  const { run: sum, ...others } = await sumsOf(execution)
  expect(others).toEqual({ steps: sum, bills: sum, lines: sum })
  return sum
}

describe('prices apply', () => {
  it('prices steps by the prices of their time, and the open bill with them', async () => {
    const execution = await recorded(
      { tokens: { input: 10, output: 2 } },
      { tokens: { input: 5 }, cost: '0.5' },
      { tokens: { cacheRead: 7 } },
    )
    await price('gpt-4o input=1 output=2')
    await price('gpt-4o input=9', { valid_from: '2100-01-01Z' })
    expect(await apply()).toMatchObject({
      outcome: 'applied',
      steps: 1,
      bills: 1,
      corrections: 0,
      plan: {
        models: [{ modelId: 'gpt-4o', provider: null, steps: 1, stepsLeft: 1, cost: '0.000014' }],
        total: { steps: 1, stepsLeft: 1, cost: '0.000014' },
      },
    })
    expect((await stepsOf(execution)).map(({ cost, source }) => [cost, source])).toEqual([
      ['0.000014', 'priced'],
      ['0.5', 'given'],
      ['0', 'unpriced'],
    ])
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 5 = 0 given',
      'gpt-4o given = 0.5 given',
      'gpt-4o input 10 x 1 = 0.00001 priced',
      'gpt-4o output 2 x 2 = 0.000004 priced',
      'gpt-4o cache_read 7 = 0 unpriced',
    ])
    expect(await agreedSum(execution)).toBe('0.500014')
    const before = await priced.everything(execution)
    expect(await apply()).toMatchObject({ outcome: 'nothing', steps: 0 })
    expect(await priced.everything(execution)).toEqual(before)
  })

  it.each(['paid', 'of a closed month'])('corrects a bill that is %s', async (settled) => {
    const execution = await recorded({ tokens: { input: 10 } }, { tokens: { input: 3 } })
    await settle(settled, execution)
    await price('gpt-4o input=1')
    expect(await apply()).toMatchObject({ steps: 2, bills: 0, corrections: 1 })
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 13 = 0 unpriced',
      'gpt-4o input 13 x 1 = 0.000013 priced',
      'gpt-4o input -13 = 0 unpriced',
    ])
    expect(await agreedSum(execution)).toBe('0.000013')
  })

  it('prices each attempt on its own, with the context of its call', async () => {
    const execution = await startExecution(run, OF)
    const started = await step(execution)
    await started.retry({ tokens: { input: 60 } })
    await started.retry({ tokens: { input: 70 }, cost: '1' })
    await started.finish({ status: 'success', tokens: { input: 50 } })
    await execution.finish({ status: 'success' })
    await price('gpt-4o input=1')
    await price('gpt-4o input=2', { context_over: 100 })
    await apply()
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 70 = 0 given',
      'gpt-4o given = 1 given',
      'gpt-4o input 110 x 1 = 0.00011 priced',
    ])
    expect(await agreedSum(execution)).toBe('1.00011')
  })

  it('prices an attempt that was retried by the price of its own time', async () => {
    const execution = await startExecution(run, OF)
    const started = await step(execution)
    await started.retry({ tokens: { input: 1_000_000 } })
    const [at] = await database.sql('select clock_timestamp()::text as now')
    await started.finish({ status: 'success', tokens: { input: 1_000_000 } })
    await execution.finish({ status: 'success' })
    await price('gpt-4o input=1')
    await price('gpt-4o input=2', { valid_from: String(at?.now) })
    await apply()
    expect(await agreedSum(execution)).toBe('3')
    expect(await recalculate()).toMatchObject({ outcome: 'nothing' })
  })

  it('prices a run that still runs, and its bill has the cost', async () => {
    const execution = await startExecution(run, OF)
    await (await step(execution)).finish({ status: 'success', tokens: { input: 10 } })
    await price('gpt-4o input=1')
    expect(await apply()).toMatchObject({ steps: 1, bills: 0, corrections: 0 })
    await execution.finish({ status: 'success' })
    expect(await linesOf(execution)).toEqual(['gpt-4o input 10 x 1 = 0.00001 priced'])
    expect(await agreedSum(execution)).toBe('0.00001')
  })

  it('a dry run and a refused question change nothing', async () => {
    const execution = await recorded({ tokens: { input: 10 } })
    await price('gpt-4o input=1')
    const before = await priced.everything(execution)
    expect(await applyPrices(run, run, { since: SINCE, dryRun: true })).toMatchObject({
      outcome: 'planned',
      plan: { total: { steps: 1, cost: '0.00001' } },
    })
    const refuse = async () => {
      throw new Error('no')
    }
    await expect(applyPrices(run, run, { since: SINCE, confirm: refuse })).rejects.toThrow('no')
    expect(await priced.everything(execution)).toEqual(before)
  })
})

describe('prices apply --recalculate', () => {
  it('changes nothing that was priced, and writes a correction with the difference by line', async () => {
    await price('gpt-4o input=1 output=2')
    const execution = await recorded(
      { tokens: { input: 1_000_000, output: 1 } },
      { tokens: { input: 5 }, cost: '0.5' },
    )
    await price('gpt-4o input=3')
    const steps = await stepsOf(execution)
    const first = await recalculate()
    expect(first).toMatchObject({
      outcome: 'corrected',
      corrections: 1,
      plan: {
        models: [
          {
            modelId: 'gpt-4o',
            runs: 1,
            costBefore: '1.000002',
            costAfter: '3.000002',
            difference: '2',
          },
        ],
        total: { runs: 1, difference: '2' },
      },
    })
    expect(await stepsOf(execution)).toEqual(steps)
    expect((await linesOf(execution)).slice(4)).toEqual([
      'gpt-4o input -1000000 x 1 = -1 priced',
      'gpt-4o input 1000000 x 3 = 3 priced',
    ])
    expect(await sumsOf(execution)).toMatchObject({
      ...{ run: '1.500002', steps: '1.500002' },
      ...{ bills: '3.500002', lines: '3.500002' },
    })
    expect(await recalculate()).toMatchObject({ outcome: 'nothing', corrections: 0 })
    await price('gpt-4o input=1')
    expect(await recalculate()).toMatchObject({
      corrections: 1,
      plan: { total: { difference: '-2' } },
    })
    expect((await sumsOf(execution)).bills).toBe('1.500002')
    expect(
      await database.sql(
        `select cost::text, tokens_total::int as tokens, metadata from billing_records where corrects is not null order by created_at`,
      ),
    ).toEqual([
      {
        cost: '2',
        tokens: 0,
        metadata: { reason: 'the list was wrong', recalculated: true },
      },
      {
        cost: '-2',
        tokens: 0,
        metadata: { reason: 'the list was wrong', recalculated: true },
      },
    ])
  })

  it('continues from steps that were priced later, also in a correction', async () => {
    const execution = await recorded({ tokens: { input: 10 } })
    await settle('paid', execution)
    await price('gpt-4o input=1')
    await apply()
    await price('gpt-4o input=2')
    expect(await recalculate()).toMatchObject({ corrections: 1 })
    expect(await sumsOf(execution)).toMatchObject({
      run: '0.00001',
      bills: '0.00002',
      lines: '0.00002',
    })
    expect(await recalculate()).toMatchObject({ outcome: 'nothing' })
  })

  it.each(['cost = cost + 0.5', 'tokens_total = tokens_total + 5'])(
    'does not charge again for a bill that the application has changed: %s',
    async (change) => {
      await price('gpt-4o input=1')
      await recorded({ tokens: { input: 1_000_000 } })
      await database.sql(`update billing_records set ${change}`)
      expect(await recalculate()).toMatchObject({ outcome: 'nothing', corrections: 0 })
    },
  )

  it('leaves out a run whose bill a person has corrected, and says how many', async () => {
    await price('gpt-4o input=10')
    const execution = await recorded({ tokens: { input: 1_000_000 } })
    const [bill] = await database.sql('select billing_id from billing_records')
    await correctBill(run, run, { billingId: String(bill?.billing_id), cost: 4, reason: 'agreed' })
    await price('gpt-4o input=4')
    expect(await recalculate()).toMatchObject({ outcome: 'nothing', plan: { correctedByHand: 1 } })
    expect((await sumsOf(execution)).bills).toBe('4')
  })

  it('keeps an earlier recalculation if the price book has no price any more', async () => {
    await price('gpt-4o input=1')
    const execution = await recorded({ tokens: { input: 1_000_000 } })
    await price('gpt-4o input=2')
    await recalculate()
    await priced.clearPrices()
    expect(await recalculate()).toMatchObject({ outcome: 'nothing' })
    expect((await sumsOf(execution)).bills).toBe('2')
  })

  it('two at once write one correction', async () => {
    await price('gpt-4o input=1')
    const execution = await recorded({ tokens: { input: 10 } })
    await price('gpt-4o input=2')
    const all = await Promise.all(Array.from({ length: 10 }, recalculate))
    expect(all.reduce((sum, { corrections }) => sum + corrections, 0)).toBe(1)
    expect((await sumsOf(execution)).lines).toBe('0.00002')
  })
})
