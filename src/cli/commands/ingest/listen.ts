import { once } from 'node:events'
import { listen } from '../../../server/listen.ts'
import { ownAccess } from '../../../store/access.ts'
import type { Context } from '../../context.ts'
import { type Address, isLocal, urlOf } from '../../options/address.ts'
import type { IngestFlags } from './options.ts'
import { readReceiving, startReceiver } from './receiver.ts'
import { reportRefusals } from './refusals.ts'

/** How long an interruption may wait for the requests and the transaction in progress. */
const PATIENCE_MS = 10_000

/** Receives traces over HTTP and writes their runs, until it is interrupted. */
export async function receiveTraces(
  context: Context,
  flags: IngestFlags & { listen: Address },
): Promise<void> {
  const { io } = context
  const receiving = readReceiving(context, flags)
  const { check, inTransaction } = ownAccess(await context.pool(flags))
  await check()
  if (io.signal.aborted) return
  const { note } = context.writer(flags)
  const refusals = reportRefusals(note, () => io.now().getTime())
  io.setPatience?.(PATIENCE_MS)
  context.atEnd(async () => refusals.end())
  const handler = startReceiver(context, { ...receiving, inTransaction, refusals })
  const onRefused = (reason: string) => refusals.add('request', reason)
  const server = await listen(handler, { ...flags.listen, onRefused })
  context.atEnd(server.close)
  if (!isLocal(flags.listen))
    note(`warning: other machines can reach ${urlOf(server)}, and it asks for no password`)
  note(`listening on ${urlOf(server)}/v1/traces`)
  await once(io.signal, 'abort')
}
