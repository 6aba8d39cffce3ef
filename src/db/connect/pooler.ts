import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import * as d from '../query/decode.ts'
import { hangUp, sqlStateOf } from '../query/errors.ts'
import { query } from '../query/query.ts'
import { rollback } from '../query/transaction.ts'

/** Several processes of a pooler may listen on one port, each with server sessions of its own. */
const OTHERS = 3

/** A pool that gives each of us a session of its own may have none left to compare with. */
const PATIENCE_MS = 2000

/**
 * Makes sure that this connection is one session of the server from its first statement to its last. What hides the
 * server's process id but keeps the session, as a pool in session mode or a proxy does, is as good as a direct one.
 * @throws WfstoreError usage where statements of this connection are proven to go to sessions that others use too
 */
export async function assertDirect(
  client: pg.Client,
  connectAnother: () => Promise<pg.Client>,
): Promise<void> {
  const { processID } = client as pg.Client & { processID: number | null }
  const session = await readSession(client)
  // What the server said when it let us in, and only a pooler would say otherwise.
  if (session.startsWith(`${processID} `)) return
  if (!(await isShared(client, session, connectAnother))) return
  throw new WfstoreError(
    'usage',
    'a direct connection is required: the pooler gives each transaction another session of the server',
    { hint: 'use the URL of the server, or of a pool in session mode' },
  )
}

async function isShared(
  client: pg.Client,
  session: string,
  connectAnother: () => Promise<pg.Client>,
): Promise<boolean> {
  let other: pg.Client | undefined
  let over = false
  const compare = async (): Promise<boolean> => {
    for (let made = 0; made < OTHERS; made++) {
      other = await connectAnother()
      if (over) break
      // Inside a transaction it keeps the session that it was given.
      if (await refusesTransactions(other)) return true
      if ((await readSession(other)) === session) return true
      if ((await readSession(client)) !== session) return true
      await leave(other)
      other = undefined
    }
    return false
  }
  const compared = compare()
    // What cannot be compared proves nothing.
    .catch(() => false)
    .finally(() => over && other && hangUp(other))
  const limit = new AbortController()
  const late = delay(PATIENCE_MS, 'late', { signal: limit.signal }).catch(() => 'late')
  const answer = await Promise.race([compared, late])
  limit.abort()
  over = true
  if (other) await (answer === 'late' ? hangUp(other) : leave(other))
  return answer === true
}

/** A pooler in statement mode answers so, and no server does. */
const PROTOCOL_VIOLATION = '08P01'

async function refusesTransactions(client: pg.Client): Promise<boolean> {
  try {
    await client.query('begin')
    return false
  } catch (error) {
    if (sqlStateOf(error) === PROTOCOL_VIOLATION) return true
    throw error
  }
}

/** A process id and when it began: two servers behind one proxy may have the same id. */
async function readSession(client: pg.Client): Promise<string> {
  const [row] = await query(
    client,
    `select pg_backend_pid() || ' ' || extract(epoch from backend_start) as session
     from pg_stat_activity where pid = pg_backend_pid()`,
    { session: d.text() },
  )
  return row?.session as string
}

/** A pooler would throw the server's session away with a transaction that is still open. */
async function leave(client: pg.Client): Promise<void> {
  await rollback(client)
  await client.end()
}
