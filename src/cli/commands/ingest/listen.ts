import { once } from 'node:events'
import { listen } from '../../../server/listen.ts'
import { startReceiver } from '../../../server/receiver.ts'
import { ownAccess } from '../../../store/access.ts'
import type { Context } from '../../context.ts'
import { type Address, isLocal, urlOf } from '../../options/address.ts'
import { type IngestFlags, receivingOf } from '../../options/ingest.ts'
import { reportRefusals, reportsOf } from '../../terminal/refusals.ts'

/** How long an interruption may wait for the requests and the transaction in progress. */
const PATIENCE_MS = 10_000

/** Receives traces over HTTP and writes their runs, until it is interrupted. */
export async function receiveTraces(
  context: Context,
  flags: IngestFlags & { listen: Address },
): Promise<void> {
  const { io } = context
  const receiving = receivingOf(flags, context.settings().config?.ingest)
  const { check, inTransaction } = ownAccess(await context.pool(flags))
  await check()
  if (io.signal.aborted) return
  const { note } = context.writer(flags)
  const refusals = reportRefusals(note, () => io.now().getTime())
  io.setPatience?.(PATIENCE_MS)
  const reports = reportsOf(refusals)
  const { handler, stop } = startReceiver({ ...receiving, inTransaction, ...reports })
  context.atEnd(async () => {
    await stop()
    refusals.end()
  })
  const server = await listen(handler, { ...flags.listen, onRefused: reports.onRefused })
  context.atEnd(server.close)
  if (!isLocal(flags.listen))
    note(`warning: other machines can reach ${urlOf(server)}, and it asks for no password`)
  note(`listening on ${urlOf(server)}/v1/traces`)
  await once(io.signal, 'abort')
}
