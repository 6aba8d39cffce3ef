import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import pg from 'pg'
import { describe } from '../query/errors.ts'
import { assertSchemaTaken, connectError } from './errors.ts'
import type { Target } from './target.ts'

/**
 * Connects to the target.
 * @throws WfstoreError unreachable, access_denied, database_missing
 */
export async function connectClient(target: Target, asked?: () => void): Promise<pg.Client> {
  const client = new pg.Client({ ...target.config, pipeline: true } as pg.ClientConfig)
  // A connection lost while idle is reported by the next query; without a listener Node would end the process.
  client.on('error', () => {})
  try {
    const connected = client.connect()
    if (asked) connectionOf(client).once('connect', asked)
    await connected
  } catch (error) {
    if (target.plainWhereUnsupported && /does not support SSL/.test(describe(error).message)) {
      const config = { ...target.config, ssl: false }
      return connectClient({ ...target, config, plainWhereUnsupported: false })
    }
    throw connectError(error, target)
  }
  await assertSchemaTaken(client, target)
  return client
}

/** Sends what ends the session, and waits for that to leave us, but not for the server to hang up. */
export async function leaveServer(client: pg.Client): Promise<void> {
  const { stream } = connectionOf(client)
  const sent = new Promise((resolve) => stream.once('finish', resolve))
  await Promise.race([client.end(), sent])
  stream.unref()
}

const connectionOf = (client: pg.Client) =>
  (client as pg.Client & { connection: EventEmitter & { stream: Socket } }).connection

/** Asks the server to give up what a client of ours is waiting for, as psql does on Ctrl-C. */
export async function cancelQuery(client: pg.Client, target: Target): Promise<void> {
  const { processID } = client as pg.Client & { processID: number | null }
  const other = await connectClient(target)
  await other.query('select pg_cancel_backend($1)', [processID])
  await other.end()
}
