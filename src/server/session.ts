import type pg from 'pg'
import { SESSION_SETTINGS } from '../db/connect/settings.ts'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import { run } from '../db/query/transaction.ts'

/** Settings of a session by their names. */
type Values = Readonly<Record<string, string>>

/** What only reading sessions have. A write, such as a cleanup, takes longer than a page may. */
const readOnly = (statementTimeoutMs: number): Values => ({
  default_transaction_read_only: 'on',
  statement_timeout: String(statementTimeoutMs),
})
const READ_ONLY = Object.keys(readOnly(0))

export type Mode = 'read' | 'write'

/** What a session of the server has: what the statements of wfstore require, and for reading that it only reads. */
export const settingsFor = (statementTimeoutMs: number): Record<Mode, Values> => ({
  read: { ...SESSION_SETTINGS, ...readOnly(statementTimeoutMs) },
  write: SESSION_SETTINGS,
})

/** Lets a reading session write. */
export const endReadOnly = (client: pg.ClientBase): Promise<void> =>
  restoreSession(client, { set: {}, reset: READ_ONLY })

/** Sets values for the session. @returns what identifies the session, to cancel its statement */
export async function setSession(client: pg.ClientBase, values: Values): Promise<string> {
  const [row] = await query(
    client,
    sql`with given as (
      select pg_catalog.set_config(key, value, false) from pg_catalog.json_each_text(${JSON.stringify(values)}))
    select (select pg_catalog.count(*) from given) as given,
      pg_catalog.format('%s %s', pid, pg_catalog.date_part('epoch', backend_start)) as session
    from pg_catalog.pg_stat_activity where pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()`,
    { session: d.text() },
  )
  return row?.session ?? ''
}

/** Cancels the running statement of a session. The start is compared because another session may have got its process id. */
export async function cancelSession(client: pg.ClientBase, session: string): Promise<void> {
  await query(
    client,
    sql`select pg_catalog.pg_cancel_backend(pid) from pg_catalog.pg_stat_activity
    where pg_catalog.format('%s %s', pid, pg_catalog.date_part('epoch', backend_start)) operator(pg_catalog.=) ${session}`,
    {},
  )
}

/** How to set settings back: those that the session itself had set, and the others, which follow the role and the server. */
export interface Former {
  set: Values
  reset: readonly string[]
}

export async function readFormer(client: pg.ClientBase, values: Values): Promise<Former> {
  const names = Object.keys(values).map((name) => name.toLowerCase())
  const rows = await query(
    client,
    sql`select name, setting, source operator(pg_catalog.=) 'session' as set from pg_catalog.pg_settings
    where pg_catalog.lower(name) operator(pg_catalog.=) any (${names}::pg_catalog.text[])`,
    { name: d.text(), setting: d.text(), set: d.boolean() },
  )
  const isSet = (wanted: boolean) => rows.filter(({ set }) => set === wanted)
  return {
    set: Object.fromEntries(isSet(true).map(({ name, setting }) => [name, setting])),
    reset: isSet(false).map(({ name }) => name),
  }
}

export async function restoreSession(client: pg.ClientBase, { set, reset }: Former): Promise<void> {
  // Names of PostgreSQL, without anything to quote.
  if (reset.length > 0)
    await run(client as pg.Client, reset.map((name) => `reset ${name}`).join('; '))
  if (Object.keys(set).length > 0) await setSession(client, set)
}
