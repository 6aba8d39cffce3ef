import { describe, expect, it } from 'vitest'
import { openBatch } from '../../../src/record/batch/batch.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { uuidv7 } from '../../../src/uuid.ts'
import { eachTest, NEVER } from './support.ts'

const each = eachTest('batch', 3)
const { entry, notes, one, step } = each

describe('a row that cannot be written', () => {
  it('does not affect others, and only its promise is rejected', async () => {
    await each.database.sql(
      `alter table audit_logs add constraint good check (action_details not like 'bad%')`,
    )
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    const given = Array.from({ length: 100 }, (_, n) =>
      batch.audit(entry(n === 30 || n === 77 ? `bad ${n}` : `${n}`)),
    )
    const steps = [1, 2].map((n) => batch.step(step(n)))
    await expect(batch.close()).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('violates check constraint "good"'),
    })
    const ends = await Promise.allSettled(given)
    await Promise.all(steps)
    const rejected = ends.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))
    expect(rejected).toEqual([30, 77])
    expect(await notes()).toHaveLength(98)
    await each.database.sql('alter table audit_logs drop constraint good')
  })

  it('because its run does not exist is not_found', async () => {
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    const missing = uuidv7(Date.now())
    const given = [
      batch.audit(entry('x', missing)),
      batch.step(step(1, { executionId: missing })),
      batch.audit(entry('good')),
      batch.step(step(2)),
    ]
    await expect(batch.flush()).rejects.toMatchObject({ code: 'not_found' })
    const ends = await Promise.allSettled(given)
    expect(ends.map(({ status }) => status)).toEqual([
      ...['rejected', 'rejected', 'fulfilled', 'fulfilled'],
    ])
  })
})

describe('a row with an id', () => {
  it('that is given again, to this batch or to another, changes nothing', async () => {
    const [logId, stepId] = [uuidv7(1), uuidv7(2)]
    const give = async () => {
      const batch = openBatch(each.engine.run, { flushMs: NEVER })
      const given = [1, 2].flatMap(() => [
        batch.audit({
          ...entry('once'),
          logId,
          output: { n: null },
          cost: 1.5,
          metadata: { a: 1 },
        }),
        batch.step(step(1, { stepId, tokens: { input: 7 }, toolParameters: [], ...FORWARDS })),
      ])
      await batch.close()
      await Promise.all(given)
    }
    await give()
    await give()
    expect(await notes()).toEqual(['once'])
    const [run] = await each.database.sql(
      'select total_cost::text as cost, total_tokens::int as tokens from workflow_executions where execution_id = $1',
      [one()],
    )
    expect(run).toEqual({ cost: '0.25', tokens: 7 })
  })

  it('is a conflict if it was recorded with other content, also in the same flush, and nothing is changed', async () => {
    const [logId, stepId] = [uuidv7(1), uuidv7(2)]
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    const given = [
      batch.audit({ ...entry('first'), logId }),
      batch.audit({ ...entry('second'), logId }),
      batch.step(step(1, { stepId })),
      batch.step(step(1, { stepId, cost: '0.26' })),
    ]
    await expect(batch.close()).rejects.toMatchObject({ code: 'conflict' })
    const [, entries, , steps] = await Promise.allSettled(given)
    expect(entries).toMatchObject({
      reason: { message: expect.stringContaining('actionDetails "first", not "second"') },
    })
    expect(steps).toMatchObject({
      reason: { message: expect.stringContaining('cost "0.25", not "0.26"') },
    })
    expect(await notes()).toEqual(['first'])
  })
})

const FORWARDS = { startTime: '2026-05-01T10:00:00Z', endTime: '2026-05-01T10:00:03Z' }

describe('a step of a run that has finished', () => {
  const OF = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'gpt-4o' }

  it('raises its bill once, also by token class, however often it is repeated', async () => {
    const execution = await startExecution(each.engine.run, OF)
    const { executionId } = execution
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    await Promise.all([batch.step(step(1, { executionId })), batch.flush()])
    await execution.finish({ status: 'success' })
    const late = step(2, { executionId, stepId: uuidv7(1), tokens: { input: 3, cacheRead: 4 } })
    for (let n = 0; n < 3; n++) await Promise.all([batch.step(late), batch.flush()])
    const bills = await each.database.sql(
      `select cost::text, tokens_total::int as total, tokens_input::int as input, tokens_output as output
       from billing_records where execution_id = $1`,
      [executionId],
    )
    expect(bills).toEqual([{ cost: '0.50', total: 7, input: 3, output: null }])
  })

  it('has a bill of its own, once, if the first bill is paid', async () => {
    const execution = await startExecution(each.engine.run, OF)
    const { executionId } = execution
    await execution.finish({ status: 'success' })
    await each.database.sql('update billing_records set paid = true where execution_id = $1', [
      executionId,
    ])
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    const late = [1, 2].map((n) => step(n, { executionId, stepId: uuidv7(n), cost: '0.25' }))
    for (let n = 0; n < 2; n++) {
      await Promise.all([...late.map((one) => batch.step(one)), batch.flush()])
    }
    await batch.close()
    const bills = await each.database.sql(
      `select cost::text, corrects is not null as corrects, paid from billing_records where execution_id = $1 order by corrects`,
      [executionId],
    )
    expect(bills).toEqual([
      { cost: '0', corrects: false, paid: true },
      { cost: '0.25', corrects: true, paid: false },
      { cost: '0.25', corrects: true, paid: false },
    ])
  })

  it('is added to a run that was finished without a bill', async () => {
    await each.database.sql(
      `update workflow_executions set status = 'success' where execution_id = $1`,
      [one()],
    )
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    await Promise.all([batch.step(step(1)), batch.flush()])
    const totals = await each.database.sql(
      'select total_cost::text as cost from workflow_executions where execution_id = $1',
      [one()],
    )
    expect(totals).toEqual([{ cost: '0.25' }])
    await each.database.sql('delete from workflow_executions where execution_id = $1', [one()])
  })
})
