import { basename } from 'node:path'
import type { MigrationBuilder } from 'node-pg-migrate'
import pg from 'pg'
import { WfstoreError } from '../error.ts'
import { adopt } from './adopt/adopt.ts'
import { TABLES } from './adopt/legacy.ts'
import { obstacleError, takenNames } from './adopt/obstacles.ts'
import type { TableSize } from './adopt/sizes.ts'
import { readNames } from './adopt/survey.ts'
import * as d from './decode.ts'
import { databaseError } from './errors.ts'
import { createHistory, HISTORY_TABLE, readApplied } from './history.ts'
import { type Notice, setLockTimeout, withAdvisoryLock, withLockRetries } from './lock.ts'
import { creationsOf, migrationsDir, readMigration, splitStatements } from './migration-files.ts'
import { query } from './query.ts'
import { assertNotAhead, MIGRATIONS, pendingOf } from './schema.ts'
import { rollback, run } from './transaction.ts'

export interface MigrateOptions {
  /** Made where it does not exist. Else the schema in the search path that has the tables, or its first. */
  schema?: string | undefined
  /** In which an application that wfstore adopts wrote its times: 'UTC', 'Europe/Berlin'. */
  legacyTimeZone: string
  /** How long another migration of the same schema is waited for. */
  lockWaitMs: number
  /** How long one try to lock a table may stop its writers. */
  lockTimeoutMs: number
  /** Told what is done and waited for, a line at a time. */
  notice: Notice
}

export interface MigrateResult {
  /** Names of the migrations that this call brought. */
  applied: string[]
  /** The tables of the old application, where this call adopted them. */
  adopted: null | { tables: TableSize[] }
}

/**
 * Brings the schema to this version of wfstore. Safe to run twice at once and on a live database; what fails is
 * undone up to the last complete migration, and can be run again. The connection is left as it was found.
 * @throws WfstoreError schema_ahead, schema_differs (what stands in the way; nothing was changed), locked,
 * permission_denied, usage
 */
export async function migrateUp(
  client: pg.Client,
  options: MigrateOptions,
): Promise<MigrateResult> {
  const before = await readSettings(client)
  try {
    await changeSettings(client, UNHURRIED)
    const schema = options.schema ?? (await currentSchema(client))
    await changeSettings(client, { search_path: quotable(schema) })
    if ((await readPending(client, schema)).length === 0) return { applied: [], adopted: null }
    const locking = { waitMs: options.lockWaitMs, notice: options.notice }
    return await withAdvisoryLock(client, `wfstore migrate ${schema}`, locking, () =>
      migrate(client, schema, options),
    )
  } catch (error) {
    throw migrationError(error)
  } finally {
    // On a lost connection there is nothing to restore.
    await changeSettings(client, before).catch(() => {})
  }
}

async function migrate(
  client: pg.Client,
  schema: string,
  options: MigrateOptions,
): Promise<MigrateResult> {
  await createSchema(client, schema)
  const applied = await readPending(client, schema)
  const adopted = applied[0] === MIGRATIONS[0] ? await begin(client, schema, options) : null
  for (const name of adopted ? applied.slice(1) : applied) {
    await apply(client, schema, name, options)
  }
  return { applied, adopted }
}

/** What the first migration stands on: tables to adopt, or nothing. */
async function begin(
  client: pg.Client,
  schema: string,
  options: MigrateOptions,
): Promise<MigrateResult['adopted']> {
  const migrations = {
    tables: (await readMigration(MIGRATIONS[0])).up,
    indexes: (await readMigration(MIGRATIONS[1])).up,
  }
  const names = await readNames(client, schema, migrations, TABLES)
  if (TABLES.some((table) => names.relations.has(table))) {
    return { tables: await adopt(client, { ...options, schema, migrations }) }
  }
  const made = [...creationsOf(migrations.tables), ...creationsOf(migrations.indexes)]
  const taken = takenNames(made, names)
  if (taken.length > 0) throw obstacleError(schema, taken)
  await createHistory(client)
  return null
}

async function apply(
  client: pg.Client,
  schema: string,
  name: string,
  { lockTimeoutMs, notice }: MigrateOptions,
): Promise<void> {
  const { transaction } = await readMigration(name)
  // A concurrent index build that times out leaves an invalid index behind, and waits without stopping a writer.
  await setLockTimeout(client, transaction ? lockTimeoutMs : 0, 'session')
  const attempt = () => runFile(client, schema, name)
  if (!transaction) return attempt()
  await withLockRetries(client, { schema, tables: TABLES, lockTimeoutMs, notice }, attempt)
}

async function runFile(client: pg.Client, schema: string, name: string): Promise<void> {
  // It takes 40 to 70 ms to import.
  const { runner } = await import('node-pg-migrate')
  const silent = () => {}
  try {
    await runner({
      dbClient: client,
      dir: migrationsDir(),
      direction: 'up',
      file: name,
      migrationsSchema: schema,
      migrationsTable: HISTORY_TABLE,
      singleTransaction: false,
      noLock: true,
      checkOrder: true,
      verbose: false,
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      migrationLoaderStrategies: [
        {
          extensions: ['.sql'],
          loader: (paths) => Promise.all(paths.map((path) => loadFile(client, schema, path))),
        },
      ],
    })
  } catch (error) {
    await rollback(client)
    throw databaseError(error)
  }
}

async function loadFile(client: pg.Client, schema: string, path: string) {
  const file = await readMigration(basename(path, '.sql'))
  const action = (script: string) => async (pgm: MigrationBuilder) => {
    if (file.transaction) {
      pgm.sql(script)
      return
    }
    pgm.noTransaction()
    for (const statement of await withoutBuilt(client, schema, script)) pgm.sql(statement)
  }
  const down = file.down === undefined ? (false as const) : action(file.down)
  return { id: path, filePaths: [path], actions: { up: action(file.up), down } }
}

/**
 * The statements of a script that builds indexes concurrently, without those that a run before this one has built
 * before it was cut off; the one that it was building is there too, invalid, and goes first.
 */
async function withoutBuilt(client: pg.Client, schema: string, script: string): Promise<string[]> {
  const builds = creationsOf(script).filter(({ kind }) => kind === 'index')
  const found = await query(
    client,
    `select i.relname as name, c.relname as table_name, x.indisvalid as valid
     from pg_index x
     join pg_class i on i.oid = x.indexrelid
     join pg_class c on c.oid = x.indrelid
     where i.relnamespace = (select oid from pg_namespace where nspname = $1)
       and i.relname = any($2::text[])`,
    [schema, builds.map(({ name }) => name)],
    { name: d.text(), tableName: d.text(), valid: d.boolean() },
  )
  return splitStatements(script).flatMap((statement) => {
    const build = builds.find((creation) => creation.statement === statement)
    const left = found.find(
      ({ name, tableName }) => name === build?.name && tableName === build.table,
    )
    if (!left) return [statement]
    return left.valid ? [] : [`drop index concurrently ${left.name}`, statement]
  })
}

/** @throws WfstoreError schema_ahead, or schema_differs where the history is not ours */
async function readPending(client: pg.Client, schema: string): Promise<string[]> {
  const applied = await readApplied(client, schema)
  assertNotAhead(applied)
  return pendingOf(applied)
}

async function currentSchema(client: pg.Client): Promise<string> {
  const [row] = await query(
    client,
    `select coalesce(
       (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = to_regclass('workflow_executions')), current_schema()) as name`,
    [],
    { name: d.nullable(d.text()) },
  )
  if (row?.name) return row.name
  throw new WfstoreError('usage', 'no schema of the search path exists', {
    hint: 'name one with --schema; it is made where it does not exist',
  })
}

/** node-pg-migrate puts the name between quotes as it is. */
function quotable(schema: string): string {
  if (!/['"\\]/.test(schema)) return pg.escapeIdentifier(schema)
  throw new WfstoreError('usage', `a schema for wfstore cannot have quotes in its name: ${schema}`)
}

async function createSchema(client: pg.Client, schema: string): Promise<void> {
  const there = await query(client, 'select from pg_namespace where nspname = $1', [schema], {})
  if (there.length === 0) await run(client, `create schema ${quotable(schema)}`)
}

type Settings = Record<string, string>

/** Limits that a role or a database may have for its daily work, and that a migration must not die of. */
const UNHURRIED: Settings = {
  statement_timeout: '0',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
}

async function readSettings(client: pg.Client): Promise<Settings> {
  const rows = await query(
    client,
    'select name, current_setting(name) as value from unnest($1::text[]) as name',
    [[...Object.keys(UNHURRIED), 'search_path', 'lock_timeout']],
    { name: d.text(), value: d.text() },
  )
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

async function changeSettings(client: pg.Client, settings: Settings): Promise<void> {
  await query(
    client,
    'select set_config(name, value, false) from unnest($1::text[], $2::text[]) as s (name, value)',
    [Object.keys(settings), Object.values(settings)],
    {},
  )
}

/** A statement of a migration that names what is not there has failed; it does not say that nobody migrated. */
function migrationError(error: unknown): WfstoreError {
  const known = databaseError(error)
  const server = known.cause !== undefined && known.code.startsWith('schema_')
  return server
    ? new WfstoreError('failed', known.message, { cause: known.cause, sql: known.sql })
    : known
}
