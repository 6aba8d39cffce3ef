import pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { type Creation, creationsOf } from '../migrate/files.ts'
import { createHistory, HISTORY_TABLE, recordApplied } from '../migrate/history.ts'
import { lockTables, type Notice, withLockRetries } from '../migrate/lock.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { rollback, run, transaction } from '../query/transaction.ts'
import { MIGRATIONS } from '../schema.ts'
import { dependentObstacles } from './dependents.ts'
import { planConstraints } from './differences.ts'
import { expectedTables } from './expected.ts'
import { TABLES } from './legacy.ts'
import { type Obstacle, obstacleError, privilegeObstacles, shapeObstacles } from './obstacles.ts'
import { ownerships, viewLeftovers } from './privileges.ts'
import { rowObstacles } from './rows.ts'
import { describeSize, readSizes, type TableSize } from './sizes.ts'
import { adoptionStatements } from './statements.ts'
import {
  isOldIndex,
  isOldTrigger,
  type Migrations,
  readSurvey,
  type Survey,
  tableOf,
} from './survey.ts'

export interface AdoptOptions {
  schema: string
  /** In which the old times were written. */
  legacyTimeZone: string
  lockTimeoutMs: number
  notice: Notice
  /** Asked once it is known what would be done, before anything is; throws where it must not be. */
  confirm: () => Promise<void>
  migrations: Migrations
}

/**
 * Brings the tables that the old application left to what 001_tables makes, in place and in one transaction, or
 * stops before changing anything. The search path of the session is the schema.
 *
 * A local time that a clock change skipped or repeated in the legacy zone is read as PostgreSQL reads it: by the
 * offset before the change where it was skipped, by the offset after the change where it came twice.
 * @throws WfstoreError schema_differs or permission_denied (with all that stands in the way), locked, usage
 */
export async function adopt(client: pg.Client, options: AdoptOptions): Promise<TableSize[]> {
  const { schema, legacyTimeZone, notice } = options
  const expected = await expectedTables()
  const { sizes, lines } = await planAdoption(client, options)
  for (const line of lines) notice(line)
  await options.confirm()

  const locking = { schema, tables: TABLES, lockTimeoutMs: options.lockTimeoutMs, notice }
  await withLockRetries(client, locking, () =>
    transaction(client, async () => {
      const started = performance.now()
      await lockTables(client, TABLES, options.lockTimeoutMs)
      // Nobody can change the tables from here on; somebody may have since the survey that was announced.
      const locked = await readSurvey(client, schema, options.migrations, expected)
      await assertAdoptable(client, locked)
      await query(client, "select set_config('timezone', $1, true)", [legacyTimeZone], {})
      const statements = await allStatements(client, locked)
      await createHistory(client)
      for (const statement of statements) await run(client, statement)
      await recordApplied(client, MIGRATIONS[0], performance.now() - started)
    }),
  )
  // The server forgets what it knew of a column whose type changes, and would plan without it for long.
  await run(client, ANALYZE)
  return sizes
}

const ANALYZE = `analyze ${TABLES.join(', ')}`

export interface Adoption {
  sizes: TableSize[]
  /** What will be done, for people. */
  lines: string[]
  /** Of one transaction, but for the last. */
  statements: string[]
  after: string[]
}

/**
 * What `adopt` would do, without doing it.
 * @throws WfstoreError schema_differs or permission_denied (with all that stands in the way), usage
 */
export async function planAdoption(
  client: pg.Client,
  {
    schema,
    legacyTimeZone,
    migrations,
  }: Pick<AdoptOptions, 'schema' | 'legacyTimeZone' | 'migrations'>,
): Promise<Adoption> {
  await assertTimeZone(client, legacyTimeZone)
  const expected = await expectedTables()
  return undone(client, async () => {
    const survey = await readSurvey(client, schema, migrations, expected)
    await assertAdoptable(client, survey)
    const sizes = await readSizes(client, schema)
    return {
      sizes,
      lines: announcement(survey, sizes, legacyTimeZone),
      statements: [
        // In the order of lockTables.
        `lock table ${[...TABLES].reverse().join(', ')} in access exclusive mode`,
        `set local timezone to ${pg.escapeLiteral(legacyTimeZone)}`,
        ...(await allStatements(client, survey)),
      ],
      after: [ANALYZE],
    }
  })
}

async function allStatements(client: pg.Client, survey: Survey): Promise<string[]> {
  return [
    ...adoptionStatements(survey),
    ...(await viewLeftovers(client, survey.schema)),
    ...(await ownerships(client, survey.schema, newObjects(survey))),
  ]
}

async function assertTimeZone(client: pg.Client, zone: string): Promise<void> {
  if (zone === 'UTC') return
  const known = await query(client, 'select from pg_timezone_names where name = $1', [zone], {})
  if (known.length > 0) return
  throw new WfstoreError('usage', `the server knows no time zone ${JSON.stringify(zone)}`, {
    hint: 'name it as IANA does, such as Europe/Berlin or UTC',
  })
}

/** Runs `work` in a transaction that is rolled back. */
async function undone<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
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
    `select current_user as name, has_schema_privilege($1, 'create') as may_create`,
    [survey.schema],
    { name: d.text(), mayCreate: d.boolean() },
  )
  const privileges = privilegeObstacles(survey, role?.name ?? '', role?.mayCreate === true)
  const tables = TABLES.every((table) => survey.relations.get(table)?.kind === 'r')
  return [
    ...privileges,
    // Before the keys: a key can be made when its rows are mended. A role that does not own the tables may not be
    // able to read them.
    ...(tables && privileges.length === 0 ? await rowObstacles(client, survey) : []),
    ...shapeObstacles(survey),
    ...(tables ? await dependentObstacles(client, survey) : []),
  ]
}

function announcement(survey: Survey, sizes: TableSize[], zone: string): string[] {
  const kept = keptObjects(survey)
  return [
    `adopting the tables of schema ${survey.schema} in place: ${sizes.map(describeSize).join('; ')}`,
    `their times are read in the time zone ${zone}; nobody can read or write them while they are rewritten`,
    ...(kept.length > 0 ? [`kept beside what wfstore makes: ${kept.join(', ')}`] : []),
  ]
}

/** What adoption makes anew, and the history that goes with it. */
function newObjects({ migrations, relations }: Survey): Pick<Creation, 'kind' | 'name'>[] {
  const made = creationsOf(migrations.tables).filter(({ kind }) => kind !== 'trigger')
  return [
    { kind: 'table', name: HISTORY_TABLE },
    ...made.filter(({ name }) => !relations.has(name)),
  ]
}

/** What the application made on these tables and wfstore does not touch. */
function keptObjects(survey: Survey): string[] {
  return TABLES.flatMap((table) => {
    const { columns, expectedColumns, indexes, triggers } = tableOf(survey, table)
    const own = columns.filter(
      ({ name }) => !expectedColumns.some((wanted) => wanted.name === name),
    )
    return [
      ...own.map(({ name }) => `column ${table}.${name}`),
      ...planConstraints(survey, table).kept.map(({ name }) => `constraint ${name} on ${table}`),
      ...indexes
        .filter((index) => !isOldIndex(index))
        .map(({ name }) => `index ${name} on ${table}`),
      ...triggers
        .filter((trigger) => !isOldTrigger(trigger))
        .map(({ name }) => `trigger ${name} on ${table}`),
    ]
  })
}
