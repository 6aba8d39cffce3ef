import type pg from 'pg'
import { formatBytes, plural } from '../../numbers.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { TABLES } from './legacy.ts'

export interface TableSize {
  table: string
  rows: number
  /** For a very large table `rows` is the estimate of the server. */
  estimated: boolean
  /** Includes indexes and out-of-line values. */
  bytes: number
}

/** Counting a table of this size takes about one second. */
const COUNTED_BYTES = 2 ** 30

export async function readSizes(client: pg.Client, schema: string): Promise<TableSize[]> {
  const found = await query(
    client,
    sql`select c.relname as name, pg_total_relation_size(c.oid) as bytes, pg_relation_size(c.oid) as heap_bytes,
            c.reltuples::bigint as rows
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = ${schema} and c.relname = any(${TABLES}::text[])
     order by array_position(${TABLES}::text[], c.relname::text)`,
    { name: d.text(), bytes: d.count(), heapBytes: d.count(), rows: d.count() },
  )
  const sizes: TableSize[] = []
  for (const { name, bytes, heapBytes, rows } of found) {
    const estimated = heapBytes > COUNTED_BYTES && rows > 0
    sizes.push({
      table: name,
      bytes,
      estimated,
      rows: estimated ? rows : await countOf(client, name),
    })
  }
  return sizes
}

async function countOf(client: pg.Client, table: string): Promise<number> {
  const [row] = await query(client, `select count(*) as rows from ${table}`, {
    rows: d.count(),
  })
  return row?.rows ?? 0
}

export function describeSize({ table, rows, estimated, bytes }: TableSize): string {
  return `${table} ${estimated ? 'about ' : ''}${plural(rows, 'row')}, ${formatBytes(bytes)}`
}
