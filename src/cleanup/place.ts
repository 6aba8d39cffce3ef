import type pg from 'pg'
import { copyAt, shardOf, shardsOf } from '../db/distributed/at.ts'
import type { Layout } from '../db/distributed/layout.ts'
import type { Connection } from '../db/query/connection.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import { type HistoryDescription, onShard } from '../tables/histories.ts'

/**
 * Where a batch works, in the transaction of the client: the tables of the store, or in a distributed store the shards of one
 * group, which look like a store of their own. There all statements of the batch have one snapshot.
 */
export interface CleanupPlace {
  layout: Layout
  /** Runs statements there. */
  on: Connection
  /** SQL for COPY of a query there with the column `line`. */
  copied: (text: string) => string
  history: (history: HistoryDescription) => HistoryDescription
}

const wholeStore = (client: pg.ClientBase): CleanupPlace => ({
  layout: 'single',
  on: client,
  copied: (text) => text,
  history: (history) => history,
})

/** The session of a cleanup. */
export interface CleanupStore {
  client: pg.ClientBase
  /** Each row is at one of them. Batches work at one after the other. */
  places: readonly CleanupPlace[]
}

export async function storeOf(client: pg.ClientBase, layout: Layout): Promise<CleanupStore> {
  if (layout === 'single') return { client, places: [wholeStore(client)] }
  const shards = await shardsOf(client)
  const places = shards.map((run) => ({
    layout,
    on: shardOf(client, run),
    copied: (text: string) => copyAt(run, text),
    history: onShard,
  }))
  return { client, places }
}

/** Sets settings of the transaction there. The server of a shard knows none of those that the client has set. */
export async function setAt({ on }: CleanupPlace, settings: Record<string, string>): Promise<void> {
  await query(
    on,
    sql`select set_config(name, value, true)
     from unnest(${Object.keys(settings)}::text[], ${Object.values(settings)}::text[]) as s (name, value)`,
    {},
  )
}
