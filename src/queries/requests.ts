import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { hangUp } from '../db/query/errors.ts'
import { query, type Run } from '../db/query/query.ts'
import { isInTransaction } from '../db/query/session.ts'
import { raw, sql } from '../db/query/sql.ts'
import { rollback, transaction } from '../db/query/transaction.ts'
import { uuidv7 } from '../uuid.ts'
import { objectOf } from './table/validate.ts'

/** A request of an action, which is carried out once. */
export interface ActionRequest {
  /** The name of the caller. */
  caller: string
  /** Its Idempotency-Key. */
  key: string
  /** Of the command and its parameters: another request must not have the same key. */
  hash: string
  /** Such as 'billing pay'. */
  action: string
  parameters: Readonly<Record<string, unknown>>
}

const storedShape = {
  hash: d.text(),
  logId: d.uuid(),
  status: d.nullable(d.count()),
  note: d.nullable(d.text()),
  body: d.nullable(d.text()),
}
/** What is known of a request. Without a status the action has not ended: it runs, or the server was killed. */
export type StoredRequest = d.RowOf<typeof storedShape>

export interface ActionAnswer {
  status: number
  note: string | null
  body: string
}

/** The action type of the audit entries. */
const ACTION_TYPE = 'server_action'

const KEPT = "interval '7 days'"

const lockOf = ({ caller, key }: ActionRequest) =>
  sql`hashtextextended(format('wfstore request %s %s %s', current_schema(), ${caller}::text, ${key}::text), 0)`

/** Holds the request on this session while `work` runs. @returns undefined if another session holds it */
export async function withRequestLock<T>(
  client: pg.ClientBase,
  request: ActionRequest,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const [row] = await query(client, sql`select pg_try_advisory_lock(${lockOf(request)}) as held`, {
    held: d.boolean(),
  })
  if (row?.held !== true) return undefined
  try {
    return await work()
  } finally {
    if (isInTransaction(client)) await rollback(client as pg.Client)
    // Without the connection the server releases it.
    const unlock = sql`select pg_advisory_unlock(${lockOf(request)})`
    await query(client, unlock, {}).catch(() => hangUp(client))
  }
}

/** A former request with this key. */
export async function findRequest(
  run: Run,
  { caller, key }: ActionRequest,
): Promise<StoredRequest | undefined> {
  const [row] = await run(
    sql`select ${raw(d.selectList(storedShape, 'r'))} from wfstore_requests r
     where r.caller = ${caller} and r.key = ${key} and r.started_at >= now() - ${raw(KEPT)}`,
    storedShape,
  )
  return row
}

/** Writes a request and its audit entry, before the action begins. @returns the id of the audit entry */
export async function beginRequest(client: pg.ClientBase, request: ActionRequest): Promise<string> {
  const { caller, key, hash, action, parameters } = request
  const logId = uuidv7(Date.now())
  const metadata = objectOf('metadata', { caller, idempotency_key: key, parameters })
  await transaction(client as pg.Client, async () => {
    await query(
      client,
      sql`delete from wfstore_requests where started_at < now() - ${raw(KEPT)}`,
      {},
    )
    await query(
      client,
      sql`insert into audit_logs (log_id, user_id, action_type, action_details, success, error_message, metadata)
       values (${logId}::uuid, ${caller}, ${ACTION_TYPE}, ${action}, false, 'not finished',
         ${metadata}::jsonb || jsonb_build_object('database_user', session_user))`,
      {},
    )
    await query(
      client,
      sql`insert into wfstore_requests (caller, key, hash, log_id) values (${caller}, ${key}, ${hash}, ${logId}::uuid)`,
      {},
    )
  })
  return logId
}

/** A longer answer is not in the audit entry. */
const LONGEST_RESULT = 16_384

/** Keeps the answer for a repeated request, and completes the audit entry. */
export async function endRequest(
  client: pg.ClientBase,
  { caller, key }: ActionRequest,
  logId: string,
  { status, note, body }: ActionAnswer,
): Promise<void> {
  const result = body.length > LONGEST_RESULT ? '{}' : `{"result":${body}}`
  await transaction(client as pg.Client, async () => {
    await query(
      client,
      sql`update audit_logs set success = true, error_message = null, metadata = metadata || ${result}::jsonb
       where log_id = ${logId}::uuid`,
      {},
    )
    await query(
      client,
      sql`update wfstore_requests set status = ${status}, note = ${note}, body = ${body}
       where caller = ${caller} and key = ${key}`,
      {},
    )
  })
}

/** After an error the key is free: the request can be repeated, and each action can. The audit entry has the error. */
export async function failRequest(
  client: pg.ClientBase,
  { caller, key }: ActionRequest,
  logId: string,
  message: string,
): Promise<void> {
  if (isInTransaction(client)) await rollback(client as pg.Client)
  await transaction(client as pg.Client, async () => {
    await query(
      client,
      sql`update audit_logs set error_message = ${message} where log_id = ${logId}::uuid`,
      {},
    )
    await query(
      client,
      sql`delete from wfstore_requests where caller = ${caller} and key = ${key}`,
      {},
    )
  })
}
