import type { Connection } from '../db/query/connection.ts'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'

/** The maximum lag of a replica before the cleanup waits. */
const MOST_LAG_S = 10
/** The minimum time between two queries of the lag. */
const EVERY_MS = 1000
/** A replica that does not catch up in ten minutes without a cleanup is delayed on purpose or broken. */
const MOST_WAITS = 600

export interface Replicas {
  /** Waits until no replica of this server is far behind, for at most ten minutes, or until `over`. */
  wait: (over: () => boolean, on: Connection) => Promise<void>
}

/** Only a role with pg_read_all_stats (part of pg_monitor) sees the lag of replicas. For other roles there is no lag. */
export function watchReplicas(options: {
  sleep: (ms: number) => Promise<void>
  notice?: ((line: string) => void) | undefined
}): Replicas {
  let asked = Number.NEGATIVE_INFINITY
  let broken = false
  return {
    wait: async (over, on) => {
      if (broken || performance.now() - asked < EVERY_MS) return
      for (let waited = 0; ; waited++) {
        asked = performance.now()
        const [row] = await query(
          on,
          'select coalesce(max(extract(epoch from replay_lag)), 0) as lag from pg_stat_replication',
          { lag: d.number() },
        )
        const lag = row?.lag ?? 0
        if (lag <= MOST_LAG_S || over()) return
        broken = waited === MOST_WAITS
        const behind = `a replica is ${Math.round(lag)} s behind`
        if (waited === 0) options.notice?.(`${behind}; waiting`)
        if (broken) return options.notice?.(`${behind} and does not catch up; continuing`)
        await options.sleep(EVERY_MS)
      }
    },
  }
}
