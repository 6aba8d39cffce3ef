import { setTimeout as delay } from 'node:timers/promises'
import { refusesRow } from '../../db/query/errors.ts'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import type { FileLockOptions } from '../../lock-file.ts'
import { checkNames, type Names } from '../../options.ts'
import { countOf, requiredText } from '../../queries/table/validate.ts'
import { aroundRun } from '../recorder/around.ts'
import type { ExecutionRecorder, StartExecution } from '../recorder/types.ts'
import {
  AWAY,
  nowhere,
  type Outcome,
  parsed,
  perform,
  type RecorderCall,
  type SpooledCall,
  startOf,
  timed,
} from './calls.ts'
import { executionHandle, idOf } from './handles.ts'
import { openSpool, type Spool } from './queue.ts'

export interface SpoolOptions {
  /** The path of the files: each process writes to its own one, with this path and a suffix. The folder must exist. */
  file: string
  /** Maximum size of the files of this process, with those that it takes over (default: 64 MiB). */
  maxBytes?: number | undefined
  /**
   * Called for each call that the database did not take at once, or refused later (`conflict`, `not_found`). The call is null
   * for other errors. Its own errors are ignored.
   */
  onError: (error: WfstoreError, call: SpooledCall | null) => void
}

const OPTIONS: Names<SpoolOptions> = { file: true, maxBytes: true, onError: true }

export interface SpooledRecorder {
  startExecution: (options: StartExecution) => Promise<ExecutionRecorder>
  run: <T>(options: StartExecution, work: (run: ExecutionRecorder) => T | Promise<T>) => Promise<T>
  /** Replays the waiting calls and releases the file. Calls that the database does not take remain in it. Does not throw. */
  close: () => Promise<void>
}

const USUAL_BYTES = 64 * 1024 * 1024
/** The pause between two replays, and the maximum time that a call waits for a replay. */
const PAUSE_MS = 1000

export interface SpoolTiming extends FileLockOptions {
  /** The pause between two searches for files of ended processes. */
  searchMs?: number
}
const SEARCH_MS = 10_000

/**
 * A recorder for an engine that must not fail because of recording. A call that the database does not take goes to a file,
 * and is replayed when the database is available. While the file has calls, all new calls go to the file, so that their
 * order is kept. Each call can be repeated, so that an interrupted replay writes nothing twice. Files of ended processes
 * with the same path are taken over.
 * @throws WfstoreError usage if the options are invalid, or the folder cannot be used; each call: usage
 */
export function spooledRecorder(
  run: Run,
  options: SpoolOptions,
  { searchMs = SEARCH_MS, ...locks }: SpoolTiming = {},
): SpooledRecorder {
  checkNames('spool', options, OPTIONS)
  const path = requiredText('spool.file', options.file)
  const maxBytes = countOf('spool.maxBytes', options.maxBytes, 1) ?? USUAL_BYTES
  const { onError } = options
  if (typeof onError !== 'function') throw new WfstoreError('usage', 'spool.onError is missing')
  let opened: Spool | undefined = openSpool(path, maxBytes, locks)
  let searchedAt = Number.NEGATIVE_INFINITY
  /** The spool. After `close` it is opened again if it is needed. */
  const file = () => {
    opened ??= openSpool(path, maxBytes, locks)
    return opened
  }
  /** Runs and steps whose start was refused. Later calls must not be written to the existing run or step of that id. */
  const refused = new Map<string, WfstoreError>()
  let reason = new WfstoreError('failed', 'earlier calls are still being replayed')
  let triedAt = Number.NEGATIVE_INFINITY
  let replaying: Promise<void> | undefined
  let advancing = false

  const tell = (error: WfstoreError, call: SpooledCall | null) => {
    try {
      const told: unknown = onError(error, call)
      if (told instanceof Promise) told.catch(() => {})
    } catch {
      // An error of onError must not break the run.
    }
  }
  const gated: Run = (statement, shape) => (file().waiting > 0 ? nowhere : run)(statement, shape)

  const refusalOf = ({ kind, executionId, stepId = '' }: SpooledCall) =>
    kind === 'startExecution'
      ? undefined
      : (refused.get(executionId) ?? (kind === 'startStep' ? undefined : refused.get(stepId)))
  /** Remembers whether the start of a run or a step was refused. */
  const note = ({ kind, executionId, stepId }: SpooledCall, error?: WfstoreError) => {
    if (kind !== 'startExecution' && kind !== 'startStep') return
    const id = stepId ?? executionId
    if (error) refused.set(id, error)
    else refused.delete(id)
  }

  /** Takes over the files of ended processes. Not during a replay, which has looked at the first line. */
  function search(): void {
    if (replaying) return
    searchedAt = performance.now()
    try {
      for (const error of file().takeOver()) tell(error, null)
    } catch (error) {
      tell(asWfstoreError(error), null)
    }
  }

  async function record(made: RecorderCall, startTime: string | null = null): Promise<Outcome> {
    const call = { ...made, at: new Date().toISOString() }
    await catchUp()
    const blame = refusalOf(call)
    let error: unknown
    try {
      const outcome = await perform(blame ? nowhere : gated, call, startTime)
      note(call)
      return outcome
    } catch (thrown) {
      error = thrown === AWAY ? (blame ?? reason) : thrown
    }
    if (!(error instanceof WfstoreError) || error.code === 'usage') throw error
    if (blame || isRefusal(error)) {
      note(call, error)
      tell(error, call)
      return { refused: true }
    }
    // An old heartbeat has no use.
    const lost = call.kind === 'heartbeat' ? undefined : append(timed(call, startTime), error)
    tell(lost ?? error, call)
    return lost ? { refused: true } : {}
  }

  /** @returns the reason why the call is lost */
  function append(call: SpooledCall, why: WfstoreError): WfstoreError | undefined {
    try {
      const first = file().waiting === 0
      if (!file().append(JSON.stringify(call))) {
        return new WfstoreError('failed', `the spool is full (${maxBytes} bytes); a call is lost`, {
          hint: `fix the database (${why.message}), or set a larger maxBytes`,
          cause: why,
        })
      }
      note(call)
      if (!first) return
      reason = why
      triedAt = Date.now()
    } catch (error) {
      return asWfstoreError(error)
    }
  }

  /** Waits a short time for a replay that is due or running. Without it a busy engine would never empty the file. */
  async function catchUp(): Promise<void> {
    if (performance.now() - searchedAt >= searchMs) search()
    if (file().waiting === 0 || (replaying && !advancing)) return
    if (!replaying && Math.abs(Date.now() - triedAt) < PAUSE_MS) return
    const over = new AbortController()
    const patience = delay(PAUSE_MS, undefined, { signal: over.signal }).catch(() => {})
    await Promise.race([startReplay(once), patience])
    over.abort()
  }

  /** A lost connection ends a replay without further tries; the next replay follows soon. */
  const once: Run = async (statement, shape) => {
    try {
      return await run(statement, shape)
    } catch (error) {
      throw error instanceof WfstoreError && error.code === 'unreachable' ? new Lost(error) : error
    }
  }

  function startReplay(over: Run): Promise<void> {
    replaying ??= replay(over)
      .catch((error) => tell(asWfstoreError(error), null))
      .finally(() => {
        triedAt = Date.now()
        replaying = undefined
        advancing = false
      })
    return replaying
  }

  async function replay(over: Run): Promise<void> {
    /** Refused starts of runs, which are kept for the calls after them until the file is empty. */
    const kept: string[] = []
    for (let line = file().peek(); line !== null; line = file().peek()) {
      const call = await parsed(line)
      const error = call ? await replayed(over, call) : new WfstoreError('failed', NO_CALL)
      if (error && call && !isRefusal(error)) {
        reason = error
        if (file().passed > 0) file().compact(kept)
        return
      }
      if (error && call?.kind === 'startExecution') kept.push(line)
      if (error && !(call && isStart(call) && refused.has(call.stepId ?? call.executionId)))
        tell(error, call)
      if (call) note(call, error)
      file().drop()
      advancing = true
      // Frees space during a long replay.
      if (kept.length === 0 && file().passed > maxBytes / 2) file().compact([])
    }
  }

  /** @returns the reason why the call was not made */
  async function replayed(over: Run, call: SpooledCall): Promise<WfstoreError | undefined> {
    const blame = refusalOf(call)
    if (blame) return blame
    try {
      await perform(over, call, null)
      return undefined
    } catch (error) {
      return error instanceof Lost ? error.why : asWfstoreError(error)
    }
  }

  search()

  async function begin(start: StartExecution) {
    const executionId = idOf('executionId', start.executionId)
    const given = { ...start, executionId }
    const madeAt = new Date()
    const { execution } = await record({ kind: 'startExecution', executionId, options: given })
    const startTime = execution?.startTime ?? startOf(given, madeAt)
    const handle = executionHandle(record, executionId, startTime)
    return { handle, status: execution?.status ?? 'running' }
  }

  async function close(): Promise<void> {
    try {
      await replaying
      if (opened) search()
      if (opened && opened.waiting > 0) await startReplay(run)
      // Another call of close may have finished first.
      const last = opened
      opened = undefined
      searchedAt = Number.NEGATIVE_INFINITY
      if (last && last.waiting > 0) tell(reason, null)
      last?.close()
    } catch (error) {
      tell(asWfstoreError(error), null)
    }
  }

  return {
    startExecution: async (start) => (await begin(start)).handle,
    run: async (start, work) => {
      const { handle, status } = await begin(start)
      return aroundRun(handle, status, work)
    },
    close,
  }
}

const NO_CALL = 'a line of the spool is not a call of the recorder'

/** Ends a replay. `send` does not know this class, so it does not try again. */
class Lost extends Error {
  constructor(readonly why: WfstoreError) {
    super(why.message)
  }
}

const isStart = ({ kind }: SpooledCall) => kind === 'startExecution' || kind === 'startStep'

/** True if the database would refuse it again. The calls after it continue. */
const isRefusal = (error: WfstoreError): boolean =>
  error.code === 'conflict' || error.code === 'not_found' || refusesRow(error)

const asWfstoreError = (error: unknown): WfstoreError =>
  error instanceof WfstoreError
    ? error
    : new WfstoreError('failed', `recording failed: ${String(error)}`, { cause: error })
