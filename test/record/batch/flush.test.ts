import { afterEach, describe, expect, it, vi } from 'vitest'
import { openBatch } from '../../../src/record/batch/batch.ts'
import { eachTest, NEVER } from './support.ts'

const each = eachTest('batch_flush', 1)
const { entry, notes, statements, step } = each

describe('a batch is written', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('when it has the configured number of rows, without waiting', async () => {
    const batch = openBatch(each.engine.run, { flushMs: NEVER, maxRows: 3 })
    const given = [1, 2, 3, 4].map((n) => batch.audit(entry(`${n}`)))
    await Promise.all(given.slice(0, 3))
    expect(await notes()).toEqual(['1', '2', '3'])
    await batch.close()
    await given[3]
  })

  it('when its oldest row has waited for the configured time, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const batch = openBatch(each.engine.run, { flushMs: 200 })
    const before = each.engine.sent()
    const first = batch.audit(entry('first'))
    vi.advanceTimersByTime(150)
    const second = batch.audit(entry('second'))
    vi.advanceTimersByTime(49)
    expect(each.engine.sent()).toBe(before)
    vi.advanceTimersByTime(1)
    expect(each.engine.sent()).toBe(before + 1)
    await Promise.all([first, second])
    const third = batch.audit(entry('third'))
    vi.advanceTimersByTime(200)
    await third
    vi.advanceTimersByTime(NEVER)
    expect(each.engine.sent()).toBe(before + 2)
  })

  it('when it is closed, and accepts no row afterwards', async () => {
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    const given = [batch.audit(entry('pending')), batch.step(step(1))]
    const closing = batch.close()
    await expect(batch.audit(entry('late'))).rejects.toMatchObject({ code: 'usage' })
    await Promise.all([closing, batch.close(), ...given])
    expect(await notes()).toEqual(['pending'])
  })

  it('in at most two statements at once, each with at most the configured number of rows', async () => {
    const batch = openBatch(each.engine.run, { flushMs: NEVER, maxRows: 10 })
    const sent = await statements(async () => {
      for (let n = 0; n < 95; n++) void batch.audit(entry(`${n}`))
      await batch.flush()
    })
    expect(sent).toBe(10)
    expect(each.engine.mostAtOnce()).toBe(2)
    expect(await notes()).toHaveLength(95)
  })

  it('with a limit on waiting rows: more rows are rejected, and the waiting rows are written', async () => {
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    const long = 'x'.repeat(20_000_000)
    const given = [1, 2, 3].map(() => batch.audit(entry(long)))
    await expect(batch.audit(entry(long))).rejects.toMatchObject({
      code: 'failed',
      message: 'the batch is full: 3 rows are waiting for the database',
    })
    await Promise.all(given)
    await Promise.all([batch.audit(entry('there is room again')), batch.flush()])
  })
})
