import { WfstoreError } from '../../../error.ts'
import type { AuditEntry, AuditFilter } from '../../../queries/audit/audit.ts'
import { followAudit, LATE_MINUTES } from '../../../queries/audit/follow.ts'
import type { Context } from '../../context.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { reader } from '../../options/report-filter.ts'
import type { Writer } from '../../output/writer.ts'

const POLL_MS = 1000
/** A poll that took longer is followed by a pause of so many times what it took: a tenth of the server at most. */
const REST = 9
const LONGEST_BACKOFF_MS = 30_000

/**
 * The newest entries and then new ones as they are committed, until interrupted. A lost connection is made again, and
 * what came meanwhile is not lost.
 */
export async function* followedEntries(
  context: Context,
  writer: Writer,
  options: GlobalOptions,
  filter: AuditFilter,
  limit: number,
): AsyncGenerator<AuditEntry[]> {
  const { io } = context
  // An interruption ends the wait; whether it was one, the signal says.
  const pause = (ms: number) => io.sleep(ms, io.signal).catch(() => {})
  let run = await reader(context, options)
  const follow = followAudit((text, values, shape) => run(text, values, shape), filter)
  yield await follow.start(limit)
  let warned = false
  for (let took = 0; ; ) {
    if (follow.isBlind() && !warned) {
      warned = true
      writer.note(
        `this role does not see how long other transactions have been open: what one that takes more than ${LATE_MINUTES} minutes writes is missed (pg_read_all_stats mends it)`,
      )
    }
    await pause(Math.max(POLL_MS, took * REST))
    if (io.signal.aborted) return
    try {
      const began = io.now().getTime()
      const entries = await follow.poll()
      took = io.now().getTime() - began
      yield entries
    } catch (error) {
      if (!isLost(error) || io.signal.aborted) throw error
      writer.note(`${(error as WfstoreError).message}; trying again, nothing is missed`)
      for (let wait = POLL_MS; ; wait = Math.min(wait * 2, LONGEST_BACKOFF_MS)) {
        await pause(wait)
        if (io.signal.aborted) return
        try {
          run = await reader(context, options)
          break
        } catch (again) {
          if (!isLost(again)) throw again
        }
      }
      writer.note('connected again')
    }
  }
}

const isLost = (error: unknown): boolean =>
  error instanceof WfstoreError && error.code === 'unreachable'
