import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { readColumns } from '../catalog.ts'
import * as d from '../query/decode.ts'
import { type Queryable, query } from '../query/query.ts'
import { run } from '../query/transaction.ts'
import { assertNotAhead, MIGRATIONS } from '../schema.ts'
import { checksumOf, readMigration } from './files.ts'
import { quotedSchema } from './session.ts'

/** Which migrations a schema has. node-pg-migrate writes `name` and `run_on` of it. */
export const HISTORY_TABLE = 'wfstore_migrations'

/** `checksum` is that of the statements which were run; `duration_ms` how long they took. */
export const CREATE_HISTORY = `create table if not exists ${HISTORY_TABLE} (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  run_on      timestamptz not null default now(),
  checksum    text,
  duration_ms bigint
)`

/** A history that a wfstore from before the checksums made. */
const COMPLETE_HISTORY = `alter table ${HISTORY_TABLE}
  add column if not exists checksum text, add column if not exists duration_ms bigint`

const REQUIRED_COLUMNS = ['id', 'name', 'run_on']
const LATER_COLUMNS = ['checksum', 'duration_ms']

const appliedShape = {
  name: d.text(),
  appliedAt: d.time(),
  /** NULL where nobody recorded it. */
  checksum: d.nullable(d.text()),
  durationMs: d.nullable(d.count()),
}
export type Applied = d.RowOf<typeof appliedShape>

export interface History {
  /** In the order in which they came. */
  applied: Applied[]
  /** Has the table every column that this wfstore writes? Also true where there is no table. */
  complete: boolean
}

/** @throws WfstoreError schema_differs where a table of this name is somebody else's */
export async function readHistory(db: Queryable, schema: string): Promise<History> {
  const columns = (await readColumns(db, schema, [HISTORY_TABLE])).map(({ name }) => name)
  if (columns.length === 0) return { applied: [], complete: true }
  if (!REQUIRED_COLUMNS.every((name) => columns.includes(name))) {
    throw new WfstoreError(
      'schema_differs',
      `the table ${HISTORY_TABLE} of schema ${schema} is not wfstore's`,
      { hint: `rename it: alter table ${HISTORY_TABLE} rename to ${HISTORY_TABLE}_own` },
    )
  }
  const complete = LATER_COLUMNS.every((name) => columns.includes(name))
  const later = complete ? 'checksum, duration_ms' : 'null as checksum, null as duration_ms'
  const applied = await query(
    db,
    `select name, to_json(run_on) #>> '{}' as applied_at, ${later}
     from ${quotedSchema(schema)}.${HISTORY_TABLE} order by run_on, id`,
    [],
    appliedShape,
  )
  return { applied, complete }
}

/** Makes the table of the history, or gives an older one what it lacks. */
export async function createHistory(client: pg.Client): Promise<void> {
  await run(client, CREATE_HISTORY)
  const later = await query(
    client,
    'select from pg_attribute where attrelid = to_regclass($1) and attname = any($2::text[])',
    [HISTORY_TABLE, LATER_COLUMNS],
    {},
  )
  // Even where it changes nothing, it would wait for everyone who has read the table.
  if (later.length < LATER_COLUMNS.length) await run(client, COMPLETE_HISTORY)
}

/** Records a migration, or completes the row that node-pg-migrate has written for it. */
export async function recordApplied(
  client: pg.Client,
  name: string,
  durationMs: number,
): Promise<void> {
  const checksum = checksumOf(await readMigration(name))
  await query(
    client,
    `insert into ${HISTORY_TABLE} (name, checksum, duration_ms) values ($1, $2, $3)
     on conflict (name) do update set checksum = excluded.checksum, duration_ms = excluded.duration_ms`,
    [name, checksum, Math.round(durationMs)],
    {},
  )
}

/** What became of a migration in a schema. */
export interface MigrationStatus {
  name: string
  /**
   * changed: its statements are not those that were run; unknown: applied by a newer wfstore.
   */
  state: 'applied' | 'pending' | 'changed' | 'unknown'
  appliedAt: string | null
  durationMs: number | null
}

/** Every migration that the schema or this wfstore knows, in order. */
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

/** @throws WfstoreError schema_ahead, or schema_differs where one was changed after it was applied */
export function assertSound(statuses: readonly MigrationStatus[]): void {
  const named = (state: MigrationStatus['state']) =>
    statuses.filter((status) => status.state === state).map(({ name }) => name)
  assertNotAhead(named('unknown'))
  const changed = named('changed')
  if (changed.length === 0) return
  throw new WfstoreError(
    'schema_differs',
    `${changed.join(' and ')} changed after being applied to this database`,
    {
      hint: `install the wfstore that applied it; or, when \`wfstore migrate verify\` finds no difference, accept it: update ${HISTORY_TABLE} set checksum = null where name in (${changed.map((name) => `'${name}'`).join(', ')})`,
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
  const { appliedAt = null, durationMs = null } = row ?? {}
  if (!row) return { name, state: 'pending', appliedAt, durationMs }
  if (checksum === undefined) return { name, state: 'unknown', appliedAt, durationMs }
  const changed = row.checksum !== null && row.checksum !== checksum
  return { name, state: changed ? 'changed' : 'applied', appliedAt, durationMs }
}
