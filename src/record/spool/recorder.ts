import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { countOf, requiredText } from '../../queries/table/validate.ts'
import type { ExecutionRecorder, StartExecution } from '../recorder/recorder.ts'
import {
  type Outcome,
  perform,
  type RecorderCall,
  type SpooledCall,
  startOf,
  timed,
} from './calls.ts'
import { openSpoolFile, type SpoolFile } from './file.ts'
import { executionHandle, idOf } from './handles.ts'

export interface SpoolOptions {
  /** Made where it is missing; its folder must be there. One process has it at a time (`file.lock`). */
  file: string
  /** Of the file; 64 MiB unless given. */
  maxBytes?: number
  /**
   * Told of every call that the database did not take when it was made, or refused later (`conflict`, `not_found`), and with
   * null of what concerns no single call. What it throws is ignored.
   */
  onError: (error: WfstoreError, call: SpooledCall | null) => void
}

export interface SpooledRecorder {
  startExecution: (options: StartExecution) => Promise<ExecutionRecorder>
  /** Replays what the database takes and gives the file back; the rest stays in it. Does not throw. */
  close: () => Promise<void>
}

const USUAL_BYTES = 64 * 1024 * 1024
/** A replay is tried so long after the last one; a call waits no longer than this for one. */
const PAUSE_MS = 1000

/** The database is not asked: the call is checked, and goes to the spool. */
const AWAY = new Error('away')
const nowhere: Run = async () => {
  throw AWAY
}

/**
 * The recorder, for an engine that its recording must never break: what the database does not take goes to a file, and
 * from there to the database once it is back. While something is in the file all calls go there, so their order is kept.
 * Each can be repeated, so what was written before a replay broke off is not written twice.
 * @throws WfstoreError usage where the options are none, or the file is in use or cannot be opened; a call: usage
 */
export function spooledRecorder(run: Run, options: SpoolOptions): SpooledRecorder {
  const path = requiredText('spool.file', options.file)
  const maxBytes = countOf('spool.maxBytes', options.maxBytes, 1) ?? USUAL_BYTES
  const { onError } = options
  if (typeof onError !== 'function') throw new WfstoreError('usage', 'spool.onError is missing')
  let opened: SpoolFile | undefined = openSpoolFile(path, maxBytes)
  /** After `close` it is opened again when it is needed. */
  const file = () => {
    opened ??= openSpoolFile(path, maxBytes)
    return opened
  }
  /** Runs and steps whose start was refused: what follows would be written to somebody else's. */
  const refused = new Map<string, WfstoreError>()
  let reason = new WfstoreError('failed', 'what was recorded before is still being replayed')
  let triedAt = Number.NEGATIVE_INFINITY
  let replaying: Promise<void> | undefined
  let advancing = false

  const tell = (error: WfstoreError, call: SpooledCall | null) => {
    try {
      const told: unknown = onError(error, call)
      if (told instanceof Promise) told.catch(() => {})
    } catch {
      // Recording must not break the run; nor must the report of it.
    }
  }
  const gated: Run = (text, values, shape) =>
    (file().waiting > 0 ? nowhere : run)(text, values, shape)

  const refusalOf = ({ kind, executionId, stepId = '' }: SpooledCall) =>
    kind === 'startExecution'
      ? undefined
      : (refused.get(executionId) ?? (kind === 'startStep' ? undefined : refused.get(stepId)))
  /** Remembers that the start of a run or a step was refused, or was not. */
  const note = ({ kind, executionId, stepId }: SpooledCall, error?: WfstoreError) => {
    if (kind !== 'startExecution' && kind !== 'startStep') return
    const id = stepId ?? executionId
    if (error) refused.set(id, error)
    else refused.delete(id)
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
    // That an engine was alive is no news later.
    const lost = call.kind === 'heartbeat' ? undefined : append(timed(call, startTime), error)
    tell(lost ?? error, call)
    return lost ? { refused: true } : {}
  }

  /** @returns why the call is lost */
  function append(call: SpooledCall, why: WfstoreError): WfstoreError | undefined {
    try {
      const first = file().waiting === 0
      if (!file().append(JSON.stringify(call))) {
        return new WfstoreError('failed', `the spool is full (${maxBytes} bytes): a call is lost`, {
          hint: `bring the database back (${why.message}), or give the spool more room`,
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

  /** Where a replay is due, or gets on, the call waits for it a while: else a busy engine would never be done. */
  async function catchUp(): Promise<void> {
    if (file().waiting === 0 || (replaying && !advancing)) return
    if (!replaying && Math.abs(Date.now() - triedAt) < PAUSE_MS) return
    const over = new AbortController()
    const patience = delay(PAUSE_MS, undefined, { signal: over.signal, ref: false }).catch(() => {})
    await Promise.race([startReplay(once), patience])
    over.abort()
  }

  /** A lost connection ends a replay: the next one is soon enough. */
  const once: Run = async (text, values, shape) => {
    try {
      return await run(text, values, shape)
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
    /** Refused starts of runs, kept for what follows them until the file is empty. */
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
      // Makes room meanwhile.
      if (kept.length === 0 && file().passed > maxBytes / 2) file().compact([])
    }
  }

  /** @returns why the call was not done */
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

  async function startExecution(start: StartExecution): Promise<ExecutionRecorder> {
    const executionId = idOf('executionId', start.executionId)
    const given = { ...start, executionId }
    const madeAt = new Date()
    const { execution } = await record({ kind: 'startExecution', executionId, options: given })
    return executionHandle(record, executionId, execution?.startTime ?? startOf(given, madeAt))
  }

  async function close(): Promise<void> {
    try {
      await replaying
      if (opened && opened.waiting > 0) await startReplay(run)
      // Another close may have been faster.
      const last = opened
      opened = undefined
      if (last && last.waiting > 0) tell(reason, null)
      last?.close()
    } catch (error) {
      tell(asWfstoreError(error), null)
    }
  }

  return { startExecution, close }
}

const NO_CALL = 'a line of the spool is no call of the recorder'

/** Why a replay ended: `send` knows nothing of it, and so does not try again. */
class Lost extends Error {
  constructor(readonly why: WfstoreError) {
    super(why.message)
  }
}

const isStart = ({ kind }: SpooledCall) => kind === 'startExecution' || kind === 'startStep'

/** Would the database refuse it tomorrow too? SQLSTATE classes 22, 23 and 54: values that it cannot take. */
function isRefusal({ code, sqlState = '' }: WfstoreError): boolean {
  if (code === 'failed') return /^(22|23|54)/.test(sqlState)
  return code === 'conflict' || code === 'not_found'
}

const asWfstoreError = (error: unknown): WfstoreError =>
  error instanceof WfstoreError
    ? error
    : new WfstoreError('failed', `recording failed: ${String(error)}`, { cause: error })

/** Null where it could not be made: half a line after a power failure, or of another version of wfstore. */
async function parsed(line: string): Promise<SpooledCall | null> {
  try {
    const call = JSON.parse(line) as SpooledCall
    const checked = await perform(nowhere, call, null).catch((error: unknown) => error)
    return checked === AWAY ? call : null
  } catch {
    return null
  }
}
