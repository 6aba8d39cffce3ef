import { basename } from 'node:path'
import type { MigrationBuilder } from 'node-pg-migrate'
import pg from 'pg'
import { type Adopted, adopt, planAdoption } from '../adopt/adopt.ts'
import { TABLES } from '../adopt/legacy.ts'
import { describeReturned, undoReturned, undoSteps } from '../adopt/returned.ts'
import { assertNotCaptured } from '../captures.ts'
import { assertDirect } from '../connect/pooler.ts'
import { layoutOf } from '../distributed/cluster.ts'
import { databaseError } from '../query/errors.ts'
import { rollback, run } from '../query/transaction.ts'
import { MIGRATIONS } from '../schema.ts'
import { type MigrationFile, migrationsDir, readMigration, splitStatements } from './files.ts'
import { readFoundation } from './foundation.ts'
import { describeGrant, noteDefaults, revokeForeign } from './grants.ts'
import { createHistory, HISTORY_TABLE, recordApplied } from './history.ts'
import { dropIndex, withoutBuilt } from './indexes.ts'
import { type Notice, setLockTimeout, withAdvisoryLock, withLockRetries } from './lock.ts'
import { type MigrationStep, type MigrationTarget, repair, upStatements } from './plan.ts'
import { createSchema, migrationError, noteEncoding, schemaFor, withSettings } from './session.ts'
import { readWork } from './work.ts'

export interface MigrateOptions {
  /** Created if it does not exist. Default: the schema in the search path with the tables, or its first schema. */
  schema?: string | undefined
  /** The time zone in which the old application wrote its times: 'UTC', 'Europe/Berlin'. */
  legacyTimeZone: string
  /** The longest wait for another migration of the same schema. */
  lockWaitMs: number
  /** The longest time that one attempt to lock a table may block its writers. */
  lockTimeoutMs: number
  /** Receives progress messages, one line at a time. */
  notice: Notice
  /** Default: all pending migrations. */
  target?: MigrationTarget
  /** Called before the tables of the old application are rewritten; throws to cancel. */
  confirm?: () => Promise<void>
  /** Tables of the old application of at least this size together are prepared while it works (default: 32 MB). */
  onlineBytes?: number
  /** Opens a second connection to the same database, to detect a pooler. */
  connectAnother?: () => Promise<pg.Client>
}

export interface MigrateResult {
  /** The names of the migrations that this call applied. */
  applied: string[]
  /** The tables of the old application, if this call adopted them. */
  adopted: null | Adopted
  /** The invalid indexes that this call rebuilt. */
  rebuilt: string[]
  /** The objects that this call removed, because the set-up of the old application had created them again. */
  removed: string[]
  /** The privileges that this call revoked from other roles: 'insert, select on wfstore_periods from anon'. */
  revoked: string[]
  /** The migrations after the target, which are still pending. */
  pending: string[]
}

/**
 * Migrates the schema to this version of wfstore. Two processes can run it at the same time, also on a live database.
 * After a failure the complete migrations stay, and it can be run again. It restores the settings of the connection.
 * @throws WfstoreError schema_ahead, schema_differs (with the obstacles; nothing was changed), locked,
 * permission_denied, usage
 */
export function migrateUp(client: pg.Client, options: MigrateOptions): Promise<MigrateResult> {
  return withMigrationSession(client, options, async (schema) => {
    const { pending, ...work } = await readWork(client, schema, options.target)
    if (
      work.complete &&
      [...work.chosen, ...work.invalid, ...work.foreign, ...work.returned].length === 0
    )
      return { applied: [], adopted: null, rebuilt: [], removed: [], revoked: [], pending }
    await noteEncoding(client, options.notice)
    return withMigrationLock(client, schema, options, () => applyPending(client, schema, options))
  })
}

/**
 * The steps of `migrateUp`, without running them.
 * @throws WfstoreError as migrateUp
 */
export function planUp(client: pg.Client, options: MigrateOptions): Promise<MigrationStep[]> {
  return withMigrationSession(client, options, async (schema) => {
    const { chosen, invalid, foreign, returned } = await readWork(client, schema, options.target)
    if (chosen.length > 0) await noteEncoding(client, options.notice)
    const repairs = [...invalid, ...foreign].map(({ statements }) => repair(statements))
    const undone = await undoSteps(client, schema, returned, options.notice)
    const steps: MigrationStep[] = []
    let last: string[] = []
    for (const migration of chosen) {
      const file = await readMigration(migration)
      const step = { migration, direction: 'up' as const, transaction: file.transaction }
      const foundation = await foundationOf(client, schema, migration)
      if (foundation?.legacy) {
        const plan = await planAdoption(client, { ...options, schema, ...foundation })
        for (const line of plan.lines) options.notice(line)
        const { statements, before, after, neededIndexes } = plan
        last = neededIndexes.map(dropIndex)
        steps.push({ ...step, before, statements, after, adopts: true })
      } else {
        steps.push({ ...step, statements: await statementsOf(client, schema, file) })
      }
    }
    return [...repairs, ...undone, ...steps, ...(last.length > 0 ? [repair(last)] : [])]
  })
}

/** Runs `work` with the settings of a migration and translates its errors. */
export async function withMigrationSession<T>(
  client: pg.Client,
  { schema: named, connectAnother }: Pick<MigrateOptions, 'schema' | 'connectAnother'>,
  work: (schema: string) => Promise<T>,
): Promise<T> {
  try {
    await assertNotCaptured(client, named)
    // This comes before any setting: the settings of a migration must not stay in a session that a pooler passes on.
    if (connectAnother) await assertDirect(client, connectAnother)
    const schema = await schemaFor(client, named)
    return await withSettings(client, schema, () => work(schema))
  } catch (error) {
    throw migrationError(error)
  }
}

/** Only one process at a time may migrate a schema. */
export const withMigrationLock = <T>(
  client: pg.Client,
  schema: string,
  { lockWaitMs, notice }: Pick<MigrateOptions, 'lockWaitMs' | 'notice'>,
  work: () => Promise<T>,
): Promise<T> =>
  withAdvisoryLock(
    client,
    `wfstore migrate ${schema}`,
    { waitMs: lockWaitMs, notice, doing: 'migrating' },
    work,
  )

/** The part of `migrateUp` that runs under the lock. */
export async function applyPending(
  client: pg.Client,
  schema: string,
  options: MigrateOptions,
): Promise<MigrateResult> {
  await createSchema(client, schema)
  const work = await readWork(client, schema, options.target)
  const { pending, chosen, invalid, returned } = work
  if (!work.complete) {
    const { lockTimeoutMs } = options
    await setLockTimeout(client, lockTimeoutMs, 'session')
    const locking = { schema, tables: [HISTORY_TABLE], lockTimeoutMs, notice: options.notice }
    await withLockRetries(client, locking, () => createHistory(client))
  }
  await setLockTimeout(client, 0, 'session')
  for (const { statements } of invalid) {
    for (const statement of statements) await run(client, statement)
  }
  await undoReturned(client, schema, returned, options)
  await revokeForeign(client, work.foreign, options.notice)
  if (chosen.length > 0) await noteDefaults(client, schema, options.notice)
  let adopted: MigrateResult['adopted'] = null
  for (const name of chosen) {
    const foundation = await foundationOf(client, schema, name)
    if (foundation?.legacy) {
      const confirm = options.confirm ?? (async () => {})
      adopted = await adopt(client, { ...options, ...foundation, schema, confirm })
    } else {
      await runMigration(client, schema, name, 'up', options)
    }
  }
  // Ours are built. If this is interrupted, the next run removes them as objects of the old application.
  await setLockTimeout(client, 0, 'session')
  for (const name of adopted?.neededIndexes ?? []) await run(client, dropIndex(name))
  return {
    applied: chosen,
    adopted,
    rebuilt: invalid.map(({ name }) => name),
    removed: returned.map(describeReturned),
    revoked: work.foreign.map(describeGrant),
    pending: pending.filter((name) => !chosen.includes(name)),
  }
}

/** Runs one migration, up or down, with node-pg-migrate and records it. `guard` runs first, in the same transaction. */
export async function runMigration(
  client: pg.Client,
  schema: string,
  name: string,
  direction: 'up' | 'down',
  { lockTimeoutMs, notice }: Pick<MigrateOptions, 'lockTimeoutMs' | 'notice'>,
  guard: () => Promise<void> = async () => {},
): Promise<void> {
  const file = await readMigration(name)
  // A concurrent index build needs no timeout: it does not block writers, and a timeout leaves an invalid index.
  await setLockTimeout(client, file.transaction ? lockTimeoutMs : 0, 'session')
  const attempt = async () => {
    const started = performance.now()
    try {
      if (file.transaction) await run(client, 'begin')
      if (direction === 'up') await createHistory(client)
      await guard()
      await runFile(client, schema, name, direction)
      if (direction === 'up') await recordApplied(client, name, performance.now() - started)
      await run(client, 'commit')
    } catch (error) {
      await rollback(client)
      throw databaseError(error, { connection: client })
    }
  }
  if (!file.transaction) return attempt()
  await withLockRetries(client, { schema, tables: TABLES, lockTimeoutMs, notice }, attempt)
}

async function runFile(
  client: pg.Client,
  schema: string,
  name: string,
  direction: 'up' | 'down',
): Promise<void> {
  // Its import takes 40 to 70 ms.
  const { runner } = await import('node-pg-migrate')
  const silent = () => {}
  await runner({
    dbClient: client,
    dir: migrationsDir(),
    direction,
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
}

/** We open the transaction, not node-pg-migrate, so that our columns of its row are part of it. */
async function loadFile(client: pg.Client, schema: string, path: string) {
  const file = await readMigration(basename(path, '.sql'))
  const action = (statements: () => Promise<string[]>) => async (pgm: MigrationBuilder) => {
    pgm.noTransaction()
    for (const statement of await statements()) pgm.sql(statement)
    // If the statements cannot be part of a transaction, only the record is.
    if (!file.transaction) pgm.sql('begin')
  }
  const up = action(() => statementsOf(client, schema, file))
  const down = file.down === undefined ? (false as const) : action(async () => downStatements(file))
  return { id: path, filePaths: [path], actions: { up, down } }
}

/** Without a transaction the record is deleted first. Otherwise `up` would not repair a revert that was interrupted. */
export function downStatements({ name, transaction, down = '' }: MigrationFile): string[] {
  const forget = `delete from ${HISTORY_TABLE} where name = ${pg.escapeLiteral(name)}`
  return [...(transaction ? [] : [forget]), ...splitStatements(down)]
}

async function statementsOf(client: pg.Client, schema: string, file: MigrationFile) {
  const { transaction, distributed } = file
  const there = distributed !== undefined && (await layoutOf(client, schema)) === 'distributed'
  const up = there ? distributed : file.up
  return transaction ? upStatements({ up }) : withoutBuilt(client, schema, up)
}

const foundationOf = async (client: pg.Client, schema: string, migration: string) =>
  migration === MIGRATIONS[0] ? readFoundation(client, schema) : undefined
