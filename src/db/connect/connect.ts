import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import pg from 'pg'
import { hangUp } from '../query/errors.ts'
import { inTime, watchTls } from './attempt.ts'
import { assertSchemaTaken, connectError } from './errors.ts'
import type { Target } from './target.ts'

/**
 * Connects to the target.
 * @throws WfstoreError unreachable, access_denied, database_missing
 */
export async function connectClient(target: Target, asked?: () => void): Promise<pg.Client> {
  const { config, plain } = watchTls(target)
  const client = new pg.Client({ ...config, pipeline: true })
  // The next query reports a connection that was lost while idle; without a listener Node would end the process.
  client.on('error', () => hangUp(client))
  try {
    await inTime(target, () => {
      const connected = client.connect()
      if (asked) connectionOf(client).once('connect', asked)
      return connected
    })
  } catch (error) {
    hangUp(client)
    const instead = plain()
    if (instead) return connectClient(instead)
    throw await connectError(error, target)
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
  client.connection as unknown as EventEmitter & { stream: Socket }

/** Asks the server to cancel what a client of ours waits for, as psql does on Ctrl-C. */
export async function cancelQuery(client: pg.Client, target: Target): Promise<void> {
  const { processID } = client as pg.Client & { processID: number | null }
  const other = await connectClient(target)
  await other.query('select pg_cancel_backend($1)', [processID])
  await other.end()
}
