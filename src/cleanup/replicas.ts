import type pg from 'pg'
import * as d from '../db/decode.ts'
import { query } from '../db/query.ts'

/** A replica that is further behind is waited for. */
const MOST_LAG_S = 10
/** So often the server is asked at most. */
const EVERY_MS = 1000

export interface Replicas {
  /** Waits until no replica is far behind, or `over` says that it is time to end. */
  wait: (over: () => boolean) => Promise<void>
}

/** Only a role with pg_read_all_stats (pg_monitor has it) sees how far replicas are; for others none is behind. */
export function watchReplicas(
  client: pg.ClientBase,
  options: { sleep: (ms: number) => Promise<void>; notice?: ((line: string) => void) | undefined },
): Replicas {
  let asked = Number.NEGATIVE_INFINITY
  return {
    wait: async (over) => {
      for (let told = false; performance.now() - asked >= EVERY_MS; ) {
        asked = performance.now()
        const [row] = await query(
          client,
          'select coalesce(max(extract(epoch from replay_lag)), 0) as lag from pg_stat_replication',
          [],
          { lag: d.number() },
        )
        const lag = row?.lag ?? 0
        if (lag <= MOST_LAG_S || over()) return
        if (!told) options.notice?.(`a replica is ${Math.round(lag)} s behind: waiting for it`)
        told = true
        await options.sleep(EVERY_MS)
      }
    },
  }
}
