import { once } from 'node:events'
import { databaseError } from '../../../db/query/errors.ts'
import { DEFAULT_MAPPING } from '../../../record/otel/mapping.ts'
import { startReconciling } from '../../../record/otel/store/loop.ts'
import { receive } from '../../../record/otel/store/receive.ts'
import { listen } from '../../../server/listen.ts'
import { otlpHandler } from '../../../server/otlp.ts'
import { ownAccess } from '../../../store/access.ts'
import type { Context } from '../../context.ts'
import { type Address, isLocal, urlOf } from '../../options/address.ts'
import { type IngestFlags, mappingOf, patienceOf } from './options.ts'
import { reportRefusals } from './refusals.ts'

/** How long an interruption may wait for the requests and the transaction in progress. */
const PATIENCE_MS = 10_000

/** Receives traces over HTTP and writes their runs, until it is interrupted. */
export async function receiveTraces(
  context: Context,
  flags: IngestFlags & { listen: Address },
): Promise<void> {
  const { io } = context
  const config = context.settings().config?.ingest ?? {}
  const mapping = mappingOf(flags, config, DEFAULT_MAPPING)
  const { check, inTransaction } = ownAccess(await context.pool(flags))
  await check()
  if (io.signal.aborted) return
  const { note } = context.writer(flags)
  const refusals = reportRefusals(note, () => io.now().getTime())
  io.setPatience?.(PATIENCE_MS)
  const options = { ...DEFAULT_MAPPING, ...patienceOf(flags, config, 'network') }
  const reconciling = startReconciling(inTransaction, options, (error) =>
    refusals.add('run', databaseError(error).message),
  )
  context.atEnd(async () => {
    await reconciling.stop()
    refusals.end()
  })
  const handler = otlpHandler({
    ingest: async (spans) => {
      const { rejected } = await receive(inTransaction, spans, mapping)
      reconciling.wake()
      return rejected
    },
    onRefused: (reason, spans) => refusals.add(spans ? 'span' : 'request', reason, spans),
    onError: (error) => refusals.add('request', databaseError(error).message),
  })
  const onRefused = (reason: string) => refusals.add('request', reason)
  const server = await listen(handler, { ...flags.listen, onRefused })
  context.atEnd(server.close)
  if (!isLocal(flags.listen))
    note(`warning: other machines can reach ${urlOf(server)}, and it asks for no password`)
  note(`listening on ${urlOf(server)}/v1/traces`)
  await once(io.signal, 'abort')
}
