import type pg from 'pg'
import { connectClient, reachedBy } from '../db/connect/connect.ts'
import type { Environment } from '../db/connect/libpq.ts'
import { chooseDatabase } from '../db/connect/target.ts'
import { runOn } from '../db/query/query.ts'
import { readLag } from '../db/replica/lag.ts'
import { readNote, refusalOf, refusedNote, unusable } from '../db/replica/words.ts'
import { checkSchema } from '../db/schema.ts'
import type { ReportsUrl } from './config/reports.ts'
import type { Settings } from './config/settings.ts'
import type { GlobalOptions } from './options/global.ts'
import { DEFAULT_MAX_LAG, maxLagOf, parseMaxLag } from './options/max-lag.ts'

interface Chosen extends ReportsUrl {
  env: Environment
  options: GlobalOptions
  settings: Settings
  primary: () => Promise<pg.Client>
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

/**
 * Connects to a replica. If it is not reachable, too far behind or without the right schema, the primary answers.
 * @throws WfstoreError usage if the URL is not one of PostgreSQL
 */
export async function connectReplica(chosen: Chosen): Promise<Reading> {
  const { url, source, env, options } = chosen
  const applicationName = `wfstore ${chosen.settings.traits.path}`
  const target = await chooseDatabase({
    url,
    source,
    env,
    cwd: '',
    applicationName,
    schema: options.schema,
  })
  const maxLag = options.maxLag ?? maxLagOf(env) ?? parseMaxLag(DEFAULT_MAX_LAG)
  let { label } = target
  let replica: pg.Client | undefined
  let primary: pg.Client | undefined
  let why: string
  try {
    replica = await connectClient(target)
    label = reachedBy(replica)?.label ?? label
    const lag = await readLag(runOn(replica), maxLag.ms, async () => {
      primary = await chosen.primary()
      return runOn(primary)
    })
    const refusal = refusalOf(lag, maxLag.ms)
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
