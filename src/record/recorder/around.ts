import { WfstoreError } from '../../error.ts'
import type { FinishStep, StepRecorder } from './steps.ts'
import type { ExecutionRecorder, FinishExecution } from './types.ts'

/**
 * Calls `work` with the run and finishes it, unless `work` has done so: as success, as cancelled if an AbortError was thrown, or
 * as failed. The error of `work` is always rethrown. If the end cannot be recorded then, the run keeps running in the store.
 * @param status of the run when it was started
 * @throws WfstoreError conflict if the run has already finished, before `work` is called
 */
export async function aroundRun<T>(
  run: ExecutionRecorder,
  status: string,
  work: (run: ExecutionRecorder) => T | Promise<T>,
): Promise<T> {
  if (status !== 'running') throw isOver(`execution ${run.executionId}`, status)
  const ends = watch()
  const own: ExecutionRecorder = Object.create(run, {
    finish: property(ends.ending(run.finish)),
    cancel: property(ends.ending(run.cancel)),
  })
  const finish = async (end: FinishExecution) => {
    if (!(await ends.hasEnded())) await run.finish(end)
  }
  let result: T
  try {
    result = await work(own)
  } catch (error) {
    const status = isAbort(error) ? 'cancelled' : 'failed'
    await finish({ status, errorMessage: messageOf(error) }).catch(() => {})
    throw error
  }
  await finish({ status: 'success' })
  return result
}

/** The same for a step. A step that is aborted is skipped. */
export async function aroundStep<T>(
  step: StepRecorder,
  status: string,
  work: (step: StepRecorder) => T | Promise<T>,
): Promise<T> {
  if (status !== 'running' && status !== 'pending') throw isOver(`step ${step.stepId}`, status)
  const ends = watch()
  const own: StepRecorder = Object.create(step, {
    finish: property(ends.ending(step.finish)),
    retry: property(ends.beginning(step.retry)),
  })
  const finish = async (end: FinishStep) => {
    if (!(await ends.hasEnded())) await step.finish(end)
  }
  let result: T
  try {
    result = await work(own)
  } catch (error) {
    const status = isAbort(error) ? 'skipped' : 'failed'
    await finish({ status, errorMessage: messageOf(error) }).catch(() => {})
    throw error
  }
  await finish({ status: 'success' })
  return result
}

/** A property that hides the one of the prototype. */
const property = <T>(value: T) => ({ value, enumerable: true })

/** Remembers whether a run or a step has been finished. */
function watch() {
  const calls: Promise<unknown>[] = []
  let ended = false
  const noting =
    (after: boolean) =>
    <A extends unknown[]>(make: (...args: A) => Promise<void>) =>
    (...args: A): Promise<void> => {
      const call = make(...args).then(() => {
        ended = after
      })
      calls.push(call)
      return call
    }
  return {
    ending: noting(true),
    beginning: noting(false),
    hasEnded: async () => {
      await Promise.allSettled(calls)
      return ended
    },
  }
}

const isOver = (what: string, status: string) =>
  new WfstoreError('conflict', `${what} has already ended: ${status}`, {
    hint: 'nothing was run; use another id to run it again',
  })

/** As fetch, timers and AbortSignal name it. */
const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'

/** PostgreSQL stores no NUL characters. */
const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message || error.name : String(error)).replaceAll('\0', '\uFFFD')
