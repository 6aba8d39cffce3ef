import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import { LONGEST_NAME } from '../../src/tables/column.ts'
import { dataFolder } from '../support/folder.ts'
import { createAdopted } from '../support/migrated.ts'

/** Adopted, so that the indexes of the old application are there as well as ours. */
const database = await createAdopted('long-names')
const store = openStore({ databaseUrl: database.url })
afterAll(async () => {
  await store.close()
  await database.drop()
})

/** Text that does not compress. */
function random(bytes: number, seed: string): string {
  let text = ''
  for (let n = 0; text.length < bytes; n++)
    text += createHash('sha512').update(`${seed}${n}`).digest('base64')
  return text.slice(0, bytes)
}

const longest = (seed: string) => random(LONGEST_NAME, seed)
const tooLong = `${'ü'.repeat(LONGEST_NAME / 2)}x`
const refused = (field: string) => ({
  code: 'usage',
  message: `${field} is longer than ${LONGEST_NAME} bytes`,
})

const run = {
  workflowName: longest('workflow'),
  userId: longest('user'),
  mode: longest('mode'),
  modelId: longest('model'),
}

describe('names of the greatest length are recorded, billed, rolled up and counted', () => {
  it('by the recorder and the batch, from start to finish', async () => {
    const execution = await store.startExecution(run)
    const { executionId } = execution
    const step = await execution.startStep({
      stepNumber: 1,
      stepName: longest('step'),
      toolName: longest('tool'),
    })
    await step.toolCall({ toolName: longest('tool') })
    await step.finish({ status: 'success', cost: '1', tokens: { input: 1 } })
    const batch = store.batch()
    await Promise.all([
      batch.audit({ executionId, action: longest('action'), toolName: longest('tool') }),
      batch.step({
        executionId,
        stepNumber: 2,
        stepName: longest('step'),
        toolName: longest('tool'),
        status: 'success',
      }),
    ])
    await batch.close()
    await execution.finish({ status: 'success' })
    const [bill] = (await store.billing.list({ executionId })).rows
    expect(bill).toMatchObject({ userId: run.userId, cost: '1' })
  })

  it('by a rollup', async () => {
    const { inserted } = await store.metrics.rollup({ period: 'day' })
    expect(inserted).toBeGreaterThan(0)
    const types = (await store.metrics.list({ userId: run.userId })).rows
    expect(new Set(types.map(({ metricType }) => metricType)).size).toBe(6)
  })

  it('as single rows', async () => {
    const { metricId } = await store.metrics.create({
      userId: run.userId,
      metricType: longest('type'),
      metricValue: 1,
      aggregationPeriod: longest('period'),
    })
    expect((await store.metrics.get(metricId)).metricType).toBe(longest('type'))
  })
})

describe('a longer name is refused by its field before anything is sent', () => {
  it.each(['workflowName', 'userId', 'mode', 'modelId'])('%s of a run', async (field) => {
    const call = store.startExecution({ ...run, [field]: tooLong })
    await expect(call).rejects.toMatchObject(refused(field))
  })

  it('of a step and of an entry', async () => {
    const execution = await store.startExecution({ ...run, userId: 'u' })
    const { executionId } = execution
    const step = { stepNumber: 1, stepName: 's' }
    await expect(execution.startStep({ ...step, stepName: tooLong })).rejects.toMatchObject(
      refused('stepName'),
    )
    await expect(execution.startStep({ ...step, toolName: tooLong })).rejects.toMatchObject(
      refused('toolName'),
    )
    await expect(execution.toolCall({ toolName: tooLong })).rejects.toMatchObject(
      refused('toolName'),
    )
    const batch = store.batch()
    await expect(batch.audit({ executionId, action: tooLong })).rejects.toMatchObject(
      refused('action'),
    )
    await expect(
      batch.audit({ executionId, action: 'a', toolName: tooLong }),
    ).rejects.toMatchObject(refused('toolName'))
    await expect(
      batch.step({ ...step, executionId, stepName: tooLong, status: 'success' }),
    ).rejects.toMatchObject(refused('stepName'))
    await batch.close()
    await execution.cancel()
  })

  it('of a row', async () => {
    await expect(
      store.metrics.create({ userId: tooLong, metricType: 't', metricValue: 1 }),
    ).rejects.toMatchObject(refused('userId'))
    await expect(
      store.metrics.create({ userId: 'u', metricType: tooLong, metricValue: 1 }),
    ).rejects.toMatchObject(refused('metricType'))
  })

  it('with a spool', async () => {
    const folder = dataFolder('long-names')
    const spooling = openStore({
      databaseUrl: database.url,
      spool: { file: join(folder, 'spool'), onError: () => {} },
    })
    const call = spooling.startExecution({ ...run, userId: tooLong })
    await expect(call).rejects.toMatchObject(refused('userId'))
    await spooling.close()
    rmSync(folder, { recursive: true })
  })

  it('but not of a filter: an adopted row may have it', async () => {
    const { rows } = await store.executions.list({ userId: tooLong })
    expect(rows).toEqual([])
  })
})
