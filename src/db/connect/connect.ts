import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { hangUp } from '../query/errors.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { attempt, inTime } from './attempt.ts'
import { assertSchemaTaken, connectError } from './errors.ts'
import { assertSession } from './server-kind.ts'
import type { Target } from './target.ts'

/** Errors of a server that has answered. */
const answers = new WeakSet<WfstoreError>()

/** The server is starting or stopping. */
const CANNOT_CONNECT_NOW = '57P03'

/** The target that each client is connected to: one of several hosts, with or without TLS. */
const reached = new WeakMap<pg.Client, Target>()

/**
 * Connects to the first server of the target that is reachable and of the right kind.
 * @throws WfstoreError unreachable, access_denied, database_missing
 */
export async function connectClient(target: Target, asked?: () => void): Promise<pg.Client> {
  const failures: WfstoreError[] = []
  for (const candidate of candidatesOf(target)) {
    try {
      return await connectTo(candidate, asked)
    } catch (error) {
      // As in libpq, a server that answers with a refusal, or whose TLS fails, ends the search.
      if (!(error instanceof WfstoreError) || error.code !== 'unreachable') throw error
      if (answers.has(error) && error.sqlState !== CANNOT_CONNECT_NOW) throw error
      failures.push(error)
    }
  }
  const [first] = failures as [WfstoreError]
  if (failures.length === 1) throw first
  const messages = [...new Set(failures.map(({ message }) => message))]
  throw new WfstoreError('unreachable', messages.join('; '), { hint: first.hint, cause: first })
}

/** The server that this client is connected to. */
export const reachedBy = (client: pg.Client): Target | undefined => reached.get(client)

function candidatesOf(target: Target): Target[] {
  const { others = [], ...first } = target
  const all = [first, ...others]
  if (target.session !== 'prefer-standby') return all
  const kinds = ['standby', 'any'] as const
  return kinds.flatMap((session) => all.map((one) => ({ ...one, session })))
}

async function connectTo(target: Target, asked?: () => void): Promise<pg.Client> {
  const { config, Client, instead, answered } = attempt(target)
  const client = new Client({ ...config, pipeline: true } as pg.ClientConfig)
  // If an idle connection is lost, the next query reports it. Without a listener Node would end the process.
  client.on('error', () => hangUp(client))
  try {
    await inTime(target, () => {
      const connected = client.connect()
      if (asked) connectionOf(client).once('connect', asked)
      return connected
    })
  } catch (error) {
    hangUp(client)
    const next = instead(error)
    if (next) return connectTo(next)
    const known = await connectError(error, target)
    // An error that is known already is a time limit.
    if (answered() && known !== error) answers.add(known)
    throw known
  }
  try {
    await assertSession(client, target)
    await assertSchemaTaken(client, target)
  } catch (error) {
    hangUp(client)
    throw error
  }
  reached.set(client, target)
  return client
}

/** Ends the session. It waits until the message is sent, but not until the server closes the connection. */
export async function leaveServer(client: pg.Client): Promise<void> {
  const { stream } = connectionOf(client)
  const sent = new Promise((resolve) => stream.once('finish', resolve))
  await Promise.race([client.end(), sent])
  stream.unref()
}

const connectionOf = (client: pg.Client) =>
  client.connection as unknown as EventEmitter & { stream: Socket }

/** Cancels the running statement of a client, as psql does on Ctrl-C. */
export async function cancelQuery(client: pg.Client, target: Target): Promise<void> {
  const { processID } = client as pg.Client & { processID: number | null }
  const other = await connectClient(reached.get(client) ?? target)
  await query(other, sql`select pg_cancel_backend(${processID}::int)`, {})
  await other.end()
}
