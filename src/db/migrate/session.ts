import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { SESSION_SETTINGS } from '../connect/settings.ts'
import { elsewhere, readHomes, schemaFlag } from '../homes.ts'
import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { databaseError } from '../query/errors.ts'
import { query } from '../query/query.ts'
import { quote, sql } from '../query/sql.ts'
import { run } from '../query/transaction.ts'

/**
 * The schema that a command works on: the given one, or that of the search path with the tables, or the first of the
 * search path.
 * @throws WfstoreError usage if no schema of the search path exists; schema_differs if the tables are in another schema
 */
export async function schemaFor(db: Queryable, named: string | undefined): Promise<string> {
  if (named !== undefined) return named
  const [row] = await query(
    db,
    `select (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.oid = to_regclass('workflow_executions')) as holder, current_schema() as first`,
    { holder: d.nullable(d.text()), first: d.nullable(d.text()) },
  )
  if (row?.holder) return row.holder
  await assertNotElsewhere(db)
  if (row?.first) return row.first
  throw new WfstoreError('usage', 'no schema of the search path exists', {
    hint: 'give one with --schema; it is created if it does not exist',
  })
}

/**
 * The search path of a server, a database or a role was not made for this command. A new store there would be empty,
 * and the tables in the other schema would stay unnoticed.
 */
async function assertNotElsewhere(db: Queryable): Promise<void> {
  const [home] = await readHomes(db)
  if (!home) return
  const [path] = await query(
    db,
    `select coalesce(current_schema(), 'public') as first, source in ('client', 'session') as chosen
     from pg_settings where name = 'search_path'`,
    { first: d.text(), chosen: d.boolean() },
  )
  if (!path || path.chosen) return
  throw new WfstoreError('schema_differs', elsewhere(home), {
    hint: `add ${schemaFlag(home.schema)} to ${home.adopted ? 'use it' : 'adopt them in place'}, or ${schemaFlag(path.first)} for another store in schema ${path.first}`,
  })
}

/** The quoted name. node-pg-migrate quotes names without escaping, so a name with quotes is refused. */
export function quotedSchema(schema: string): string {
  if (!/['"\\]/.test(schema)) return quote(schema)
  throw new WfstoreError('usage', `schema names with quotes are not supported: ${schema}`)
}

/** A role or a database may have limits for its daily work. They must not end a migration. */
const NO_LIMITS: Record<string, string> = {
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  // PostgreSQL has it from version 17 on.
  transaction_timeout: '0',
  default_transaction_read_only: 'off',
}

/**
 * How often the server checks during a statement that the client is still connected. Otherwise the backend of a
 * killed `up` builds its index to the end, and the next `up` waits for it.
 */
const CONNECTION_CHECK_MS = 1000

/** Runs `work` with the settings of a migration, then restores those of the session. */
export async function withSettings<T>(
  client: pg.Client,
  schema: string,
  work: () => Promise<T>,
): Promise<T> {
  const wanted = { ...SESSION_SETTINGS, ...NO_LIMITS, search_path: quotedSchema(schema) }
  const before = await readSettings(client, [...Object.keys(wanted), 'lock_timeout'])
  try {
    const known = Object.entries(wanted).filter(([name]) => name in before)
    await changeSettings(client, Object.fromEntries(known))
    // Not every server platform supports this setting. Migrations work without it.
    await changeSettings(client, {
      client_connection_check_interval: `${CONNECTION_CHECK_MS}ms`,
    }).catch(() => {})
    return await work()
  } finally {
    // After a lost connection there is nothing to restore.
    await changeSettings(client, { ...before, client_connection_check_interval: '0' }).catch(
      () => {},
    )
  }
}

/** Without those that this server does not have. */
async function readSettings(client: pg.Client, names: string[]): Promise<Record<string, string>> {
  const rows = await query(
    client,
    sql`select name, current_setting(name, true) as value from unnest(${names}::text[]) as name
     where current_setting(name, true) is not null`,
    { name: d.text(), value: d.text() },
  )
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

async function changeSettings(client: pg.Client, settings: Record<string, string>): Promise<void> {
  await query(
    client,
    sql`select set_config(name, value, false) from unnest(${Object.keys(settings)}::text[], ${Object.values(settings)}::text[]) as s (name, value)`,
    {},
  )
}

/** Notes an encoding in which not every text can be stored. It cannot be changed later. */
export async function noteEncoding(
  client: pg.Client,
  notice: (line: string) => void,
): Promise<void> {
  const [row] = await query(client, "select current_setting('server_encoding') as encoding", {
    encoding: d.text(),
  })
  if (row && row.encoding !== 'UTF8')
    notice(
      `the encoding of this database is ${row.encoding}, not UTF8: some texts will be refused or stored without a check; create it with \`createdb --encoding UTF8 --template template0\``,
    )
}

/** A missing object inside a migration means that the migration failed, not that the schema is missing. */
export function migrationError(error: unknown): WfstoreError {
  const known = databaseError(error)
  const { message, cause, sqlState, sql } = known
  return sqlState !== undefined && sqlState !== 'WF006' && known.code.startsWith('schema_')
    ? new WfstoreError('failed', message, { cause, sqlState, sql })
    : known
}

export async function createSchema(client: pg.Client, schema: string): Promise<void> {
  const there = await query(client, sql`select from pg_namespace where nspname = ${schema}`, {})
  if (there.length === 0) await run(client, `create schema ${quotedSchema(schema)}`)
}
