import pg from 'pg'
import { type Creation, creationsOf } from '../migrate/files.ts'
import { revocation } from '../migrate/grants.ts'
import { createHistory, HISTORY_TABLE, recordApplied } from '../migrate/history.ts'
import { lockTables, type Notice, withLockRetries } from '../migrate/lock.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { rollback, run, transaction } from '../query/transaction.ts'
import { MIGRATIONS } from '../schema.ts'
import { dependentObstacles } from './dependents.ts'
import { planConstraints } from './differences.ts'
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
import { ownerships, viewLeftovers } from './privileges.ts'
import { publicationNotes } from './publications.ts'
import { readRecreation, recreationObstacles } from './recreation.ts'
import { rowObstacles } from './rows.ts'
import { describeSize, readSizes, type TableSize } from './sizes.ts'
import { splitObstacles } from './split.ts'
import { adoptionStatements } from './statements.ts'
import {
  isOldIndex,
  isOldTrigger,
  type Migrations,
  readSurvey,
  type Survey,
  tableOf,
} from './survey.ts'
import { triggerOwnerNotes } from './trigger-owner.ts'
import { describeZones, parseZones } from './zones.ts'

/** What the person who confirms must know. */
export type Risk = Pick<Adoption, 'published'>

import { valueWarnings } from './values.ts'

export interface AdoptOptions {
  schema: string
  /** The time zone in which the old application wrote its times, also by column: see parseZones. */
  legacyTimeZone: string
  lockTimeoutMs: number
  notice: Notice
  /** Called after the plan is announced and before the first change; throws to cancel. */
  confirm: (risk: Risk) => Promise<void>
  migrations: Migrations
}

/**
 * Changes the tables of the old application to those of 001_tables, in place and in one transaction. It stops before
 * the first change if there is an obstacle. The search path of the session is the schema.
 *
 * A local time that a clock change skipped or repeated is read as PostgreSQL does: a skipped time with the offset
 * before the change, a repeated time with the offset after it.
 * @throws WfstoreError schema_differs or permission_denied (with all obstacles), locked, usage
 */
export async function adopt(client: pg.Client, options: AdoptOptions): Promise<Adopted> {
  const { schema, legacyTimeZone, notice } = options
  const zones = parseZones(legacyTimeZone)
  const expected = await expectedTables()
  const { tables, sizes, created, recreated, lines, published } = await planAdoption(
    client,
    options,
  )
  for (const line of lines) notice(line)
  await options.confirm({ published })

  const locking = { schema, tables, lockTimeoutMs: options.lockTimeoutMs, notice }
  await withLockRetries(client, locking, () =>
    transaction(client, async () => {
      const started = performance.now()
      await lockTables(client, tables, options.lockTimeoutMs)
      // The locks prevent changes from here on. Check again what may have changed since the announcement.
      const locked = await readSurvey(client, schema, options.migrations, expected, zones)
      await assertAdoptable(client, locked)
      await query(client, sql`select set_config('timezone', ${zones.rest}, true)`, {})
      const statements = await allStatements(client, locked)
      await createHistory(client)
      for (const statement of statements) await run(client, statement)
      await recordApplied(client, MIGRATIONS[0], performance.now() - started, true)
    }),
  )
  // A change of type discards the statistics of a column. Without ANALYZE, queries would have bad plans for a while.
  await run(client, ANALYZE)
  return { tables: sizes, created, recreated }
}

const ANALYZE = `analyze ${TABLES.join(', ')}`

/** What an adoption did. */
export interface Adopted {
  /** The tables with their sizes before it. */
  tables: TableSize[]
  /** The tables that the set-up of the old application had not created. */
  created: string[]
  /** The objects of the application that were created again for the new types: 'policy audit_logs_isolation on audit_logs'. */
  recreated: string[]
}

export interface Adoption extends Omit<Adopted, 'tables'> {
  tables: string[]
  sizes: TableSize[]
  /** True if subscribers get the rows of these tables. */
  published: boolean
  /** The announcement for people. */
  lines: string[]
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
  }: Pick<AdoptOptions, 'schema' | 'legacyTimeZone' | 'migrations'>,
): Promise<Adoption> {
  const zones = parseZones(legacyTimeZone)
  const expected = await expectedTables()
  return rolledBack(client, async () => {
    const survey = await readSurvey(client, schema, migrations, expected, zones)
    await assertZones(client, zones, survey)
    await assertAdoptable(client, survey)
    const sizes = await readSizes(client, schema)
    const publications = await publicationNotes(client, survey)
    const warnings = await valueWarnings(client, survey)
    const recreated = (await readRecreation(client, survey)).objects.map(({ what }) => what)
    return {
      tables: survey.tables,
      sizes,
      created: missingTables(survey),
      recreated,
      published: publications.length > 0,
      lines: [
        ...announcement(survey, recreated, sizes),
        ...publications,
        ...(await triggerOwnerNotes(client, survey)),
        ...warnings,
      ],
      statements: [
        // The same order as in lockTables.
        `lock table ${[...survey.tables].reverse().join(', ')} in access exclusive mode`,
        `set local timezone to ${pg.escapeLiteral(zones.rest)}`,
        ...(await allStatements(client, survey)),
      ],
      after: [ANALYZE],
    }
  })
}

async function allStatements(client: pg.Client, survey: Survey): Promise<string[]> {
  const { drop, create } = await readRecreation(client, survey)
  return [
    ...drop,
    ...adoptionStatements(survey),
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

async function assertAdoptable(client: pg.Client, survey: Survey): Promise<void> {
  const obstacles = await readObstacles(client, survey)
  if (obstacles.length > 0) throw obstacleError(survey.schema, obstacles)
}

async function readObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
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
    ...(tables && privileges.length === 0 ? await rowObstacles(client, survey) : []),
    ...(tables && privileges.length === 0 ? await zoneObstacles(client, survey) : []),
    ...shapeObstacles(survey),
    ...(tables ? await dependentObstacles(client, survey) : []),
    ...(tables && privileges.length === 0 ? await recreationObstacles(client, survey) : []),
  ]
}

/** docs/FROM-THE-OLD-APPLICATION.md has the code. */
const PARSERS =
  'token counts become bigint and amounts numeric without a scale, which pg returns as text: the application needs the type parsers 20 and 1700 before this'

const ZONES_OF_VIEWS =
  'where these views and functions turn a time into a day or an hour, they now use the time zone of the session: set that of the application for its role or database'

function announcement(survey: Survey, again: string[], sizes: TableSize[]): string[] {
  const kept = keptObjects(survey).filter((what) => !again.includes(what))
  const missing = missingTables(survey)
  return [
    `adopting the tables of schema ${survey.schema} in place: ${sizes.map(describeSize).join('; ')}`,
    `their times are read in the time zone ${describeZones(survey.zones)}; the tables are locked while they are rewritten`,
    PARSERS,
    ...(missing.length > 0
      ? [`the set-up of the old application stopped half-way; created empty: ${missing.join(', ')}`]
      : []),
    ...survey.tables.flatMap((table) =>
      planConstraints(survey, table).refusing.map(
        ({ name, definition }) =>
          `warning: constraint ${name} of the application is dropped, because it refuses statuses that wfstore writes, and the statuses of ${table} are mapped: alter table ${table} add constraint ${name} ${definition}`,
      ),
    ),
    ...(kept.length > 0 ? [`objects of the application that are kept: ${kept.join(', ')}`] : []),
    ...(again.length > 0
      ? [`objects of the application that are created again for the new types: ${again.join(', ')}`]
      : []),
    ...(again.some((what) => /^(view|function) /.test(what)) ? [ZONES_OF_VIEWS] : []),
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

/** The objects of the application on these tables that adoption does not change. */
function keptObjects(survey: Survey): string[] {
  return survey.tables.flatMap((table) => {
    const { columns, expectedColumns, indexes, triggers } = tableOf(survey, table)
    const { kept, displaced } = planConstraints(survey, table)
    const own = columns.filter(
      ({ name }) => !expectedColumns.some((wanted) => wanted.name === name),
    )
    return [
      ...own.map(({ name }) => `column ${table}.${name}`),
      ...kept.map((own) => {
        const free = displaced.get(own)
        return `constraint ${own.name} on ${table}${free ? `, renamed to ${free}` : ''}`
      }),
      ...indexes
        .filter((index) => !isOldIndex(index))
        .map(({ name }) => `index ${name} on ${table}`),
      ...triggers
        .filter((trigger) => !isOldTrigger(trigger))
        .map(({ name }) => `trigger ${name} on ${table}`),
    ]
  })
}
