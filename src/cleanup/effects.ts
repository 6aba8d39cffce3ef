import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import type { Cleaned } from './types.ts'

/** A foreign key of an application that changes rows of its table when a row of ours is removed. */
export interface Effect {
  name: string
  /** The table of the application, quoted. */
  table: string
  kind: Cleaned
  /** The table that it refers to. */
  target: string
  action: 'cascade' | 'set null' | 'set default'
  /** The columns of the key, and those that it refers to, quoted. */
  own: string[]
  others: string[]
  /** The columns that become NULL, by their names. */
  nulled: string[]
  /** The primary key of the table, by its names; empty if it has none. */
  key: string[]
  /** This role sees all rows of the table. */
  readable: boolean
}

const shape = {
  name: d.text(),
  table: d.text(),
  target: d.text(),
  action: d.text(),
  own: d.jsonText(),
  others: d.jsonText(),
  nulled: d.jsonText(),
  key: d.jsonText(),
  readable: d.boolean(),
}

const columns = (table: string, numbers: string, name = 'a.attname') => `(
  select coalesce(json_agg(${name} order by n.place), '[]')
  from unnest(${numbers}) with ordinality n (number, place)
  join pg_attribute a on a.attrelid = ${table} and a.attnum = n.number)`

/** Keys between tables of ours that would change other rows of ours are refused: see references.ts. */
const EFFECTS = `
  select c.conname as name, c.conrelid::regclass::text as table, t.relname as target,
         case c.confdeltype when 'c' then 'cascade' when 'n' then 'set null' else 'set default' end as action,
         ${columns('c.conrelid', 'c.conkey', 'quote_ident(a.attname)')} as own,
         ${columns('c.confrelid', 'c.confkey', 'quote_ident(a.attname)')} as others,
         ${columns('c.conrelid', 'coalesce(c.confdelsetcols, c.conkey)')} as nulled,
         ${columns('c.conrelid', "(select p.conkey from pg_constraint p where p.conrelid = c.conrelid and p.contype = 'p')")} as key,
         has_table_privilege(c.conrelid, 'select') and not row_security_active(c.conrelid) as readable
  from pg_constraint c join pg_class t on t.oid = c.confrelid
  where c.contype = 'f' and c.confdeltype in ('c', 'n', 'd') and c.conparentid = 0
    and c.confrelid in ('workflow_executions'::regclass, 'workflow_steps'::regclass, 'audit_logs'::regclass, 'observability_metrics'::regclass)
    and c.conrelid not in ('workflow_steps'::regclass, 'audit_logs'::regclass, 'billing_records'::regclass)
  order by c.conrelid::regclass::text, c.conname`

const KINDS: Record<string, Cleaned> = {
  workflow_executions: 'execution',
  workflow_steps: 'step',
  audit_logs: 'audit',
  observability_metrics: 'metric',
}

export async function readEffects(client: pg.ClientBase): Promise<Effect[]> {
  const list = (text: string) => JSON.parse(text) as string[]
  const rows = await query(client, EFFECTS, shape)
  return rows.map((row) => ({
    ...row,
    kind: KINDS[row.target] as Cleaned,
    action: row.action as Effect['action'],
    own: list(row.own),
    others: list(row.others),
    nulled: list(row.nulled),
    key: list(row.key),
  }))
}

/** Whether an archive records what the key sets to NULL, so that a restore can set it again. */
export const isRecorded = ({ action, key, readable }: Effect): boolean =>
  action === 'set null' && key.length > 0 && readable

/**
 * What a cleanup does to rows of the application that no restore brings back, a line for each key.
 * @param archives whether the cleanup writes an archive: without one, columns that become NULL are not named
 */
export function lossesOf(effects: readonly Effect[], archives: boolean): string[] {
  return effects.flatMap((effect) => {
    const { name, table, target, action, key } = effect
    const label = `foreign key ${name} of ${table}`
    if (action === 'cascade')
      return [
        `${label} deletes rows of ${table} together with rows of ${target} (ON DELETE CASCADE); no archive has them`,
      ]
    if (!archives || isRecorded(effect)) return []
    const why =
      action === 'set default'
        ? 'it has ON DELETE SET DEFAULT'
        : key.length === 0
          ? `${table} has no primary key`
          : `this role does not see all rows of ${table}`
    return [`${label} clears columns of ${table}, and a restore cannot set them again: ${why}`]
  })
}
