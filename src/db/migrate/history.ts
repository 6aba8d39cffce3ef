import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { readColumns } from '../catalog.ts'
import { layoutOf } from '../distributed/cluster.ts'
import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { literal, raw, sql } from '../query/sql.ts'
import { run } from '../query/transaction.ts'
import { assertNotAhead, MIGRATIONS } from '../schema.ts'
import { checksumOf, readMigration } from './files.ts'
import { quotedSchema } from './session.ts'

/** The applied migrations of a schema. node-pg-migrate writes `name` and `run_on`. */
export const HISTORY_TABLE = 'wfstore_migrations'

/**
 * `checksum` is that of the statements that ran; `duration_ms` is the time they took; `adopted` is true if they adopted the
 * tables of the old application.
 */
export const CREATE_HISTORY = `create table if not exists ${HISTORY_TABLE} (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  run_on      timestamptz not null default now(),
  checksum    text,
  duration_ms bigint,
  adopted     boolean
)`

/** Adds the columns that the history table of an earlier version lacks. */
const COMPLETE_HISTORY = `alter table ${HISTORY_TABLE}
  add column if not exists checksum text, add column if not exists duration_ms bigint,
  add column if not exists adopted boolean`

/** The sequence of 001_tables that has the time of the last write of another client. */
export const OTHER_WRITES = 'wfstore_other_writes'

const REQUIRED_COLUMNS = ['id', 'name', 'run_on']
const LATER_COLUMNS = ['checksum', 'duration_ms', 'adopted']

const appliedShape = {
  name: d.text(),
  appliedAt: d.time(),
  /** NULL if it was not recorded. */
  checksum: d.nullable(d.text()),
  durationMs: d.nullable(d.count()),
  adopted: d.nullable(d.boolean()),
  /** The time of the last write of another client; NULL if there was none, or if this role may not know. */
  otherWriteAt: d.nullable(d.time()),
}
export type Applied = d.RowOf<typeof appliedShape>

export interface History {
  /** In the order in which they were applied. */
  applied: Applied[]
  /** True if the table has every column that this version writes, or does not exist. */
  complete: boolean
}

/** @throws WfstoreError schema_differs if a table of this name does not belong to wfstore */
export async function readHistory(db: Queryable, schema: string): Promise<History> {
  const columns = (await readColumns(db, schema, [HISTORY_TABLE])).map(({ name }) => name)
  if (columns.length === 0) return { applied: [], complete: true }
  if (!REQUIRED_COLUMNS.every((name) => columns.includes(name))) {
    throw new WfstoreError(
      'schema_differs',
      `table ${HISTORY_TABLE} in schema ${schema} does not belong to wfstore`,
      { hint: `rename it: alter table ${HISTORY_TABLE} rename to ${HISTORY_TABLE}_own` },
    )
  }
  const complete = LATER_COLUMNS.every((name) => columns.includes(name))
  const later = LATER_COLUMNS.map((name) =>
    columns.includes(name) ? name : `null as ${name}`,
  ).join(', ')
  const applied = await query(
    db,
    sql`select name, to_json(run_on) #>> '{}' as applied_at, ${raw(later)},
       (select to_json(to_timestamp(last_value)) #>> '{}' from pg_sequences
        where schemaname = ${schema} and sequencename = ${OTHER_WRITES}) as other_write_at
     from ${raw(quotedSchema(schema))}.${raw(HISTORY_TABLE)} order by run_on, id`,
    appliedShape,
  )
  const adopted = applied.some((row) => row.adopted)
  if (!adopted || (await layoutOf(db, schema)) === 'single') return { applied, complete }
  const otherWriteAt = await writeOnWorkers(db, schema)
  return { applied: applied.map((row) => ({ ...row, otherWriteAt })), complete }
}

/** The time of the last write of another client in a distributed store: each worker notes it for itself. */
async function writeOnWorkers(db: Queryable, schema: string): Promise<string | null> {
  const noted = `select last_value from pg_sequences where schemaname = ${literal(schema)} and sequencename = '${OTHER_WRITES}'`
  const [found] = await query(
    db,
    sql`select to_json(to_timestamp(max(nullif(result, '')::bigint))) #>> '{}' as at from run_command_on_workers(${noted}) where success`,
    { at: d.nullable(d.time()) },
  )
  return found?.at ?? null
}

/** Creates the history table, or adds the columns that an existing one lacks. */
export async function createHistory(client: pg.Client): Promise<void> {
  await run(client, CREATE_HISTORY)
  const later = await query(
    client,
    sql`select from pg_attribute where attrelid = to_regclass(${HISTORY_TABLE}) and attname = any(${LATER_COLUMNS}::text[])`,
    {},
  )
  // Even an ALTER TABLE that changes nothing waits for every transaction that has read the table.
  if (later.length < LATER_COLUMNS.length) await run(client, COMPLETE_HISTORY)
}

/** Records a migration, or completes the row that node-pg-migrate wrote for it. */
export async function recordApplied(
  client: pg.Client,
  name: string,
  durationMs: number,
  adopted = false,
): Promise<void> {
  const checksum = checksumOf(await readMigration(name))
  await query(
    client,
    sql`insert into ${raw(HISTORY_TABLE)} (name, checksum, duration_ms, adopted) values (${name}, ${checksum}, ${Math.round(durationMs)}, ${adopted})
     on conflict (name) do update
     set checksum = excluded.checksum, duration_ms = excluded.duration_ms, adopted = excluded.adopted`,
    {},
  )
}

/** The state of a migration in a schema. */
export interface MigrationStatus {
  name: string
  /** changed: its statements differ from those that ran; unknown: applied by a newer version of wfstore. */
  state: 'applied' | 'pending' | 'changed' | 'unknown'
  appliedAt: string | null
  durationMs: number | null
  /** The time at which this migration adopted the tables of the old application; null if it did not. */
  adoptedAt: string | null
  /**
   * For the migration that adopted: when another client than wfstore last wrote, to the minute. Null if that is not known.
   */
  oldApplicationSeenAt: string | null
}

/** Every migration of the schema or of this version of wfstore, in order. */
export async function readStatus(db: Queryable, schema: string): Promise<MigrationStatus[]> {
  return statusesOf((await readHistory(db, schema)).applied)
}

export async function statusesOf(applied: readonly Applied[]): Promise<MigrationStatus[]> {
  const known = await Promise.all(
    MIGRATIONS.map(async (name) =>
      statusOf(name, find(applied, name), await currentChecksum(name)),
    ),
  )
  const unknown = applied.filter(({ name }) => !(MIGRATIONS as readonly string[]).includes(name))
  return [...known, ...unknown.map((row) => statusOf(row.name, row, undefined))]
}

/** @throws WfstoreError schema_ahead, or schema_differs if a migration changed after it was applied */
export function assertSound(statuses: readonly MigrationStatus[]): void {
  const named = (state: MigrationStatus['state']) =>
    statuses.filter((status) => status.state === state).map(({ name }) => name)
  assertNotAhead(named('unknown'))
  const changed = named('changed')
  if (changed.length === 0) return
  throw new WfstoreError(
    'schema_differs',
    `migrations changed after they were applied to this database: ${changed.join(', ')}`,
    {
      hint: `install the version of wfstore that applied them; or, if \`wfstore migrate verify\` finds no other difference, accept the change: update ${HISTORY_TABLE} set checksum = null where name in (${changed.map((name) => `'${name}'`).join(', ')})`,
    },
  )
}

const find = (applied: readonly Applied[], name: string) => applied.find((row) => row.name === name)

const currentChecksum = async (name: string) => checksumOf(await readMigration(name))

function statusOf(
  name: string,
  row: Applied | undefined,
  checksum: string | undefined,
): MigrationStatus {
  const { appliedAt = null, durationMs = null, adopted, otherWriteAt = null } = row ?? {}
  const times = {
    appliedAt,
    durationMs,
    adoptedAt: adopted ? appliedAt : null,
    oldApplicationSeenAt: adopted ? otherWriteAt : null,
  }
  if (!row) return { name, state: 'pending', ...times }
  if (checksum === undefined) return { name, state: 'unknown', ...times }
  const changed = row.checksum !== null && row.checksum !== checksum
  return { name, state: changed ? 'changed' : 'applied', ...times }
}
