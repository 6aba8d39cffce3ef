// @module-tag slow
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { applyPrices, recalculatePrices } from '../../../src/queries/prices/apply.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { createPriced } from '../../record/prices/priced.ts'
import { OF } from '../../record/recording.ts'
import { citusUrl } from '../../support/citus.ts'

const priced = await createPriced('apply-property')
const { database, run, price } = priced
afterAll(() => priced.drop())

const MODELS = ['gpt-4o', 'haiku']
const SINCE = '2020-01-01T00:00:00Z'
const tokens = fc.record({
  input: fc.nat(1000),
  output: fc.nat(500),
  cacheRead: fc.constantFrom(0, 9),
})
const attempt = fc.record({
  tokens,
  cost: fc.option(fc.constantFrom('0.1', '0'), { nil: undefined }),
})
const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      steps: fc.array(
        fc.record({
          model: fc.option(fc.constantFrom(...MODELS), { nil: undefined }),
          attempts: fc.array(attempt, { minLength: 1, maxLength: 3 }),
          late: fc.boolean(),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('price' as const),
      text: fc.constantFrom(
        'input=1',
        'input=2.5 output=10',
        'output=7 cache_read=0.1',
        'cache_read=3',
      ),
      model: fc.constantFrom(...MODELS),
      context: fc.constantFrom(0, 0, 300),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('apply', 'recalculate', 'pay', 'pay one') }),
  },
)

/** Bills and lines that do not agree, runs that differ from their steps or from their bills without recalculations. */
const WRONG = `
  select 'lines' as what, b.billing_id as id from billing_records b left join wfstore_bill_lines l using (execution_id, billing_id)
  group by b.execution_id, b.billing_id, b.cost, b.tokens_total
  having coalesce(sum(l.cost), 0) <> b.cost or coalesce(sum(l.quantity) filter (where l.meter <> 'request'), 0) <> b.tokens_total
    or bool_or(b.corrects is null and l.quantity < 0)
  union all
  select 'steps', e.execution_id from workflow_executions e left join workflow_steps s using (execution_id) group by e.execution_id
  having coalesce(sum(s.cost), 0) <> e.total_cost or coalesce(sum(s.tokens_used), 0) <> e.total_tokens
  union all
  select 'bills', e.execution_id from workflow_executions e join billing_records b using (execution_id) group by e.execution_id
  having sum(b.cost) filter (where not b.metadata ? 'recalculated') <> e.total_cost
  union all
  select 'unpriced', e.execution_id from workflow_executions e
  where (select coalesce(sum(l.quantity), 0) from billing_records b join wfstore_bill_lines l using (execution_id, billing_id)
         where b.execution_id = e.execution_id and l.cost_source = 'unpriced')
     <> (select coalesce(sum((l ->> 'quantity')::bigint), 0) from workflow_steps s, jsonb_array_elements(s.cost_lines) as l
         where s.execution_id = e.execution_id and l ->> 'unitPrice' is null)`

it('after any prices, late steps, payments, applications and recalculations: lines = bills = run = steps, and a repeat changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 2, maxLength: 14 }), async (events) => {
      await priced.clearPrices()
      await database.sql('delete from billing_records')
      await database.sql('delete from workflow_executions')
      for (const given of events) {
        if ('steps' in given) {
          const execution = await startExecution(run, OF)
          const late: (() => Promise<void>)[] = []
          for (const [stepNumber, { model, attempts, late: isLate }] of given.steps.entries()) {
            const step = await execution.startStep({
              ...{ stepNumber, stepName: 's', ...(model ? { modelId: model } : {}) },
            })
            for (const end of attempts.slice(1)) await step.retry(end)
            const finish = () => step.finish({ status: 'success', ...attempts[0] })
            if (isLate) late.push(finish)
            else await finish()
          }
          await execution.finish({ status: 'success' })
          for (const finish of late) await finish()
        } else if ('text' in given)
          await price(`${given.model} ${given.text}`, { context_over: given.context })
        else if (given.kind === 'apply') await applyPrices(run, run, { since: SINCE })
        else if (given.kind === 'recalculate')
          await recalculatePrices(run, run, { since: SINCE, reason: 'r' })
        else
          await database.sql(
            `update billing_records set paid = true ${given.kind === 'pay one' ? 'where billing_id = (select min(billing_id::text)::uuid from billing_records where not paid)' : ''}`,
          )
        expect(await database.sql(WRONG)).toEqual([])
      }
      await applyPrices(run, run, { since: SINCE })
      await recalculatePrices(run, run, { since: SINCE, reason: 'r' })
      const all = `select (select jsonb_agg(b order by billing_id) from billing_records b) as bills,
        (select jsonb_agg(l order by billing_id, line_id) from wfstore_bill_lines l) as lines, (select jsonb_agg(s order by step_id) from workflow_steps s) as steps`
      const before = await database.sql(all)
      expect(await applyPrices(run, run, { since: SINCE })).toMatchObject({ outcome: 'nothing' })
      expect(await recalculatePrices(run, run, { since: SINCE, reason: 'r' })).toMatchObject({
        outcome: 'nothing',
      })
      expect(await database.sql(all)).toEqual(before)
      expect(await database.sql(WRONG)).toEqual([])
    }),
    { numRuns: citusUrl ? 8 : 40 },
  )
}, 300_000)
