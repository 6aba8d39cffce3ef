import { WfstoreError } from '../error.ts'
import * as d from './decode.ts'
import { type Queryable, query } from './query.ts'

/** The migrations that this version of wfstore knows, in order: the files of migrations/. */
export const MIGRATIONS = ['001_tables', '002_indexes'] as const

/**
 * Is the schema in the search path the one this version was made for? One statement, sent at once, so that it
 * may travel ahead of the first query.
 * @throws WfstoreError schema_missing, schema_behind, schema_ahead
 */
export async function checkSchema(database: Queryable): Promise<void> {
  let applied: string[]
  try {
    applied = (
      await query(database, 'select name from wfstore_migrations', [], { name: d.text() })
    ).map(({ name }) => name)
  } catch (error) {
    if (!(error instanceof WfstoreError) || error.code !== 'schema_missing') throw error
    throw missing(await holdsTables(database), error)
  }
  assertNotAhead(applied)
  const pending = pendingOf(applied)
  if (pending.length > 0) {
    throw new WfstoreError(
      'schema_behind',
      `the schema of this database lacks ${pending.join(' and ')}`,
      {
        hint: 'run `wfstore migrate up`',
      },
    )
  }
}

/** @throws WfstoreError schema_ahead where a newer wfstore has been at this database */
export function assertNotAhead(applied: readonly string[]): void {
  const known = new Set<string>(MIGRATIONS)
  const unknown = applied.filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw new WfstoreError(
    'schema_ahead',
    `the schema of this database is newer than this wfstore: it has ${unknown.join(' and ')}`,
    {
      hint: 'upgrade wfstore',
    },
  )
}

export function pendingOf(applied: readonly string[]): string[] {
  return MIGRATIONS.filter((name) => !applied.includes(name))
}

function missing(adoptable: boolean, cause: unknown): WfstoreError {
  return adoptable
    ? new WfstoreError(
        'schema_missing',
        'this database has workflow tables that wfstore has not adopted yet',
        {
          hint: 'run `wfstore migrate up`: it adopts them in place, without losing a row',
          cause,
        },
      )
    : new WfstoreError('schema_missing', 'this database has no wfstore schema', {
        hint: 'run `wfstore migrate up`',
        cause,
      })
}

async function holdsTables(database: Queryable): Promise<boolean> {
  const text = "select to_regclass('workflow_executions') is not null as yes"
  try {
    const [found] = await query(database, text, [], { yes: d.boolean() })
    return found?.yes === true
  } catch {
    // In a transaction of the caller's the server now refuses every statement; the hint is no reason to fail.
    return false
  }
}
