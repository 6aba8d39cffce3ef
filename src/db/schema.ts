import { WfstoreError } from '../error.ts'
import * as d from './query/decode.ts'
import { type Queryable, query } from './query/query.ts'

/** The migrations that this version of wfstore knows, in order: the files of migrations/. */
export const MIGRATIONS = [
  '001_tables',
  '002_indexes',
  '003_billing',
  '004_report_indexes',
  '005_cleanup',
] as const

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
    throw missing(await holdsTables(database), await searchPath(database), error)
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

function pendingOf(applied: readonly string[]): string[] {
  return MIGRATIONS.filter((name) => !applied.includes(name))
}

const USUAL_PATH = '"$user", public'

function missing(adoptable: boolean, path: string, cause: unknown): WfstoreError {
  if (adoptable) {
    return new WfstoreError(
      'schema_missing',
      'this database has workflow tables that wfstore has not adopted yet',
      {
        hint: 'run `wfstore migrate up`: it adopts them in place, without losing a row',
        cause,
      },
    )
  }
  return path === USUAL_PATH
    ? new WfstoreError('schema_missing', 'this database has no wfstore schema', {
        hint: 'run `wfstore migrate up`',
        cause,
      })
    : new WfstoreError('schema_missing', `there is no wfstore schema in the search path ${path}`, {
        hint: 'name the right one with --schema, or run `wfstore migrate up` with it',
        cause,
      })
}

async function searchPath(database: Queryable): Promise<string> {
  try {
    const text = "select current_setting('search_path') as path"
    const [found] = await query(database, text, [], { path: d.text() })
    return found?.path ?? USUAL_PATH
  } catch {
    return USUAL_PATH
  }
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

/** Are there tables of the old application in the search path, or runs in tables of ours? */
export async function holdsRuns(database: Queryable): Promise<boolean> {
  if (!(await holdsTables(database))) return false
  const text = `select to_regclass('wfstore_migrations') is null
    or exists (select from workflow_executions) as yes`
  const [found] = await query(database, text, [], { yes: d.boolean() })
  return found?.yes === true
}
