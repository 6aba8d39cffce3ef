import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { type ColumnType, SQL_TYPES } from '../../tables/column.ts'

/** A value as it was recorded, in SQL over the row `r`, and the value that is given now, both as text. */
export interface Compared {
  name: string
  stored: Sql
  given: Sql
}

/** @param stored SQL of the recorded value */
export function compared(type: ColumnType, name: string, stored: string, value: unknown): Compared {
  const asText = AS_TEXT[type] ?? plain
  return {
    name,
    stored: asText(raw(stored)),
    given: asText(sql`${value}::${raw(SQL_TYPES[type])}`),
  }
}

const plain = (value: Sql): Sql => sql`(${value})::text`
const trimmed = (value: Sql): Sql => sql`trim_scale(${value})::text`

/** The text by which two values of a type are compared. */
const AS_TEXT: Partial<Record<ColumnType, (value: Sql) => Sql>> = {
  amount: trimmed,
  number: trimmed,
  time: (value) => sql`(to_json(${value} at time zone 'UTC') #>> '{}') || 'Z'`,
}

const LONGEST_VALUE = 60

/**
 * Compares the recorded row with the values that are given now.
 * @param from SQL after FROM that gives the recorded row as `r`
 * @returns false if there is no such row
 * @throws WfstoreError conflict; the message names each difference
 */
export async function assertSame(
  run: Run,
  what: string,
  from: Sql,
  fields: readonly Compared[],
): Promise<boolean> {
  const rows = fields.map(({ name, stored, given }) => sql`(${name}::text, ${stored}, ${given})`)
  const found = await send(
    run,
    sql`select f.name, f.stored, f.given from ${from}
     cross join lateral (values ${join(rows, ', ')}) as f (name, stored, given)`,
    { name: d.text(), stored: d.nullable(d.text()), given: d.nullable(d.text()) },
  )
  const differing = found.filter(({ stored, given }) => stored !== given)
  if (differing.length === 0) return found.length > 0
  const named = differing.map(
    ({ name, stored, given }) => `${name} ${shown(stored)}, not ${shown(given)}`,
  )
  throw new WfstoreError('conflict', `${what} is already recorded with ${named.join('; ')}`, {
    hint: 'nothing was changed; use a new id for other values',
  })
}

function shown(value: string | null): string {
  if (value === null) return 'none'
  const short = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value
  return JSON.stringify(short)
}
