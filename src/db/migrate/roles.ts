import pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { TABLES } from '../adopt/legacy.ts'
import type { Layout } from '../distributed/layout.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { quote, sql } from '../query/sql.ts'
import { run, transaction } from '../query/transaction.ts'
import { checkSchema } from '../schema.ts'
import { OTHER_WRITES } from './history.ts'
import { schemaFor } from './session.ts'

const CLEANED = ['workflow_executions', 'workflow_steps', 'audit_logs', 'observability_metrics']
const HISTORY = ['usage_history', 'audit_history']
const PERIODS = ['wfstore_periods', 'wfstore_settings']
const LINES = ['wfstore_bill_lines']
const TRACES = ['wfstore_traces', 'wfstore_spans']
const PRICES = ['wfstore_prices', 'wfstore_model_rules']
const REQUESTS = ['wfstore_requests']
const ALL = [
  ...TABLES,
  ...HISTORY,
  ...PERIODS,
  ...LINES,
  ...TRACES,
  ...PRICES,
  ...REQUESTS,
  'wfstore_tokens',
  'wfstore_cleanups',
  'user_workflow_summary',
  'daily_cost_summary',
  'wfstore_migrations',
  OTHER_WRITES,
]

type Duty = 'writer' | 'reader' | 'cleaner'

interface Grant {
  privileges: string
  on: readonly string[]
}

/** The least privileges for each duty. Every command reads wfstore_migrations first. */
const GRANTS: Record<Duty, Grant[]> = {
  writer: [
    { privileges: 'select', on: ALL },
    { privileges: 'insert, update', on: [...TABLES, ...LINES] },
    // While a run of OpenTelemetry is running, later spans can show that two of its steps are one.
    { privileges: 'delete', on: ['workflow_steps'] },
    { privileges: 'insert, update, delete', on: [...TRACES, ...REQUESTS] },
  ],
  reader: [{ privileges: 'select', on: ALL }],
  cleaner: [
    { privileges: 'select', on: ALL },
    { privileges: 'delete', on: CLEANED },
    { privileges: 'insert, delete', on: HISTORY },
    // Locking rows requires UPDATE on at least one column. A trigger sets this one, so the written value has no effect.
    { privileges: 'update (updated_at)', on: ['workflow_executions'] },
    { privileges: 'insert, update', on: ['wfstore_cleanups'] },
  ],
}

export interface RolesOptions {
  /** Default: the schema in the search path that has the tables. */
  schema: string | undefined
  /** wfstore: wfstore_writer, wfstore_reader, wfstore_cleaner. */
  prefix: string
}

export interface Roles {
  schema: string
  roles: string[]
  /** One transaction. It can be run again with the same result. */
  statements: string[]
  layout: Layout
  /** True if a table has row security, so that a role needs BYPASSRLS: reports that policies shorten are refused. */
  rowSecurity: boolean
}

/** The statements of `createRoles`. @throws WfstoreError schema_missing, schema_behind, schema_ahead */
export async function planRoles(client: pg.Client, options: RolesOptions): Promise<Roles> {
  const layout = await checkSchema(client, { readsRows: false })
  const schema = await schemaFor(client, options.schema)
  const rowSecurity = await hasRowSecurity(client, schema)
  const roles = roleNames(options.prefix)
  const bypasses = rowSecurity ? roles.map(bypassStatement) : []
  const statements = [...roleStatements(schema, options.prefix), ...bypasses]
  return { schema, roles, statements, layout, rowSecurity }
}

async function hasRowSecurity(client: pg.Client, schema: string): Promise<boolean> {
  const found = await query(
    client,
    sql`select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = ${schema} and c.relname = any(${ALL}::text[]) and c.relrowsecurity limit 1`,
    {},
  )
  return found.length > 0
}

/** Those of our roles that lack BYPASSRLS although they need it. */
export async function withoutBypass(client: pg.Client, made: Roles): Promise<string[]> {
  if (!made.rowSecurity) return []
  const rows = await query(
    client,
    sql`select rolname as name from pg_roles where rolname = any(${made.roles}::text[]) and not rolbypassrls order by 1`,
    { name: d.text() },
  )
  return rows.map(({ name }) => name)
}

/** Only a superuser may give BYPASSRLS; from PostgreSQL 16 on also a role that has it and administers the other role. */
function bypassStatement(name: string): string {
  const statement = `alter role ${quote(name)} bypassrls`
  return `do $$ begin
  if not (select rolbypassrls from pg_roles where rolname = ${pg.escapeLiteral(name)}) then
    ${statement};
  end if;
exception when insufficient_privilege then
  raise notice 'as a superuser run: ${statement}';
end $$`
}

/**
 * Creates three group roles without login, or updates those of an earlier version.
 * @throws WfstoreError schema_missing, schema_behind, schema_ahead, permission_denied
 */
export async function createRoles(client: pg.Client, options: RolesOptions): Promise<Roles> {
  const plan = await planRoles(client, options)
  await assertAllowed(client, plan)
  await transaction(client, async () => {
    for (const statement of plan.statements) await run(client, statement)
  })
  return plan
}

/** A script for psql. */
export const rolesScript = ({ statements }: Roles): string =>
  ['begin', ...statements, 'commit'].map((statement) => `${statement};\n`).join('')

const roleNames = (prefix: string): string[] =>
  Object.keys(GRANTS).map((duty) => `${prefix}_${duty}`)

/** @param prefix without quotes in it */
function roleStatements(schema: string, prefix: string): string[] {
  const names = roleNames(prefix)
  const place = quote(schema)
  const tables = (on: readonly string[]) => on.map((name) => `${place}.${quote(name)}`).join(', ')
  const all = names.map(quote).join(', ')
  return [
    // One of two concurrent GRANTs on a table would fail.
    "do $$ begin perform pg_advisory_xact_lock(hashtextextended('wfstore roles', 0)); end $$",
    ...names.map(createStatement),
    `revoke all on schema ${place} from ${all}`,
    `revoke all on ${tables(ALL)} from ${all}`,
    `grant usage on schema ${place} to ${all}`,
    ...Object.entries(GRANTS).flatMap(([duty, grants]) =>
      grants.map(
        ({ privileges, on }) =>
          `grant ${privileges} on ${tables(on)} to ${quote(`${prefix}_${duty}`)}`,
      ),
    ),
  ]
}

/** CREATE ROLE has no IF NOT EXISTS. If the roles exist, a role without CREATEROLE can run this too. */
function createStatement(name: string): string {
  const role = quote(name)
  return `do $$ begin
  if not exists (select from pg_roles where rolname = ${pg.escapeLiteral(name)}) then
    create role ${role} nologin;
  end if;
exception when duplicate_object or unique_violation then null; -- created at the same time from another database
end $$`
}

async function assertAllowed(client: pg.Client, { schema, roles }: Roles): Promise<void> {
  const lacking = await query(
    client,
    sql`select 'CREATEROLE' as what, 0 as place
     from pg_roles
     where rolname = current_user and not (rolsuper or rolcreaterole)
       and exists (select from unnest(${roles}::text[]) as name
                   where name not in (select rolname from pg_roles))
     union all
     select format('ownership of schema %I (owner: %I)', nspname, pg_get_userbyid(nspowner)), 1
     from pg_namespace where nspname = ${schema} and not pg_has_role(nspowner, 'usage')
     union all
     select format('ownership of %s (owner: %I)', string_agg(quote_ident(c.relname), ', ' order by c.relname),
              pg_get_userbyid(c.relowner)), 2
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = ${schema} and c.relname = any(${ALL}::text[]) and not pg_has_role(c.relowner, 'usage')
     group by c.relowner
     order by place, what`,
    { what: d.text() },
  )
  if (lacking.length === 0) return
  throw new WfstoreError(
    'permission_denied',
    `this role may not create the roles; it lacks ${lacking.map(({ what }) => what).join('; ')}`,
    { hint: 'run it as a superuser, or give a superuser the SQL: wfstore migrate roles --dry-run' },
  )
}
