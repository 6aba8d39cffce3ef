import { afterAll, describe, expect, it } from 'vitest'
import type { Statement } from '../../../src/db/query/sql.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { createRecording, OF, step } from '../recording.ts'

const recording = await createRecording('late')
const { database, run, one, runOf, billsOf, everything } = recording

afterAll(() => recording.drop())

describe('after the end of the run', () => {
  it('a step that was running still counts, for the run and for its bill', async () => {
    const execution = await startExecution(run, OF)
    const late = await step(execution)
    await execution.cancel()
    await late.finish({ status: 'success', cost: '0.7', tokens: { input: 2, output: 1 } })
    expect(await runOf(execution)).toMatchObject({ cost: '0.7', tokens: 3, status: 'cancelled' })
    expect(await billsOf(execution)).toMatchObject([
      { cost: '0.7', tokens: 3, input: 2, output: 1 },
    ])
  })

  it.each([{ cost: '0.7' }, {}])(
    'a step of a run that another program runs again counts on the bill of the run: %j',
    async (given) => {
      const execution = await startExecution(run, OF)
      const late = await step(execution)
      await execution.cancel()
      await database.sql(
        "update workflow_executions set status = 'running' where execution_id = $1",
        [execution.executionId],
      )
      await database.sql("update workflow_steps set status = 'running' where execution_id = $1", [
        execution.executionId,
      ])
      await late.finish({ status: 'success', tokens: { input: 2, output: 1 }, ...given })
      const total = { cost: given.cost ?? '0', tokens: 3 }
      expect(await runOf(execution)).toMatchObject(total)
      expect(await billsOf(execution)).toMatchObject([total])
    },
  )

  it.each([{ cost: '0.7' }, {}])(
    'a step takes one statement while its run is running, and two afterwards: %j',
    async (given) => {
      const sent: Statement[] = []
      const noted: typeof run = (statement, shape) => {
        sent.push(statement)
        return run(statement, shape)
      }
      const execution = await startExecution(noted, OF)
      const [early, late] = [await step(execution), await step(execution, 2)]
      sent.length = 0
      await early.finish({ status: 'success', ...given })
      expect(sent).toHaveLength(1)
      await execution.finish({ status: 'success' })
      sent.length = 0
      await late.finish({ status: 'success', ...given })
      expect(sent).toHaveLength(2)
    },
  )

  it.each(['paid', 'of a closed month'])(
    'if the bill is %s, the step has a bill of its own that corrects the first',
    async (settled) => {
      const execution = await startExecution(run, OF)
      await (await step(execution)).finish({ status: 'success', cost: 1 })
      const late = await step(execution, 2)
      const free = await step(execution, 3)
      await execution.finish({ status: 'success' })
      const bill = await one(
        'select billing_id, billing_period from billing_records where execution_id = $1',
        execution.executionId,
      )
      if (settled === 'paid') {
        await database.sql('update billing_records set paid = true where billing_id = $1', [
          bill?.billing_id,
        ])
      } else {
        await database.sql(
          "update billing_records set billing_period = '2020-01' where billing_id = $1",
          [bill?.billing_id],
        )
        await database.sql("select wfstore_close('2020-01')")
      }
      const end = () =>
        late.finish({ status: 'success', cost: '0.7', tokens: { input: 2, output: 1 } })
      await end()
      await free.finish({ status: 'skipped' })
      const before = await everything(execution)
      await end()
      expect(await everything(execution)).toEqual(before)
      expect(await runOf(execution)).toMatchObject({ cost: '1.7', tokens: 3 })
      expect(
        await database.sql(
          `select cost::text, tokens_total::int as tokens, tokens_input::int as input, corrects, billing_period as period
           from billing_records where execution_id = $1 order by cost desc`,
          [execution.executionId],
        ),
      ).toEqual([
        expect.objectContaining({ cost: '1', tokens: 0, corrects: null }),
        {
          cost: '0.7',
          tokens: 3,
          input: 2,
          corrects: bill?.billing_id,
          period: bill?.billing_period,
        },
      ])
    },
  )

  it('a step of a run that was ended without a bill counts for the run', async () => {
    const execution = await startExecution(run, OF)
    const late = await step(execution)
    await database.sql("update workflow_executions set status = 'failed' where execution_id = $1", [
      execution.executionId,
    ])
    await late.finish({ status: 'success', cost: 1 })
    expect(await runOf(execution)).toMatchObject({ cost: '1' })
    expect(await billsOf(execution)).toEqual([])
  })
})
