import type pg from 'pg'
import { type Creation, creationsOf } from '../migrate/files.ts'
import { revocation } from '../migrate/grants.ts'
import { createHistory, HISTORY_TABLE, recordApplied } from '../migrate/history.ts'
import { keepVacuumAway, lockTables, type Notice, withLockRetries } from '../migrate/lock.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { rollback, run, transaction } from '../query/transaction.ts'
import { MIGRATIONS } from '../schema.ts'
import { announcement } from './announcement.ts'
import type { Preparation } from './copies.ts'
import { dependentObstacles } from './dependents.ts'
import { describeTimes, estimate } from './estimate.ts'
import { expectedTables } from './expected.ts'
import { lastWriteStatements } from './last-write.ts'
import { TABLES } from './legacy.ts'
import { assertZones, zoneObstacles } from './mixed-zones.ts'
import {
  missingTables,
  type Obstacle,
  obstacleError,
  privilegeObstacles,
  shapeObstacles,
} from './obstacles.ts'
import { ONLINE_BYTES, type Online, planOnline } from './online.ts'
import { assertPrepared, type PrepareStep, prepare, prepareSteps, readPrepared } from './prepare.ts'
import { ownerships, viewLeftovers, viewRightsNotes } from './privileges.ts'
import { publicationNotes } from './publications.ts'
import { readRecreation, recreationObstacles } from './recreation.ts'
import { rowObstacles } from './rows.ts'
import { readSizes, type TableSize } from './sizes.ts'
import { splitObstacles } from './split.ts'
import { adoptionStatements, neededIndexes } from './statements.ts'
import { type Migrations, readSurvey, type Survey } from './survey.ts'
import { carriedOver } from './swap.ts'
import { triggerOwnerNotes } from './trigger-owner.ts'
import { valueWarnings } from './values.ts'
import { parseZones } from './zones.ts'

export interface AdoptOptions {
  schema: string
  /** The time zone in which the old application wrote its times, also by column: see parseZones. */
  legacyTimeZone: string
  lockTimeoutMs: number
  notice: Notice
  /** Called after the plan is announced and before the first change; throws to cancel. */
  confirm: () => Promise<void>
  migrations: Migrations
  /** Tables of at least this size together are prepared while the application works (default: ONLINE_BYTES). */
  onlineBytes?: number | undefined
}

/**
 * Changes the tables of the old application to those of 001_tables, in place. Large tables are prepared first, while the
 * application works: see copies.ts. Then one transaction under an exclusive lock changes everything. It stops before the
 * first change if there is an obstacle. The search path of the session is the schema.
 *
 * A local time that a clock change skipped or repeated is read as PostgreSQL does: a skipped time with the offset
 * before the change, a repeated time with the offset after it.
 * @throws WfstoreError schema_differs or permission_denied (with all obstacles), locked, usage
 */
export async function adopt(client: pg.Client, options: AdoptOptions): Promise<Adopted> {
  const { schema, legacyTimeZone, notice } = options
  const zones = parseZones(legacyTimeZone)
  const expected = await expectedTables()
  const { tables, sizes, created, recreated, lines, before, online } = await planAdoption(
    client,
    options,
  )
  const { preparations } = online
  for (const line of lines) notice(line)
  await options.confirm()

  const locking = { schema, tables, lockTimeoutMs: options.lockTimeoutMs, notice }
  await prepare(
    client,
    before.filter(({ transaction }) => transaction),
    locking,
  )
  if (preparations.length > 0) {
    // From here on the tables refuse wrong rows. Check those that came after the announcement.
    await rolledBack(client, async () => {
      const survey = await readSurvey(client, schema, options.migrations, expected, zones)
      await assertAdoptable(client, survey)
    })
  }
  await prepare(
    client,
    before.filter(({ transaction }) => !transaction),
    locking,
  )
  const needed = await withLockRetries(client, locking, () =>
    transaction(client, async () => {
      const started = performance.now()
      await keepVacuumAway(client, tables, options.lockTimeoutMs)
      await lockTables(client, tables, options.lockTimeoutMs)
      // The locks prevent changes from here on. Check again what may have changed since the announcement.
      const proven =
        preparations.length > 0 ? new Set(preparations.map(({ table }) => table)) : undefined
      const locked = await readSurvey(client, schema, options.migrations, expected, zones)
      await assertAdoptable(client, locked, proven)
      await assertPrepared(client, locked, preparations)
      await run(client, UTC)
      const statements = await allStatements(client, locked, preparations)
      await createHistory(client)
      for (const statement of statements) await run(client, statement)
      await recordApplied(client, MIGRATIONS[0], performance.now() - started, true)
      return neededIndexes(locked, preparations)
    }),
  )
  // A change of type discards the statistics of a column. Without ANALYZE, queries would have bad plans for a while.
  await run(client, ANALYZE)
  return { tables: sizes, created, recreated, neededIndexes: needed }
}

/** In UTC a time becomes timestamptz without a rewrite. */
const UTC = 'set local timezone to utc'
const ANALYZE = `analyze ${TABLES.join(', ')}`

/** What an adoption did. */
export interface Adopted {
  /** The tables with their sizes before it. */
  tables: TableSize[]
  /** The tables that the set-up of the old application had not created. */
  created: string[]
  /** The objects of the application that were created again for the new types: 'policy audit_logs_isolation on audit_logs'. */
  recreated: string[]
  /** The old indexes that stay until ours are built. */
  neededIndexes: string[]
}

export interface Adoption extends Omit<Adopted, 'tables'> {
  tables: string[]
  sizes: TableSize[]
  /** The announcement for people. */
  lines: string[]
  online: Online
  /** The first phase. */
  before: PrepareStep[]
  /** One transaction. */
  statements: string[]
  /** Run after the transaction. */
  after: string[]
}

/**
 * The plan of `adopt`, without running it.
 * @throws WfstoreError schema_differs or permission_denied (with all obstacles), usage
 */
export async function planAdoption(
  client: pg.Client,
  {
    schema,
    legacyTimeZone,
    migrations,
    onlineBytes = ONLINE_BYTES,
  }: Pick<AdoptOptions, 'schema' | 'legacyTimeZone' | 'migrations' | 'onlineBytes'>,
): Promise<Adoption> {
  const zones = parseZones(legacyTimeZone)
  const expected = await expectedTables()
  return rolledBack(client, async () => {
    const survey = await readSurvey(client, schema, migrations, expected, zones)
    await assertZones(client, zones, survey)
    await assertAdoptable(client, survey)
    const sizes = await readSizes(client, schema)
    const online = await planOnline(client, survey, sizes, onlineBytes)
    const warnings = await valueWarnings(client, survey)
    const recreated = (await readRecreation(client, survey)).objects.map(({ what }) => what)
    return {
      tables: survey.tables,
      sizes,
      created: missingTables(survey),
      recreated,
      neededIndexes: neededIndexes(survey, online.preparations),
      online,
      before: prepareSteps(online.preparations, await readPrepared(client, schema)),
      lines: [
        ...announcement(
          survey,
          recreated,
          sizes,
          describeTimes(estimate(survey, sizes, online), online),
        ),
        ...(await publicationNotes(client, survey)),
        ...(await triggerOwnerNotes(client, survey)),
        ...(await viewRightsNotes(client, schema)),
        ...warnings,
      ],
      statements: [
        // The same order as in lockTables.
        `lock table ${[...survey.tables].reverse().join(', ')} in access exclusive mode`,
        UTC,
        ...(await allStatements(client, survey, online.preparations)),
      ],
      after: [ANALYZE],
    }
  })
}

async function allStatements(
  client: pg.Client,
  survey: Survey,
  preparations: readonly Preparation[],
): Promise<string[]> {
  const { drop, create } = await readRecreation(client, survey)
  return [
    ...drop,
    ...adoptionStatements(survey, preparations),
    ...(await carriedOver(client, survey.schema, preparations)),
    ...(await lastWriteStatements(client, survey)),
    ...create,
    ...(await viewLeftovers(client, survey.schema)),
    ...(await ownerships(client, survey.schema, newObjects(survey))),
    ...revocation(newObjects(survey)),
  ]
}

/** Runs `work` in a transaction that is rolled back. */
async function rolledBack<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await run(client, 'begin')
  try {
    return await work()
  } finally {
    await rollback(client)
  }
}

async function assertAdoptable(
  client: pg.Client,
  survey: Survey,
  prepared?: ReadonlySet<string>,
): Promise<void> {
  const obstacles = await readObstacles(client, survey, prepared)
  if (obstacles.length > 0) throw obstacleError(survey.schema, obstacles)
}

async function readObstacles(
  client: pg.Client,
  survey: Survey,
  prepared?: ReadonlySet<string>,
): Promise<Obstacle[]> {
  const [role] = await query(
    client,
    sql`select current_user as name, has_schema_privilege(${survey.schema}, 'create') as may_create`,
    { name: d.text(), mayCreate: d.boolean() },
  )
  const privileges = privilegeObstacles(survey, role?.name ?? '', role?.mayCreate === true)
  const tables = survey.tables.every((table) => survey.relations.get(table)?.kind === 'r')
  return [
    ...privileges,
    ...(await splitObstacles(client, survey)),
    // Rows come before keys: a key can be added after its rows are fixed. A role that does not own the tables may
    // not be able to read them.
    ...(tables && privileges.length === 0 ? await rowObstacles(client, survey, prepared) : []),
    ...(tables && privileges.length === 0 && prepared === undefined
      ? await zoneObstacles(client, survey)
      : []),
    ...shapeObstacles(survey),
    ...(tables ? await dependentObstacles(client, survey) : []),
    ...(tables && privileges.length === 0 ? await recreationObstacles(client, survey) : []),
  ]
}

/** The objects that adoption creates, and the history table. */
function newObjects({ migrations, relations }: Survey): Pick<Creation, 'kind' | 'name'>[] {
  const made = creationsOf(migrations.tables).filter(({ kind }) => kind !== 'trigger')
  return [
    { kind: 'table', name: HISTORY_TABLE },
    ...made.filter(({ name }) => !relations.has(name)),
  ]
}
