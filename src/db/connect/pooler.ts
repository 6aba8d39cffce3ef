import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import * as d from '../query/decode.ts'
import { hangUp, sqlStateOf } from '../query/errors.ts'
import { query } from '../query/query.ts'
import { rollback } from '../query/transaction.ts'

/** Several processes of a pooler may listen on one port, each with its own server sessions. */
const OTHERS = 3

/** A pool in session mode may have no free session to compare with. */
const PATIENCE_MS = 2000

/**
 * Checks that this connection keeps one session of the server. A pool in session mode or a proxy that hides the process id is
 * allowed.
 * @throws WfstoreError usage if statements of this connection run in sessions that are shared with other connections
 */
export async function assertDirect(
  client: pg.Client,
  connectAnother: () => Promise<pg.Client>,
): Promise<void> {
  const { processID } = client as pg.Client & { processID: number | null }
  const session = await readSession(client)
  // The process id at login is the same only without a pooler.
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
      // A transaction keeps its session.
      if (await refusesTransactions(other)) return true
      if ((await readSession(other)) === session) return true
      if ((await readSession(client)) !== session) return true
      await leave(other)
      other = undefined
    }
    return false
  }
  const compared = compare()
    // Without a comparison there is no proof.
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

/** The error of a pooler in statement mode. */
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

/** The process id and its start, because two servers behind one proxy may have the same id. */
async function readSession(client: pg.Client): Promise<string> {
  const [row] = await query(
    client,
    // Commands ask before they check the schema: `||` could be an operator of another role.
    `select pg_catalog.format('%s %s', pid, extract(epoch from backend_start)) as session
     from pg_stat_activity where pid = pg_backend_pid()`,
    { session: d.text() },
  )
  return row?.session as string
}

/** A pooler would close a session with an open transaction. */
async function leave(client: pg.Client): Promise<void> {
  await rollback(client)
  await client.end()
}
