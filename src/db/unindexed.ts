import type { Queryable } from './query/connection.ts'
import * as d from './query/decode.ts'
import { query } from './query/query.ts'

/** A foreign key to a table of wfstore whose columns have no index: the server reads the whole table for each deleted row. */
export interface UnindexedKey {
  name: string
  table: string
  /** The statement that creates the index. */
  fix: string
}

const UNINDEXED = `
  select c.conname as name, c.conrelid::regclass::text as table,
    format('create index concurrently on %s (%s)', c.conrelid::regclass,
      (select string_agg(quote_ident(a.attname), ', ' order by n.place)
       from unnest(c.conkey) with ordinality n (number, place)
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = n.number)) as fix
  from pg_constraint c
  where c.contype = 'f' and c.conparentid = 0
    and c.confrelid in (to_regclass('workflow_executions'), to_regclass('workflow_steps'), to_regclass('audit_logs'), to_regclass('observability_metrics'))
    and not exists (
      select from pg_index i where i.indrelid = c.conrelid and i.indisvalid and i.indpred is null
        and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)
  order by 2, 1`

export const readUnindexed = (database: Queryable): Promise<UnindexedKey[]> =>
  query(database, UNINDEXED, { name: d.text(), table: d.text(), fix: d.text() })

export const slowKeyWords = ({ name, table, fix }: UnindexedKey): string =>
  `the foreign key ${name} of ${table} has no index, which makes this cleanup slow; run: ${fix}`
