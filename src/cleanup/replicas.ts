import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'

/** A replica that is further behind is waited for. */
const MOST_LAG_S = 10
/** So often the server is asked at most. */
const EVERY_MS = 1000
/** One that does not catch up in ten minutes of peace is behind on purpose, or is broken. */
const MOST_WAITS = 600

export interface Replicas {
  /** Waits until no replica is far behind, ten minutes at most, or `over` says that it is time to end. */
  wait: (over: () => boolean) => Promise<void>
}

/** Only a role with pg_read_all_stats (pg_monitor has it) sees how far replicas are; for others none is behind. */
export function watchReplicas(
  client: pg.ClientBase,
  options: { sleep: (ms: number) => Promise<void>; notice?: ((line: string) => void) | undefined },
): Replicas {
  let asked = Number.NEGATIVE_INFINITY
  let hopeless = false
  return {
    wait: async (over) => {
      if (hopeless || performance.now() - asked < EVERY_MS) return
      for (let waited = 0; ; waited++) {
        asked = performance.now()
        const [row] = await query(
          client,
          'select coalesce(max(extract(epoch from replay_lag)), 0) as lag from pg_stat_replication',
          { lag: d.number() },
        )
        const lag = row?.lag ?? 0
        if (lag <= MOST_LAG_S || over()) return
        hopeless = waited === MOST_WAITS
        const behind = `a replica is ${Math.round(lag)} s behind`
        if (waited === 0) options.notice?.(`${behind}: waiting for it`)
        if (hopeless) return options.notice?.(`${behind} and does not catch up: waiting no longer`)
        await options.sleep(EVERY_MS)
      }
    },
  }
}
