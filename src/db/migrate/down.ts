import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import { readColumns, readRelations } from '../catalog.ts'
import { layoutOf } from '../distributed/cluster.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { creationsOf, readMigration, splitStatements } from './files.ts'
import { assertSound, readStatus } from './history.ts'
import { lockTables } from './lock.ts'
import { freshSteps, type MigrationStep } from './plan.ts'
import {
  applyPending,
  downStatements,
  type MigrateOptions,
  runMigration,
  withMigrationLock,
  withMigrationSession,
} from './up.ts'

export interface DownOptions
  extends Pick<
    MigrateOptions,
    'schema' | 'lockWaitMs' | 'lockTimeoutMs' | 'notice' | 'connectAnother'
  > {
  /** The number of migrations to revert, newest first. */
  count: number
  /** Drop tables even if they have rows. */
  force: boolean
  /** Called before the first change; throws to cancel. */
  confirm: () => Promise<void>
}

/**
 * Reverts the newest migrations. Drops a table or a column only if it is empty, except with `force`.
 * @returns their names, newest first
 * @throws WfstoreError failed (a table has rows; nothing was changed), schema_ahead, schema_differs, locked
 */
export function migrateDown(client: pg.Client, options: DownOptions): Promise<string[]> {
  return withMigrationSession(client, options, (schema) =>
    withMigrationLock(client, schema, options, () => revertNewest(client, schema, options)),
  )
}

/**
 * Reverts the newest migration and applies it again.
 * @returns its name; undefined if no migration is applied
 * @throws WfstoreError as migrateDown
 */
export function migrateRedo(
  client: pg.Client,
  options: Omit<DownOptions, 'count'>,
): Promise<string | undefined> {
  return withMigrationSession(client, options, (schema) =>
    withMigrationLock(client, schema, options, async () => {
      const [name] = await revertNewest(client, schema, { ...options, count: 1 })
      if (name === undefined) return undefined
      await applyPending(client, schema, {
        ...options,
        legacyTimeZone: 'UTC',
        target: { to: name },
      })
      return name
    }),
  )
}

/** What `migrateDown` would run. @throws WfstoreError as migrateDown */
export function planDown(
  client: pg.Client,
  options: Omit<DownOptions, 'confirm'>,
): Promise<MigrationStep[]> {
  return withMigrationSession(client, options, async (schema) => {
    const names = await readNewest(client, schema, options.count)
    if (!options.force) {
      const tables = await lostTables(client, schema, names)
      await assertEmpty(client, tables)
      await assertUnused(client, await lostColumns(client, schema, names, tables))
    }
    return Promise.all(
      names.map(async (migration) => {
        const file = await readMigration(migration)
        const { transaction } = file
        const statements = downStatements(file)
        return { migration, direction: 'down' as const, transaction, statements }
      }),
    )
  })
}

/** What `migrateRedo` would run. @throws WfstoreError as migrateDown */
export async function planRedo(
  client: pg.Client,
  options: Omit<DownOptions, 'count' | 'confirm'>,
): Promise<MigrationStep[]> {
  const back = await planDown(client, { ...options, count: 1 })
  const again = (await freshSteps()).filter(({ migration }) => migration === back[0]?.migration)
  return [...back, ...again]
}

async function revertNewest(
  client: pg.Client,
  schema: string,
  options: DownOptions,
): Promise<string[]> {
  const names = await readNewest(client, schema, options.count)
  if (names.length === 0) return names
  const tables = await lostTables(client, schema, names)
  if (!options.force) {
    await assertEmpty(client, tables)
    // This reads the rows, so it is not repeated under the exclusive lock, in which writers would wait for it.
    await assertUnused(client, await lostColumns(client, schema, names, tables))
  }
  options.notice(await announcement(client, names, tables))
  await options.confirm()
  for (const name of names) {
    const own = await lostTables(client, schema, [name])
    await runMigration(client, schema, name, 'down', options, async () => {
      if (own.length === 0) return
      await lockTables(client, own, options.lockTimeoutMs)
      // Another session may have written since the check above. The lock prevents that from here on.
      if (!options.force) await assertEmpty(client, own)
    })
  }
  return names
}

async function readNewest(client: pg.Client, schema: string, count: number): Promise<string[]> {
  const statuses = await readStatus(client, schema)
  assertSound(statuses)
  // What a migration undoes has another form there.
  if ((await layoutOf(client, schema)) === 'distributed')
    throw new WfstoreError('failed', 'migrations of a distributed store cannot be reverted', {
      hint: 'run `wfstore migrate distribute --undo` first',
    })
  const applied = statuses.filter(({ state }) => state === 'applied').map(({ name }) => name)
  const names = applied.reverse().slice(0, count)
  for (const name of names) {
    if ((await readMigration(name)).down !== undefined) continue
    throw new WfstoreError('failed', `migration ${name} cannot be reverted`, {
      hint: 'restore a backup instead',
    })
  }
  return names
}

/** The existing tables that reverting these migrations drops. */
async function lostTables(
  client: pg.Client,
  schema: string,
  names: readonly string[],
): Promise<string[]> {
  const files = await Promise.all(names.map((name) => readMigration(name)))
  const made = files
    .flatMap(({ up }) => creationsOf(up))
    .filter(({ kind }) => kind === 'table')
    .map(({ name }) => name)
  return (await readRelations(client, schema, made)).map(({ name }) => name)
}

interface LostColumn {
  table: string
  column: string
  /** SQL of its default; NULL without one. */
  empty: string
}

/** The columns that reverting these migrations drops from tables that stay. */
async function lostColumns(
  client: pg.Client,
  schema: string,
  names: readonly string[],
  lost: readonly string[],
): Promise<LostColumn[]> {
  const files = await Promise.all(names.map((name) => readMigration(name)))
  const dropped = files
    .flatMap(({ down = '' }) => splitStatements(down))
    .flatMap((statement) => {
      const table = /^alter table (\w+)/.exec(statement)?.[1]
      return [...statement.matchAll(/\bdrop column (\w+)/g)].map(([, column]) => ({
        table,
        column,
      }))
    })
  const found = await readColumns(client, schema, [
    ...new Set(dropped.flatMap(({ table }) => table ?? [])),
  ])
  return found
    .filter(({ tableName }) => !lost.includes(tableName))
    .filter(({ tableName, name }) =>
      dropped.some(({ table, column }) => table === tableName && column === name),
    )
    .map(({ tableName, name, defaultValue }) => ({
      table: tableName,
      column: name,
      empty: defaultValue ?? 'null',
    }))
}

async function assertUnused(client: pg.Client, columns: readonly LostColumn[]): Promise<void> {
  const used: string[] = []
  for (const { table, column, empty } of columns) {
    const text = `select exists (select from ${table} where ${column} is distinct from ${empty}) as used`
    const [row] = await query(client, text, { used: d.boolean() })
    if (row?.used) used.push(`${table}.${column}`)
  }
  if (used.length === 0) return
  throw new WfstoreError('failed', `columns with values: ${used.join(', ')}; nothing was changed`, {
    hint: 'make a backup with pg_dump, then use --force to drop the columns with their values',
  })
}

async function assertEmpty(client: pg.Client, tables: readonly string[]): Promise<void> {
  const filled: string[] = []
  for (const table of tables) {
    const [row] = await query(client, `select exists (select from ${table}) as filled`, {
      filled: d.boolean(),
    })
    if (row?.filled) filled.push(table)
  }
  if (filled.length === 0) return
  throw new WfstoreError('failed', `tables with rows: ${filled.join(', ')}; nothing was changed`, {
    hint: 'make a backup with pg_dump, then use --force to drop the tables with their rows',
  })
}

async function announcement(
  client: pg.Client,
  names: readonly string[],
  tables: readonly string[],
): Promise<string> {
  const drops: string[] = []
  for (const table of tables) {
    const [row] = await query(client, `select count(*) as rows from ${table}`, {
      rows: d.count(),
    })
    drops.push(`${table} (${plural(row?.rows ?? 0, 'row')})`)
  }
  const what = `reverting ${names.join(', ')}`
  return drops.length === 0 ? what : `${what}, which drops ${drops.join(', ')}`
}
