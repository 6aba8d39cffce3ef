import { once } from 'node:events'
import { startReceiver } from '../../../server/receiver.ts'
import { ownAccess } from '../../../store/access.ts'
import type { CreateProgram } from '../../command.ts'
import type { Context } from '../../context.ts'
import { isLocal, urlOf } from '../../options/address.ts'
import { receivingOf } from '../../options/ingest.ts'
import { reportRefusals, reportsOf } from '../../terminal/refusals.ts'
import { accessOf, checkOptions, checkTokens, readCertificate } from './access.ts'
import { type ServeFlags, withConfig } from './options.ts'
import { openDatabase, startServer } from './start.ts'

const DEFAULT_ADDRESS = { host: '127.0.0.1', port: 8787 }

/** Serves until it is interrupted. */
export async function serveSite(
  context: Context,
  given: ServeFlags,
  createProgram: CreateProgram,
): Promise<void> {
  const { io } = context
  const configured = withConfig(given, context.settings().config?.serve)
  const flags = { ...configured, listen: configured.listen ?? DEFAULT_ADDRESS }
  checkOptions(flags)
  const certificate = await readCertificate(flags, io)
  const receiving = flags.ingest && receivingOf({}, context.settings().config?.ingest)
  const { basePath = '', allowWrites = false, queries, statementTimeout } = flags
  const database = await openDatabase(context, flags, {
    queries,
    statementTimeoutMs: statementTimeout?.ms,
  })
  await checkTokens(flags, { database })
  if (io.signal.aborted) return
  const { note } = context.writer(flags)
  const refusals = reportRefusals(note, () => io.now().getTime())
  context.atEnd(async () => refusals.end())
  const { access, hosts, userOf, admit } = accessOf(flags, { database, basePath, now: io.now })
  const receiver =
    receiving &&
    startReceiver({
      ...receiving,
      // Its sessions write.
      inTransaction: ownAccess(await context.pool(flags)).inTransaction,
      admit,
      ...reportsOf(refusals),
    })
  if (receiver) context.atEnd(receiver.stop)
  const server = await startServer(
    context,
    { database, access, basePath, allowWrites, userOf },
    {
      flags,
      listen: flags.listen,
      certificate,
      hosts,
      otlp: receiver ? receiver.handler : undefined,
      refusals,
      createProgram,
    },
  )
  const url = urlOf(server, certificate ? 'https' : 'http')
  if (isLocal(flags.listen) && !flags.behindProxy)
    note('all users of this machine can read without a token')
  if (receiver) note(`taking traces at ${url}${basePath}/v1/traces`)
  note(`listening on ${url}${basePath}/`)
  await once(io.signal, 'abort')
}
