import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import * as d from '../query/decode.ts'
import type { Run } from '../query/query.ts'
import { raw, sql } from '../query/sql.ts'
import type { ValueFault } from './faults.ts'

/**
 * SQL that is true if the check of a table holds for all its rows, so that none must be read. The server evaluates it once. The
 * name of a check of a shard ends with the number of the shard.
 */
export const isChecked = (table: string): string =>
  `(select count(*) from pg_constraint where conrelid = '${table}'::regclass and conname ~ '^${table}_finite(_[0-9]+)?$' and convalidated) = 1`

/** True if no row of these tables must be read, because their checks hold. */
export async function areChecked(run: Run, tables: readonly string[]): Promise<boolean> {
  const [found] = await run(`select ${tables.map(isChecked).join(' and ')} as checked`, {
    checked: d.boolean(),
  })
  return found?.checked === true
}

export const SHOWN_ROWS = 5

/** What a search needs to know about a fault. */
export type Rule = Pick<ValueFault, 'table' | 'key' | 'what' | 'condition'>

const faultyShape = {
  /** The number of rows. */
  rows: d.count(),
  /** The ids of the first ones. */
  ids: d.texts('ids'),
}
export interface FaultyRows<Found extends Rule = ValueFault> extends d.RowOf<typeof faultyShape> {
  fault: Found
}

const idsOf = (key: string) =>
  `count(*) as rows, to_json((array_agg(${key}::text order by ${key}))[1:${SHOWN_ROWS}]) as ids`

/**
 * The rows with these faults, which are all of one table, in one scan.
 * @param from the table, or some of its rows under its name
 */
export async function findFaults<Found extends Rule>(
  run: Run,
  faults: readonly Found[],
  from = raw(faults[0]?.table ?? ''),
): Promise<FaultyRows<Found>[]> {
  const [first, ...others] = faults
  if (!first) return []
  const ids = raw(idsOf(first.key))
  const conditions = faults.map(({ condition }, place) => `(${place}, ${condition})`).join(', ')
  const found = await run(
    others.length === 0
      ? // A condition on another table becomes a join.
        sql`select 0 as place, ${ids} from ${from} where ${raw(first.condition)} having count(*) > 0`
      : sql`select place, ${ids} from ${from} cross join lateral (values ${raw(conditions)}) as c (place, is_faulty)
         where is_faulty group by place order by place`,
    { place: d.count(), ...faultyShape },
  )
  return found.map(({ place, ...rows }) => ({ fault: faults[place] as Found, ...rows }))
}

/** 'workflow_steps has 7 rows where cost is NaN or infinite: step_id a, b, c, d, e and 2 others' */
export function faultText({ fault: { table, what, key }, rows, ids }: FaultyRows<Rule>): string {
  const others = rows > ids.length ? ` and ${plural(rows - ids.length, 'other')}` : ''
  return `${table} has ${plural(rows, 'row')} ${what}: ${key} ${ids.join(', ')}${others}`
}

/**
 * @param doing what cannot be done with these rows: 'clean up'
 * @param done what was changed before
 * @throws WfstoreError conflict with their ids, if there are any
 */
export function assertNoFaults(
  doing: string,
  found: readonly FaultyRows[],
  done = 'nothing was changed',
): void {
  if (found.length === 0) return
  throw new WfstoreError('conflict', `cannot ${doing}: ${found.map(faultText).join('; ')}`, {
    hint: `${done}; \`wfstore doctor --full\` prints the statements that change these rows (check values)`,
  })
}
