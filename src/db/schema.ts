import { WfstoreError } from '../error.ts'
import type { Queryable } from './query/connection.ts'
import * as d from './query/decode.ts'
import { query } from './query/query.ts'

/** The migrations of this version of wfstore, in order: the files of migrations/. */
export const MIGRATIONS = [
  '001_tables',
  '002_indexes',
  '003_billing',
  '004_report_indexes',
  '005_cleanup',
] as const

/**
 * Checks that the schema in the search path is that of this version. It sends one statement at once, so that the
 * first query can follow without waiting.
 * @throws WfstoreError schema_missing, schema_behind, schema_ahead
 */
export async function checkSchema(database: Queryable): Promise<void> {
  let applied: string[]
  try {
    applied = (
      await query(database, 'select name from wfstore_migrations', { name: d.text() })
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
      `the schema of this database is behind; pending migrations: ${pending.join(', ')}`,
      {
        hint: 'run `wfstore migrate up`',
      },
    )
  }
}

/** @throws WfstoreError schema_ahead if a newer version of wfstore has migrated this database */
export function assertNotAhead(applied: readonly string[]): void {
  const known = new Set<string>(MIGRATIONS)
  const unknown = applied.filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw new WfstoreError(
    'schema_ahead',
    `the schema of this database is newer than this version of wfstore: it has ${unknown.join(', ')}`,
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
        hint: 'run `wfstore migrate up` to adopt them in place; no row is lost',
        cause,
      },
    )
  }
  return path === USUAL_PATH
    ? new WfstoreError('schema_missing', 'this database has no wfstore schema', {
        hint: 'run `wfstore migrate up`',
        cause,
      })
    : new WfstoreError('schema_missing', `the search path ${path} has no wfstore schema`, {
        hint: 'give the schema with --schema, or create one: `wfstore migrate up --schema <name>`',
        cause,
      })
}

async function searchPath(database: Queryable): Promise<string> {
  try {
    const text = "select current_setting('search_path') as path"
    const [found] = await query(database, text, { path: d.text() })
    return found?.path ?? USUAL_PATH
  } catch {
    return USUAL_PATH
  }
}

async function holdsTables(database: Queryable): Promise<boolean> {
  const text = "select to_regclass('workflow_executions') is not null as yes"
  try {
    const [found] = await query(database, text, { yes: d.boolean() })
    return found?.yes === true
  } catch {
    // In a transaction of the caller the server now refuses every statement. Then the error has a shorter hint.
    return false
  }
}

/** True if the search path has tables of the old application, or our tables with runs in them. */
export async function holdsRuns(database: Queryable): Promise<boolean> {
  if (!(await holdsTables(database))) return false
  const text = `select to_regclass('wfstore_migrations') is null
    or exists (select from workflow_executions) as yes`
  const [found] = await query(database, text, { yes: d.boolean() })
  return found?.yes === true
}
