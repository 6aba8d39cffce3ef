import { type DatabaseOptions, DEFAULT_QUERIES, siteDatabase } from '../../../server/database.ts'
import { front } from '../../../server/front.ts'
import { type Certificate, type Handler, type Listening, listen } from '../../../server/listen.ts'
import type { Site } from '../../../server/site.ts'
import type { CreateProgram } from '../../command.ts'
import type { Context } from '../../context.ts'
import type { Address } from '../../options/address.ts'
import type { GlobalOptions } from '../../options/global.ts'
import type { Refusals } from '../../terminal/refusals.ts'
import { failureLine } from './failure.ts'
import { siteOn } from './site.ts'

/** How long an interruption may wait for the requests in progress, which have 10 s. */
const PATIENCE_MS = 15_000

/** A database for a server on the chosen one. @throws WfstoreError if it cannot be used, such as unreachable or schema_behind */
export async function openDatabase(
  context: Context,
  flags: GlobalOptions,
  options: Pick<DatabaseOptions, 'queries' | 'statementTimeoutMs'> = {},
): Promise<Site['database']> {
  const { queries = DEFAULT_QUERIES } = options
  // Each running request has one, and others cancel statements.
  const pool = await context.pool(flags, queries + 2)
  const replica = await context.replica(flags, queries + 2)
  const database = siteDatabase(pool, {
    ...options,
    own: true,
    replica: replica && { ...replica, primary: pool },
  })
  await database.name()
  return database
}

type SiteParts = Pick<Site, 'database' | 'access' | 'basePath' | 'allowWrites' | 'userOf'>

interface StartOptions {
  flags: GlobalOptions
  listen: Address
  certificate?: Certificate | undefined
  hosts: ReadonlySet<string> | undefined
  otlp?: Handler | undefined
  refusals: Refusals
  createProgram: CreateProgram
}

/** Listens until the command ends. Requests in progress are answered then. */
export async function startServer(
  context: Context,
  site: SiteParts,
  { flags, listen: address, certificate, hosts, otlp, refusals, createProgram }: StartOptions,
): Promise<Listening> {
  const { io } = context
  io.setPatience?.(PATIENCE_MS)
  const onError = (error: unknown) => refusals.add('answer', failureLine(error))
  const around = { now: io.now, stopping: io.signal, timeZone: flags.tz, onError }
  const { fetch } = siteOn({ ...site, ...around, createProgram })
  const server = await listen(front({ fetch, hosts, otlp, basePath: site.basePath, onError }), {
    ...address,
    certificate,
    onRefused: (reason) => refusals.add('request', reason),
  })
  context.atEnd(server.close)
  return server
}
