import { WfstoreError } from '../error.ts'
import { assertNotCaptured, CAPTURES, isCaptured, refuseCaptured } from './captures.ts'
import { setLayout } from './distributed/by-layout.ts'
import type { Layout } from './distributed/layout.ts'
import { elsewhere, type Home, readHomes, schemaFlag, USUAL_PATH } from './homes.ts'
import type { Queryable } from './query/connection.ts'
import * as d from './query/decode.ts'
import { ROW_SECURITY_HINT } from './query/errors.ts'
import { query } from './query/query.ts'

/** The migrations of this version of wfstore, in order: the files of migrations/. */
export const MIGRATIONS = [
  '001_tables',
  '002_indexes',
  '003_billing',
  '004_report_indexes',
  '005_cleanup',
  '006_values',
  '007_costs',
  '008_cost_indexes',
  '009_cost_checks',
  '010_traces',
  '011_tokens',
  '012_audit_history',
] as const

/** The tables that reports read and engines write. */
export const TABLES = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'billing_records',
  'wfstore_bill_lines',
  'wfstore_traces',
  'wfstore_spans',
  'wfstore_prices',
  'wfstore_model_rules',
  'wfstore_periods',
  'wfstore_settings',
  'observability_metrics',
  'usage_history',
  'audit_history',
  'wfstore_cleanups',
  'wfstore_tokens',
  'wfstore_requests',
]

/** The workers of Citus have the settings of the role, not those of our session, and Citus sends texts as if this one were on. */
const OFF_ON_WORKERS = `exists (select from pg_catalog.pg_db_role_setting s
        join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) s.setrole, pg_catalog.unnest(s.setconfig) as c (setting)
        where r.rolname operator(pg_catalog.=) current_user and c.setting operator(pg_catalog.~) '^standard_conforming_strings=(off?|f|n|0)'
        and s.setdatabase operator(pg_catalog.=) any (array[0::pg_catalog.oid,
          (select oid from pg_catalog.pg_database where datname operator(pg_catalog.=) pg_catalog.current_database())]))`

/**
 * The migrations, and what makes answers of this session wrong. Our own connections set what is needed, but a pool of the
 * application does not, and a pooler may drop it. Everything is qualified, so that it runs nothing of another role.
 */
const CHECK = `
with found as (
  select c.oid, c.relname, c.relnamespace from pg_catalog.unnest(array['${TABLES.join("', '")}']) as t (name)
  join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) pg_catalog.to_regclass(t.name)::pg_catalog.oid),
home as (select relnamespace as oid from pg_catalog.pg_class
  where oid operator(pg_catalog.=) pg_catalog.to_regclass('wfstore_migrations')::pg_catalog.oid),
layout as (select exists (select from found join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) found.oid
    where found.relname operator(pg_catalog.=) 'audit_logs' and a.attname operator(pg_catalog.=) 'execution_id' and a.attnotnull) as distributed)
select name,
  (select pg_catalog.string_agg(relname::pg_catalog.text, ', ' order by relname) from found
    where pg_catalog.row_security_active(oid)) as hidden,
  (select pg_catalog.string_agg(found.oid::pg_catalog.regclass::pg_catalog.text, ', ') from found, home
    where relnamespace operator(pg_catalog.<>) home.oid) as elsewhere,
  ${CAPTURES} as captured,
  (select distributed from layout) as distributed,
  pg_catalog.concat_ws(', ',
    case when pg_catalog.current_setting('standard_conforming_strings') operator(pg_catalog.=) 'off'
      or (select distributed from layout) and ${OFF_ON_WORKERS} then 'standard_conforming_strings = on' end,
    case when pg_catalog.current_setting('array_nulls') operator(pg_catalog.=) 'off' then 'array_nulls = on' end,
    case when pg_catalog.current_setting('DateStyle') operator(pg_catalog.!~~) 'ISO%' then 'DateStyle = ISO' end,
    case when pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4 operator(pg_catalog.<) 0 then 'extra_float_digits = 1' end,
    case when pg_catalog.array_position(pg_catalog.current_schemas(true), 'pg_catalog') operator(pg_catalog.>)
      pg_catalog.array_position(pg_catalog.current_schemas(true),
        (select nspname from pg_catalog.pg_namespace n join home on n.oid operator(pg_catalog.=) home.oid)) then 'search_path without pg_catalog' end) as unsuitable
from wfstore_migrations`

/**
 * Checks that the schema in the search path is that of this version. It sends one statement at once, so that the
 * first query can follow without waiting.
 * @param readsRows false if the caller reads only the catalogs: policies that hide rows do not matter
 * @param setsItsOwn the caller sets what it needs in its own transactions: other settings of the session do not matter
 * @returns the layout of the tables
 * @throws WfstoreError schema_missing, schema_behind, schema_ahead, schema_differs, permission_denied if policies hide
 * rows, usage for a setting that changes answers
 */
export async function checkSchema(
  database: Queryable,
  { setsItsOwn = false, readsRows = true }: { setsItsOwn?: boolean; readsRows?: boolean } = {},
): Promise<Layout> {
  const rows = await query(database, CHECK, {
    name: d.text(),
    hidden: d.nullable(d.text()),
    elsewhere: d.nullable(d.text()),
    captured: d.nullable(d.text()),
    unsuitable: d.text(),
    distributed: d.boolean(),
  }).catch(async (error: unknown) => {
    if (!(error instanceof WfstoreError) || error.code !== 'schema_missing') throw error
    await assertNotCaptured(database).catch((reason: unknown) => {
      // In a transaction of the caller the server now refuses every statement, so none can run.
      const captured = reason instanceof WfstoreError && isCaptured(reason)
      throw captured ? reason : missing(false, USUAL_PATH, error)
    })
    const [home] = await readHomes(database).catch(() => [])
    if (home) throw inAnotherSchema(home, error)
    throw missing(await holdsTables(database), await searchPath(database), error)
  })
  refuseCaptured(rows[0]?.captured)
  if (!setsItsOwn) assertSuitable(rows[0])
  assertOneSchema(rows[0])
  if (readsRows) assertWhole(rows[0])
  const applied = rows.map(({ name }) => name)
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
  return setLayout(database, rows[0]?.distributed ? 'distributed' : 'single')
}

interface Verdict {
  hidden: string | null
  elsewhere: string | null
  captured: string | null
  unsuitable: string
}

function assertSuitable({ unsuitable }: Partial<Verdict> = {}): void {
  if (unsuitable)
    throw new WfstoreError('usage', 'the settings of this session change the answers of wfstore', {
      hint: `set for the role, the database or the pool: ${unsuitable}`,
    })
}

function assertOneSchema({ elsewhere }: Partial<Verdict> = {}): void {
  if (elsewhere)
    throw new WfstoreError(
      'schema_differs',
      `the search path mixes schemas: ${elsewhere} is not in the schema of wfstore_migrations`,
      { hint: 'give the schema with --schema, or put it first in search_path' },
    )
}

function assertWhole({ hidden }: Partial<Verdict> = {}): void {
  if (hidden) throw hiddenRows(hidden)
}

/** @param tables the names of tables, for people */
export const hiddenRows = (tables: string): WfstoreError =>
  new WfstoreError('permission_denied', `row-level security hides rows of ${tables}`, {
    hint: ROW_SECURITY_HINT,
  })

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

const inAnotherSchema = (home: Home, cause: unknown): WfstoreError =>
  new WfstoreError('schema_missing', elsewhere(home), {
    hint: home.adopted
      ? `give it with ${schemaFlag(home.schema)}`
      : `run \`wfstore migrate up ${schemaFlag(home.schema)}\` to adopt them in place; no row is lost`,
    cause,
  })

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
  return path === USUAL_PATH || path === 'public'
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
    or exists (select 1 from workflow_executions) as yes`
  const [found] = await query(database, text, { yes: d.boolean() })
  return found?.yes === true
}
