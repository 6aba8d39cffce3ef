import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { unreachable } from './attempt.ts'
import type { Target } from './target.ts'

/**
 * Checks target_session_attrs with a query, because a pooler may not pass on what a server reports at the login.
 * @throws WfstoreError unreachable, so that the next host is tried
 */
export async function assertSession(client: pg.Client, target: Target): Promise<void> {
  const { session } = target
  if (session === undefined || session === 'any' || session === 'prefer-standby') return
  const [found] = await query(
    client,
    `select pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as read_only`,
    { standby: d.boolean(), readOnly: d.boolean() },
  )
  const { standby = false, readOnly = false } = found ?? {}
  const is = {
    primary: !standby,
    standby,
    'read-only': readOnly || standby,
    'read-write': !(readOnly || standby),
  }
  if (is[session]) return
  const what = standby ? 'a standby' : readOnly ? 'read-only' : 'a primary'
  throw unreachable(
    target,
    `it is ${what}, but target_session_attrs requires ${session}`,
    undefined,
    'add the other servers to the URL, postgresql://user@one,two/database, or change target_session_attrs',
  )
}
