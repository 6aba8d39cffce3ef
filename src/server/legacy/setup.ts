import type pg from 'pg'
import { TABLES } from '../../db/adopt/legacy.ts'
import { schemaFor } from '../../db/migrate/session.ts'
import { migrateUp } from '../../db/migrate/up.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import type { SiteConnection } from '../site.ts'

const VIEWS = ['user_workflow_summary', 'daily_cost_summary']

const LOCK_WAIT_MS = 60_000
const LOCK_TIMEOUT_MS = 2000

/** Migrates the schema, or adopts the tables of the old application, whose times are in UTC. */
export async function setUp({ client }: SiteConnection): Promise<Record<string, unknown>> {
  const { applied, adopted } = await migrateUp(client as pg.Client, {
    legacyTimeZone: 'UTC',
    lockWaitMs: LOCK_WAIT_MS,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
    notice: () => {},
  })
  const done = adopted ? 'adopted' : applied.length > 0 ? 'created' : 'already up to date'
  return {
    message: `The workflow tables are ${done}`,
    tables_created: TABLES,
    views_created: VIEWS,
    indexes_created: await namesOf(client, 'index'),
    triggers_created: await namesOf(client, 'trigger'),
  }
}

/** The names of the indexes or triggers of the old tables. */
async function namesOf(client: pg.ClientBase, kind: 'index' | 'trigger'): Promise<string[]> {
  const tables = sql`(select c.oid from pg_class c where c.oid = any(${TABLES}::text[]::regclass[]))`
  const rows = await query(
    client,
    kind === 'index'
      ? sql`select indexrelid::regclass::text as name from pg_index where indrelid in ${tables} order by 1`
      : sql`select distinct tgname::text as name from pg_trigger where not tgisinternal and tgrelid in ${tables} order by 1`,
    { name: d.text() },
  )
  return rows.map(({ name }) => name)
}

/** Compares the schema with its migrations. */
export async function verify({ client }: SiteConnection): Promise<Record<string, unknown>> {
  const session = client as pg.Client
  const schema = await schemaFor(session, undefined)
  const { countRows } = await import('../../db/verify/counts.ts')
  const { verifySchema } = await import('../../db/verify/verify.ts')
  const counts = await countRows(session, schema)
  const verified = await verifySchema(session, schema).catch((error) => {
    if (error instanceof WfstoreError && error.code.startsWith('schema_')) return { ok: false }
    throw error
  })
  const tables = TABLES.map((name) => {
    const found = counts.find(({ table }) => table === name)
    return [name, { exists: found !== undefined, rowCount: found ? found.rows : 0 }]
  })
  return {
    migrationComplete: verified.ok,
    tables: Object.fromEntries(tables),
    message: verified.ok
      ? 'The workflow tables are complete'
      : 'The workflow tables are not complete; run `wfstore migrate verify` for details',
  }
}
