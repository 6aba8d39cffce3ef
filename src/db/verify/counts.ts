import type pg from 'pg'
import { layoutOf } from '../distributed/cluster.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { quote, raw, type Statement, sql } from '../query/sql.ts'
import { inSchema, readExpected } from './snapshot.ts'

export interface TableCount {
  table: string
  /** NULL if this role may not read the table, or a policy hides rows, and the server has no estimate. */
  rows: number | null
  estimated: boolean
  /** Includes indexes and out-of-line values. */
  bytes: number
}

/** A table with more rows is estimated. */
const COUNTED_ROWS = 1_000_000

/** The smallest row of ours, for tables without an estimate of the server. */
const LEAST_ROW_BYTES = 100

/** The number of pages that are sampled if the server has no estimate. */
const SAMPLED_PAGES = 1000

const PAGE_BYTES = 8192

const tableShape = {
  table: d.text(),
  bytes: d.count(),
  heapBytes: d.count(),
  /** The number of rows at the last VACUUM or ANALYZE, scaled to the current size. */
  estimate: d.nullable(d.number()),
  readable: d.boolean(),
}

/** The number of rows of our tables: exact up to a million, otherwise estimated. It locks and changes nothing. */
export async function countRows(client: pg.Client, schema: string): Promise<TableCount[]> {
  const expected = await readExpected()
  const names = expected.tables.map(({ name }) => name)
  const distributed = (await layoutOf(client, schema)) === 'distributed'
  // The shell of a distributed table is empty.
  const size = (name: string) =>
    distributed
      ? raw(
          `case when c.oid in (select logicalrelid from pg_dist_partition) then citus_${name}(c.oid) else pg_${name}(c.oid) end`,
        )
      : raw(`pg_${name}(c.oid)`)
  return inSchema(client, schema, async () => {
    const tables = await query(
      client,
      sql`select c.relname as table, ${size('total_relation_size')} as bytes, ${size('relation_size')} as heap_bytes,
              case when c.reltuples > 0 and c.relpages > 0
                   then c.reltuples::float8 / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::bigint)
                   when c.reltuples > 0 then c.reltuples::float8
              end as estimate,
              has_schema_privilege(c.relnamespace, 'usage') and has_table_privilege(c.oid, 'select')
                and not row_security_active(c.oid) as readable
       from pg_class c
       where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${names}::text[])
         and c.relkind = 'r'
       order by c.relname`,
      tableShape,
    )
    const counts: TableCount[] = []
    for (const { table, bytes, heapBytes, estimate, readable } of tables) {
      const small = (estimate ?? heapBytes / LEAST_ROW_BYTES) < COUNTED_ROWS
      const from = `${quote(schema)}.${table}`
      const rows = async () => {
        if (readable && small) return rowsOf(client, `select count(*) as rows from ${from}`)
        if (estimate !== null || !readable) return estimate && Math.round(estimate)
        const part = Math.min(1, (SAMPLED_PAGES * PAGE_BYTES) / heapBytes)
        const sample = sql`select count(*) as rows from ${raw(from)} tablesample system (${part * 100}) repeatable (0)`
        return Math.round((await rowsOf(client, sample)) / part)
      }
      counts.push({ table, rows: await rows(), estimated: !(readable && small), bytes })
    }
    return counts
  })
}

async function rowsOf(client: pg.Client, statement: Statement): Promise<number> {
  const [row] = await query(client, statement, { rows: d.count() })
  return row?.rows ?? 0
}
