import type pg from 'pg'
import { connectClient, reachedBy } from '../db/connect/connect.ts'
import type { Environment } from '../db/connect/libpq.ts'
import { lazyPool } from '../db/connect/pool.ts'
import { chooseDatabase } from '../db/connect/target.ts'
import { runOn } from '../db/query/query.ts'
import { readLag } from '../db/replica/lag.ts'
import { readNote, refusalOf, refusedNote, unusable } from '../db/replica/words.ts'
import { checkSchema } from '../db/schema.ts'
import { reportsOf } from './config/reports.ts'
import type { Settings } from './config/settings.ts'
import type { GlobalOptions } from './options/global.ts'
import { DEFAULT_MAX_LAG, maxLagOf, parseMaxLag } from './options/max-lag.ts'

interface Chosen {
  env: Environment
  options: GlobalOptions
  settings: Settings
}

/**
 * The replica and how far it may be behind, before connecting; undefined if none is set.
 * @throws WfstoreError usage if the URL is not one of PostgreSQL, or WFSTORE_MAX_LAG no duration
 */
async function chooseReplica({ env, options, settings }: Chosen) {
  const found = reportsOf(settings, env, options)
  if (!found) return undefined
  const applicationName = `wfstore ${settings.traits.path}`
  const { schema } = options
  const target = await chooseDatabase({ ...found, env, cwd: '', applicationName, schema })
  const maxLag = options.maxLag ?? maxLagOf(env) ?? parseMaxLag(DEFAULT_MAX_LAG)
  return { target, maxLagMs: maxLag.ms }
}

/** Connections to the replica, for a server. */
export async function replicaPool(chosen: Chosen, connections: number) {
  const found = await chooseReplica(chosen)
  if (!found) return undefined
  const { target, maxLagMs } = found
  const replica = lazyPool(async () => target, connections)
  return { replica, label: target.label, maxLagMs, close: replica.close }
}

/** The connection of a command that reads, and a note that says where it reads from. */
export interface Reading {
  /** Undefined: the primary answers. */
  replica?: pg.Client
  /** A connection to the primary that was made to ask for its position. */
  primary?: pg.Client | undefined
  label: string
  note: string
}

/** Connects to the replica. If it is not reachable, too far behind or without the right schema, the primary answers. */
export async function connectReplica(
  chosen: Chosen,
  connectPrimary: () => Promise<pg.Client>,
): Promise<Reading | undefined> {
  const found = await chooseReplica(chosen)
  if (!found) return undefined
  const { target, maxLagMs } = found
  let { label } = target
  let replica: pg.Client | undefined
  let primary: pg.Client | undefined
  let why: string
  try {
    replica = await connectClient(target)
    label = reachedBy(replica)?.label ?? label
    const lag = await readLag(runOn(replica), maxLagMs, async () => {
      primary = await connectPrimary()
      return runOn(primary)
    })
    const refusal = refusalOf(lag, maxLagMs)
    if (refusal === undefined) {
      await checkSchema(replica)
      await primary?.end()
      return { replica, label, note: readNote(label, lag) }
    }
    why = refusal
  } catch (error) {
    why = unusable(error)
  }
  await replica?.end()
  return { primary, label, note: refusedNote(label, why) }
}
