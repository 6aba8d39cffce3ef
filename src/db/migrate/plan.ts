import pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { MIGRATIONS } from '../schema.ts'
import { checksumOf, readMigration, splitStatements } from './files.ts'
import { CREATE_HISTORY, HISTORY_TABLE } from './history.ts'
import { quotedSchema } from './session.ts'

/** What one migration runs, in order. */
export interface Step {
  /** The migration, or undefined where none is recorded: an index that is built again. */
  migration: string | undefined
  direction: 'up' | 'down'
  /** Are the statements one transaction? A concurrent index build cannot be part of one. */
  transaction: boolean
  statements: string[]
  /** Run after the transaction. */
  after?: string[]
}

/** The migrations of this wfstore on an empty database. */
export function freshSteps(): Promise<Step[]> {
  return Promise.all(
    MIGRATIONS.map(async (migration) => {
      const { transaction, up } = await readMigration(migration)
      return { migration, direction: 'up' as const, transaction, statements: splitStatements(up) }
    }),
  )
}

/** How far `up` goes; all the way where neither is given. */
export interface Target {
  /** So many of the pending migrations. */
  count?: number | undefined
  /** Up to and with this one: its name or its number. */
  to?: string | undefined
}

/** The pending migrations up to a count or a name. @throws WfstoreError usage where there is no such migration */
export function choose(pending: readonly string[], { count, to }: Target): string[] {
  if (to === undefined) return pending.slice(0, count)
  const target = migrationNamed(to)
  return pending.filter((name) => name <= target).slice(0, count)
}

/** By its whole name or its number: '002_indexes', '002', '2'. */
function migrationNamed(wanted: string): string {
  const number = /^\d+$/.test(wanted) ? wanted.padStart(3, '0') : undefined
  const found = MIGRATIONS.find((name) => name === wanted || name.split('_')[0] === number)
  if (found) return found
  throw new WfstoreError('usage', `this wfstore has no migration ${JSON.stringify(wanted)}`, {
    hint: `it has ${MIGRATIONS.join(', ')}`,
  })
}

/**
 * The steps as a script for psql, which ends at the first error and leaves what is complete. It does what `up` does,
 * the record in the history included.
 */
export async function psqlScript(
  steps: readonly Step[],
  { schema, lockTimeoutMs }: { schema: string | undefined; lockTimeoutMs: number },
): Promise<string> {
  const parts = await Promise.all(steps.map((step) => scriptOf(step, lockTimeoutMs)))
  return [
    '-- Made by wfstore, for psql: psql -X -f FILE. Not with --single-transaction: indexes are built concurrently.',
    '\\set ON_ERROR_STOP on',
    ...(schema === undefined
      ? []
      : [
          `create schema if not exists ${quotedSchema(schema)};`,
          `set search_path to ${quotedSchema(schema)};`,
        ]),
    'set statement_timeout to 0;',
    'set lock_timeout to 0;',
    'set client_min_messages to warning;',
    LOCK,
    ...parts,
    '',
  ].join('\n')
}

/** The lock of `wfstore migrate`. Not waited for: a session that waits inside it can block a concurrent build. */
const LOCK = `do $$ begin
  if not pg_try_advisory_lock(hashtextextended('wfstore migrate ' || current_schema(), 0)) then
    raise exception 'another process is migrating this schema';
  end if;
end $$;`

async function scriptOf(step: Step, lockTimeoutMs: number): Promise<string> {
  const { transaction, statements, after = [] } = step
  const record = await recordOf(step)
  const timed = `${START};`
  const body = [
    ...(step.direction === 'up' && step.migration ? [`${CREATE_HISTORY};`] : []),
    ...statements.map((text) => `${text};`),
  ]
  const title = `\n-- ${step.migration ?? 'invalid indexes'}${step.direction === 'down' ? ', taken back' : ''}`
  return transaction
    ? [
        title,
        'begin;',
        `set local lock_timeout to '${lockTimeoutMs}ms';`,
        timed,
        ...body,
        ...record,
        'commit;',
        ...after.map((text) => `${text};`),
      ].join('\n')
    : [title, timed, ...body, ...record].join('\n')
}

const START = `do $$ begin perform set_config('wfstore.started', clock_timestamp()::text, false); end $$`

async function recordOf({ migration, direction, transaction }: Step): Promise<string[]> {
  if (migration === undefined) return []
  const name = pg.escapeLiteral(migration)
  if (direction === 'down')
    return transaction ? [`delete from ${HISTORY_TABLE} where name = ${name};`] : []
  const checksum = pg.escapeLiteral(checksumOf(await readMigration(migration)))
  return [
    `insert into ${HISTORY_TABLE} (name, checksum, duration_ms) values (${name}, ${checksum},
  round(extract(epoch from clock_timestamp() - current_setting('wfstore.started')::timestamptz) * 1000));`,
  ]
}
