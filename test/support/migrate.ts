import type pg from 'pg'
import { type MigrateOptions, type MigrateResult, migrateUp } from '../../src/db/migrate/up.ts'
import { describeSchema } from './catalog.ts'
import { waitingOnNodes } from './citus.ts'
import type { TestDatabase } from './database.ts'

export interface Migrated extends MigrateResult {
  /** The messages of the migration. */
  notices: string[]
}

/** `migrate up` on its own connection, with long timeouts for a busy machine. */
export async function migrate(
  database: TestDatabase,
  options: Partial<MigrateOptions> = {},
): Promise<Migrated> {
  return withClient(database, (client) => migrateOn(client, options))
}

export async function migrateOn(
  client: pg.Client,
  options: Partial<MigrateOptions> = {},
): Promise<Migrated> {
  const notices: string[] = []
  const result = await migrateUp(client, {
    legacyTimeZone: 'UTC',
    lockWaitMs: 60_000,
    lockTimeoutMs: 30_000,
    notice: (line) => notices.push(line),
    ...options,
  })
  return { ...result, notices }
}

export async function withClient<T>(
  database: TestDatabase,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await database.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** The objects of a schema. Of an adopted one, without the trigger function of the old application, which stays. */
export async function schemaOf(database: TestDatabase, schema?: string): Promise<string> {
  const text = await withClient(database, (client) => describeSchema(client, schema))
  return text.includes('FUNCTION wfstore_set_updated_at()')
    ? text.replace(
        /\nCREATE OR REPLACE FUNCTION update_updated_at_column\(\)[\s\S]*?\$function\$[\s\S]*?\$function\$\n/,
        '',
      )
    : text
}

/** Every row of every table of a schema as text, times in UTC, and the objects. A refused migration changes none of it. */
export async function everythingOf(database: TestDatabase): Promise<string> {
  const tables = await database.sql(
    `select oid::regclass::text as name from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`,
  )
  const parts: string[] = [await schemaOf(database)]
  for (const { name } of tables) {
    const rows = await database.sql(`select t::text as row from ${name} t order by 1`)
    parts.push(`${name}\n${rows.map(({ row }) => row).join('\n')}`)
  }
  return parts.join('\n')
}

/** Resolves when `task` on this connection waits for a lock; a third session checks it. */
export async function untilBlocked(database: TestDatabase, pid: number): Promise<void> {
  for (;;) {
    const [row] = await database.sql('select cardinality(pg_blocking_pids($1)) as blockers', [pid])
    if (row?.blockers !== 0 || (await waitingOnNodes(database.sql)).includes(pid)) return
  }
}

/** Everything that a session can see of a database, except the data of autovacuum. */
export async function catalogsOf(database: TestDatabase): Promise<string> {
  const tables = await database.sql(
    `select oid::regclass::text as name from pg_class where relkind = 'r' and not relisshared
       and relnamespace = 'pg_catalog'::regnamespace and relname <> 'pg_statistic' order by 1`,
  )
  const parts: string[] = [await everythingOf(database)]
  for (const { name } of tables) {
    const row =
      name === 'pg_class'
        ? "to_jsonb(t) - '{relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid}'::text[]"
        : 't'
    const [found] = await database.sql(
      `select count(*) as rows, md5(string_agg((${row})::text, ',' order by (${row})::text)) as all from ${name} t`,
    )
    parts.push(`${name} ${found?.rows} ${found?.all}`)
  }
  return parts.join('\n')
}
