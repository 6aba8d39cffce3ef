import { WfstoreError } from '../../../error.ts'
import type { AuditEntry, AuditFilter } from '../../../queries/audit/audit.ts'
import { followAudit, LATE_MINUTES } from '../../../queries/audit/follow.ts'
import { findIds } from '../../../queries/ids.ts'
import { isUuid } from '../../../uuid.ts'
import type { Context } from '../../context.ts'
import { withWholeIds } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { reader } from '../../options/report-filter.ts'
import type { Writer } from '../../output/writer.ts'

const POLL_MS = 1000
/** After a slow poll the pause is this many times its duration, so that polling takes at most a tenth of the time. */
const REST = 9
const LONGEST_BACKOFF_MS = 30_000

/**
 * Yields the newest entries, then new ones as they are committed, until interrupted. Reconnects after a lost connection
 * without missing entries.
 */
export async function* followedEntries(
  context: Context,
  writer: Writer,
  options: GlobalOptions,
  filter: AuditFilter,
  limit: number,
): AsyncGenerator<AuditEntry[]> {
  const { io } = context
  // An interruption ends the wait; the caller checks the signal.
  const pause = (ms: number) => io.sleep(ms, io.signal).catch(() => {})
  let run = await reader(context, options)
  // A run that has not started yet can be followed by its whole id.
  const whole = await withWholeIds(filter, (ids) =>
    ids.every(isUuid)
      ? Promise.resolve([...ids])
      : findIds(run, 'execution', ids, { removed: true }),
  )
  const follow = followAudit((statement, shape) => run(statement, shape), whole)
  yield await follow.start(limit)
  let warned = false
  for (let took = 0; ; ) {
    if (follow.isBlind() && !warned) {
      warned = true
      writer.note(
        `this role cannot see other transactions: entries from a transaction longer than ${LATE_MINUTES} minutes are missed; to fix this, grant pg_read_all_stats to the role`,
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
      writer.note(`${(error as WfstoreError).message}; reconnecting, no entries are missed`)
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
      writer.note('reconnected')
    }
  }
}

const isLost = (error: unknown): boolean =>
  error instanceof WfstoreError && error.code === 'unreachable'
