import { expect, it, vi } from 'vitest'
import type { Run } from '../../../src/db/query/query.ts'
import { WfstoreError } from '../../../src/error.ts'
import { openStore, type Store } from '../../../src/index.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { spooledRecorder } from '../../../src/record/spool/recorder.ts'
import { OF } from '../recording.ts'
import {
  file,
  forget,
  isOpen,
  lines,
  onError,
  open,
  recording,
  shut,
  shutAfter,
  spooling,
  told,
  useSpooling,
} from './spooling.ts'

useSpooling()

/** A run with everything in it, of two steps of which one is retried. */
async function recordAll(store: Store, afterStart = () => {}) {
  const run = await store.startExecution({ ...OF, stepsTotal: 2, metadata: { tag: 'ü\ud800' } })
  afterStart()
  const one = await run.startStep({ stepNumber: 1, stepName: 'search', toolParameters: { q: 1 } })
  await one.toolCall({ toolName: 'SEARCH', input: { q: 'x' }, cost: 0.1, tokens: 5 })
  await one.finish({ status: 'failed', cost: '0.20', tokens: { input: 7 }, errorMessage: 'limit' })
  await one.retry()
  await one.finish({ status: 'success', cost: 0.3, tokens: { output: 9 }, result: { rows: 3 } })
  const two = await run.startStep({ stepNumber: 2, stepName: 'write' })
  await two.decision({ details: 'Skip it', success: false })
  await two.finish({ status: 'skipped' })
  expect(await run.heartbeat()).toBe(true)
  await run.decision({ details: 'Done' })
  await run.finish({ status: 'partial', errorMessage: 'one was skipped' })
  expect(one.attempt).toBe(1)
  return run
}

/** What a run has left, without times, with its ids by order of appearance. */
async function traces(run: { executionId: string }): Promise<unknown> {
  const [row] = await recording.everything(run)
  const known = new Map<string, number>()
  const timeless = JSON.stringify(row, (key, value) =>
    /(_time|_at|timestamp|duration_ms)$/.test(key) ? value !== null : value,
  )
  const { entries, ...rest } = JSON.parse(
    timeless.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
      if (!known.has(id)) known.set(id, known.size)
      return `id ${known.get(id)}`
    }),
  )
  const content = (entries as Record<string, unknown>[]).map(({ log_id: _, ...entry }) =>
    JSON.stringify(entry),
  )
  return { ...rest, entries: content.sort() }
}

async function expected() {
  const store = openStore({ databaseUrl: recording.database.url })
  const run = await recordAll(store)
  await store.close()
  return traces(run)
}

const CALLS = 11

it('a run recorded while the database is away is complete when it is back', async () => {
  shut()
  const store = spooling()
  const run = await recordAll(store)
  expect(lines()).toHaveLength(CALLS)
  expect(told).toHaveLength(CALLS + 1)
  expect(new Set(told.map(([code]) => code))).toEqual(new Set(['unreachable']))
  open()
  await store.close()
  expect(lines()).toEqual([])
  expect(told).toHaveLength(CALLS + 1)
  expect(await traces(run)).toEqual(await expected())
  expect(await recording.billsOf(run)).toMatchObject([{ cost: '0.50', tokens: 16 }])
  expect(await recording.entriesOf(run)).toContain('workflow_end 1')
})

it('a run that loses the database, with a replay that is interrupted, is complete and recorded once', {
  tags: 'slow',
}, async () => {
  const store = spooling()
  const run = await recordAll(store, shut)
  await store.close()
  expect(told.at(-1)).toEqual(['unreachable', null])
  expect(lines()).toHaveLength(CALLS - 1)
  let left = CALLS - 1
  for (const messages of [5, 5]) {
    open()
    shutAfter(messages)
    await spooling().close()
    expect(isOpen).toBe(false)
    expect(lines().length).toBeLessThan(left)
    expect(lines().length).toBeGreaterThan(0)
    left = lines().length
  }
  open()
  await spooling().close()
  expect(lines()).toEqual([])
  expect(await traces(run)).toEqual(await expected())
})

it('while calls are spooled, new calls are spooled too; after a second the next call replays first', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  shut()
  const store = spooling()
  const run = await store.startExecution(OF)
  open()
  const step = await run.startStep({ stepNumber: 1, stepName: 's' })
  expect(lines()).toHaveLength(2)
  vi.setSystemTime(Date.now() + 1001)
  await step.finish({ status: 'success', cost: '1' })
  expect(lines()).toEqual([])
  expect(await recording.runOf(run)).toMatchObject({ cost: '1', done: 1 })
  await run.finish({ status: 'success' })
  expect(await recording.runOf(run)).toMatchObject({ status: 'success' })
  expect(told).toHaveLength(2)
  await store.close()
})

it('concurrent steps that lose the database and reconnect add up', {
  tags: 'slow',
}, async () => {
  const store = spooling()
  const run = await store.startExecution(OF)
  shutAfter(60)
  const steps = Array.from({ length: 40 }, async (_, n) => {
    const step = await run.startStep({ stepNumber: n, stepName: 's' })
    await step.toolCall({ toolName: 'T' })
    await step.finish({ status: 'success', cost: '0.1', tokens: { input: 1 } })
  })
  await steps[0]
  expect(isOpen).toBe(false)
  open()
  await Promise.all(steps)
  await run.finish({ status: 'success' })
  await store.close()
  expect(lines()).toEqual([])
  expect(await recording.runOf(run)).toMatchObject({ cost: '4.0', tokens: 40, done: 40 })
  expect(await recording.billsOf(run)).toMatchObject([{ cost: '4.0', tokens: 40 }])
  expect(await recording.entriesOf(run)).toEqual([
    ...['step_end 40', 'step_start 40', 'tool_call 40', 'workflow_end 1', 'workflow_start 1'],
  ])
  expect(told.filter(([code]) => code !== 'unreachable')).toEqual([])
})

it('times are those of the call, not of the replay, and never end before they start', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const at = (time: string) => vi.setSystemTime(new Date(time))
  const store = spooling()
  const live = await store.startExecution(OF)
  shut()
  at('2024-05-01T10:00:00Z')
  const run = await store.startExecution(OF)
  at('2024-05-01T10:00:05Z')
  const end = { status: 'success' as const, endTime: '2024-05-01T09:00:00Z' }
  await expect(run.finish(end)).rejects.toMatchObject({ code: 'usage' })
  await run.finish({ status: 'success' })
  await live.finish({ status: 'success' })
  open()
  await store.close()
  const timesOf = async ({ executionId }: { executionId: string }) =>
    recording.one(
      `select to_char(start_time at time zone 'UTC', 'HH24:MI:SS') as start, (end_time - start_time)::text as took
       from workflow_executions where execution_id = $1`,
      executionId,
    )
  expect(await timesOf(run)).toEqual({ start: '10:00:00', took: '00:00:05' })
  // The engine's clock was behind the server's.
  expect(await timesOf(live)).toMatchObject({ took: '00:00:00' })
})

it('invalid calls throw, with and without the database, and are not written', async () => {
  const store = spooling()
  const run = await store.startExecution(OF)
  const step = await run.startStep({ stepNumber: 1, stepName: 's' })
  for (const state of [open, shut]) {
    state()
    for (const mistake of [
      () => store.startExecution({ ...OF, userId: '' }),
      () => run.startStep({ stepNumber: -1, stepName: 's' }),
      () => step.toolCall({ toolName: 'T', cost: Number.NaN }),
      () => step.finish({ status: 'success', cost: -1 }),
      () => run.finish({ status: 'nonsense' as 'success' }),
      () => run.decision({ logId: 'none' }),
    ])
      await expect(mistake()).rejects.toMatchObject({ code: 'usage' })
  }
  expect(lines()).toEqual([])
  expect(told).toEqual([])
  await store.close()
})

it('a call that can never be written is reported and dropped, and nothing is written to another run', async () => {
  const store = spooling()
  const owner = await store.startExecution(OF)
  const { executionId } = owner
  const other = { ...OF, userId: 'user_2', executionId }
  const refused = await store.startExecution(other)
  await refused.startStep({ stepNumber: 1, stepName: 's' })
  await refused.finish({ status: 'failed' })
  expect(told).toEqual([
    ['conflict', 'startExecution'],
    ['conflict', 'startStep'],
    ['conflict', 'finish'],
  ])
  await store.close()
  shut()
  const late = spooling()
  const step = await (await late.startExecution(other)).startStep({ stepNumber: 1, stepName: 's' })
  await step.finish({ status: 'success', cost: '5' })
  // More than the column holds, and an entry after it that the database takes.
  const mine = await late.startExecution(OF)
  const large = await mine.startStep({ stepNumber: 1, stepName: 's' })
  const count = Number.MAX_SAFE_INTEGER
  await large.finish({ status: 'success', tokens: { total: count } })
  await large.retry({ tokens: { total: count } })
  await mine.decision({ details: 'still here' })
  forget()
  open()
  await late.close()
  expect(lines()).toEqual([])
  expect(told.slice(0, 3)).toEqual([
    ['conflict', 'startExecution'],
    ['conflict', 'startStep'],
    ['conflict', 'finishStep'],
  ])
  expect(told.slice(3).map(([, kind]) => kind)).toContain('retry')
  expect(await recording.runOf(owner)).toMatchObject({ status: 'running', cost: '0' })
  expect(await recording.entriesOf(mine)).toContain('ai_decision 1')
})

it('a process that continues a replay knows that the start was refused', async () => {
  let left = 0
  const flaky: Run = async (statement, shape) => {
    if (--left < 0) throw new WfstoreError('unreachable', 'away')
    return recording.run(statement, shape)
  }
  const owner = await startExecution(recording.run, OF)
  const first = spooledRecorder(flaky, { file, onError })
  const { executionId } = owner
  const refused = await first.startExecution({ ...OF, userId: 'user_2', executionId })
  const mine = await first.startExecution(OF)
  await refused.decision({ details: 'of user_2' })
  forget()
  // The start, and what it was before.
  left = 2
  await first.close()
  expect(told).toEqual([
    ['conflict', 'startExecution'],
    ['unreachable', null],
  ])
  forget()
  left = Number.POSITIVE_INFINITY
  await spooledRecorder(flaky, { file, onError }).close()
  expect(told).toEqual([
    ['conflict', 'startExecution'],
    ['conflict', 'decision'],
  ])
  expect(lines()).toEqual([])
  expect(await recording.entriesOf(owner)).toEqual(['workflow_start 1'])
  expect(await recording.entriesOf(mine)).toEqual(['workflow_start 1'])
})
