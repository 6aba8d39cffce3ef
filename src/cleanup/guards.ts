import * as d from '../db/query/decode.ts'
import { refusesRow } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import type { CleanupStore } from './place.ts'
import { CUTOFF, goes, inBatch, RUNS, type Walked } from './tables.ts'

/** A foreign key of an application, without a delete action: a row that it refers to cannot be deleted. */
export interface Guard {
  /** 'feedback_execution_id_fkey of feedback' */
  label: string
  kind: Walked['kind']
  table: string
  /** The table that the key refers to. */
  target: string
  /** Columns, quoted. */
  own: string[]
  others: string[]
}

const shape = {
  name: d.text(),
  table: d.text(),
  target: d.text(),
  own: d.jsonText(),
  others: d.jsonText(),
}

const columns = (table: string, numbers: string) => `(
  select json_agg(quote_ident(a.attname) order by n.place)
  from unnest(${numbers}) with ordinality n (number, place)
  join pg_attribute a on a.attrelid = ${table} and a.attnum = n.number)`

/** Tables that this role cannot read are left out: their keys are noticed when a batch fails. */
const GUARDS = `
  select c.conname as name, c.conrelid::regclass::text as table, t.relname as target,
         ${columns('c.conrelid', 'c.conkey')} as own, ${columns('c.confrelid', 'c.confkey')} as others
  from pg_constraint c join pg_class t on t.oid = c.confrelid
  where c.contype = 'f' and c.confdeltype in ('a', 'r') and c.conparentid = 0
    and c.confrelid in ('workflow_executions'::regclass, 'workflow_steps'::regclass, 'audit_logs'::regclass, 'observability_metrics'::regclass)
    and has_table_privilege(c.conrelid, 'select') and not row_security_active(c.conrelid)
  order by c.conrelid::regclass::text, c.conname`

const KINDS: Record<string, Walked['kind']> = {
  audit_logs: 'audit',
  observability_metrics: 'metric',
}

/**
 * In a distributed store such a key is noticed when a batch fails: a statement on shards cannot read the tables of the
 * application, which wfstore does not know.
 */
export async function readGuards({ client, places }: CleanupStore): Promise<Guard[]> {
  if (places.some(({ layout }) => layout === 'distributed')) return []
  const rows = await query(client, GUARDS, shape)
  return rows.map(({ name, table, target, own, others }) => ({
    label: `${name} of ${table}`,
    kind: KINDS[target] ?? 'execution',
    table,
    target,
    own: JSON.parse(own) as string[],
    others: JSON.parse(others) as string[],
  }))
}

/** What is removed together: the rows of a batch, or all rows. */
export interface Scope {
  guards: readonly Guard[]
  keepLast: boolean
  together: 'batch' | 'all'
}

/** Whether the row of this alias is referred to. A row does not protect itself, nor a run another that goes with it. */
function blocks(guard: Guard, alias: string, { keepLast, together }: Scope): string {
  const { table, target, own, others } = guard
  const match = (to: string) => own.map((name, n) => `x.${name} = ${to}.${others[n]}`).join(' and ')
  const with_ = together === 'batch' ? inBatch(RUNS, 'x') : `x.start_time < ${CUTOFF}`
  const exempt: Record<string, string> = {
    workflow_executions: ` and not (x.execution_id = ${alias}.execution_id or (${with_} and ${goes('x', keepLast)}))`,
    workflow_steps: ` and x.execution_id <> ${alias}.execution_id`,
    audit_logs: guard.kind === 'audit' ? ` and x.log_id <> ${alias}.log_id` : '',
    observability_metrics: guard.kind === 'metric' ? ` and x.metric_id <> ${alias}.metric_id` : '',
  }
  const except = guard.kind === 'execution' || table === target ? (exempt[table] ?? '') : ''
  return target === 'workflow_steps'
    ? `exists (select from workflow_steps t join ${table} x on ${match('t')} where t.execution_id = ${alias}.execution_id${except})`
    : `exists (select from ${table} x where ${match(alias)}${except})`
}

const blocksOf = (scope: Scope, kind: Walked['kind'], alias: string): string[] =>
  scope.guards.filter((guard) => guard.kind === kind).map((guard) => blocks(guard, alias, scope))

/** A condition, with a leading `and`: no key of an application protects the row. */
export const isFree = (scope: Scope, kind: Walked['kind'], alias: string): string =>
  blocksOf(scope, kind, alias)
    .map((each) => ` and not ${each}`)
    .join('')

export const protectedShape = { protected: d.count(), protectedBy: d.jsonText() }

/**
 * Counts the rows that only a key keeps, and names the keys.
 * @param going condition of the rows that would go
 */
export function protectedColumns(
  scope: Scope,
  kind: Walked['kind'],
  alias: string,
  going: string,
): string {
  const each = blocksOf(scope, kind, alias)
  if (each.length === 0) return `0 as protected, '[]' as protected_by`
  const numbers = each.map((block, n) => `case when bool_or(${going} and ${block}) then ${n} end`)
  return `count(*) filter (where ${going} and (${each.join(' or ')})) as protected,
    to_json(array_remove(array[${numbers.join(', ')}], null)) as protected_by`
}

/** The labels of the keys that `protectedColumns` has found. */
export function labelsOf({ guards }: Scope, kind: Walked['kind'], found: string): string[] {
  const own = guards.filter((guard) => guard.kind === kind)
  return (JSON.parse(found) as number[]).map((n) => (own[n] as Guard).label)
}

/** What refuses a row: a key, or the reason of the server; undefined if other rows cannot be removed either. */
export function refusalOf(error: unknown): { label: string; byKey: boolean } | undefined {
  if (!refusesRow(error)) return undefined
  // PostgreSQL 18 has a state of its own for RESTRICT.
  if (error.sqlState !== '23503' && error.sqlState !== '23001')
    return { label: `an error of the server: ${error.message}`, byKey: false }
  const { constraint, table } = (error.cause ?? {}) as { constraint?: string; table?: string }
  return { label: constraint ? `${constraint} of ${table}` : 'a foreign key', byKey: true }
}
