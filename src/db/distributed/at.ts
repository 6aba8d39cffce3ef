import type { Connection } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import type { Run } from '../query/query.ts'
import { type Bound, bound, sql } from '../query/sql.ts'
import { COPIED, SHARDED } from './layout.ts'

/**
 * Everything of an execution is on one shard of each table, and these shards are on one node. The function wfstore_at runs a
 * statement there as plain PostgreSQL, with the names of the tables replaced by those of the shards: in one snapshot, and in
 * the transaction of the caller.
 */

/** The rows of wfstore_at: an object of texts and nulls for each row of the statement. */
type Row = Record<string, string | null>

const TABLES: readonly string[] = [...SHARDED, ...COPIED]
const NAMES = new RegExp(`\\b(${TABLES.join('|')})(_pkey)?\\b|%|\\$(\\d+)`, 'g')

/** The statement as wfstore_at takes it: a text of format() that gets the numbers of the shards in the order of TABLES. */
export function onShards(text: string): string {
  return text.replace(NAMES, (found, table?: string, key = '', place?: string) => {
    if (table) return `${table}${key}_%${TABLES.indexOf(table) + 1}$s`
    return place ? `($1)[${place}]` : `${found}%`
  })
}

/** A call of wfstore_at. @param run an execution on the shards; it need not exist */
export const callAt = (run: string, { text, values }: Bound): Bound =>
  sql`select wfstore_at as row from wfstore_at(${run}::uuid, ${onShards(text)}, ${values.map(asText)}::text[])`

/** Statements that name their run are sent to its shards, others as they are. */
export const atRuns =
  (run: Run): Run =>
  async (statement, shape) => {
    const given = bound(statement)
    if (given.run === undefined) return run(statement, shape)
    const rows = await run(callAt(given.run, given), { row: d.text() })
    return d.decodeRows(
      shape,
      rows.map(({ row }) => JSON.parse(row) as Row),
    )
  }

/** A connection whose statements run on the shards of this run. */
export const shardOf = (connection: Connection, run: string): Connection => ({
  query: async ({ text, values = [], types }) => {
    const { rows } = await connection.query({ ...callAt(run, { text, values }), types })
    return { rows: (rows as { row: string }[]).map(({ row }) => JSON.parse(row) as Row) }
  },
})

/** A parameter as the text that PostgreSQL reads. */
function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return `{${value.map(element).join(',')}}`
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function element(value: unknown): string {
  const text = asText(value)
  if (text === null) return 'NULL'
  return Array.isArray(value) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}
