import type pg from 'pg'
import { WfstoreError } from '../error.ts'
import type { Queryable } from './query/connection.ts'
import * as d from './query/decode.ts'
import { query } from './query/query.ts'
import { raw, sql } from './query/sql.ts'

const behindShape = {
  table: d.text(),
  behind: d.boolean(),
  maySet: d.boolean(),
  statement: d.text(),
}
/** A table whose sequence would give an id that a row has. */
export type Behind = Pick<d.RowOf<typeof behindShape>, 'table' | 'maySet' | 'statement'>

/**
 * The tables whose identity sequence is behind their rows. Logical replication and a load of data alone do not copy the value of a
 * sequence, so after a move to another server the next insert fails with a duplicate key. A role without a privilege on a sequence
 * cannot read its value: for it the table is not listed.
 */
export async function readBehind(db: Queryable, tables: readonly string[]): Promise<Behind[]> {
  const found = await query(
    db,
    sql`select c.relname as table, c.oid::regclass::text as qualified, quote_ident(a.attname) as column, s.oid::regclass::text as sequence,
       has_sequence_privilege(s.oid, 'UPDATE') as may_set
     from unnest(${tables}::text[]) as t (name) join pg_class c on c.oid = to_regclass(quote_ident(t.name))
     join pg_attribute a on a.attrelid = c.oid and a.attidentity <> ''
     join pg_class s on s.oid = pg_get_serial_sequence(c.oid::regclass::text, a.attname)::regclass
     where has_table_privilege(c.oid, 'SELECT') and has_sequence_privilege(s.oid, 'USAGE, SELECT')
     order by c.relname`,
    {
      table: d.text(),
      qualified: d.text(),
      column: d.text(),
      sequence: d.text(),
      maySet: d.boolean(),
    },
  )
  const behind: Behind[] = []
  for (const { table, qualified, column, sequence, maySet } of found) {
    // pg_sequence_last_value is NULL for a sequence that was not used.
    const statement = `select setval('${sequence.replaceAll("'", "''")}', (select max(${column}) from ${qualified}))`
    const [row] = await query(
      db,
      sql`select coalesce(max(${raw(column)}) > coalesce(pg_sequence_last_value(${sequence}::regclass), 0), false) as behind from ${raw(qualified)}`,
      { behind: d.boolean() },
    )
    if (row?.behind) behind.push({ table, maySet, statement })
  }
  return behind
}

/**
 * Sets the sequences of these tables to their last row. No other session may insert rows meanwhile.
 * @throws WfstoreError conflict if this role may not set them
 */
export async function advanceSequences(
  client: pg.ClientBase,
  tables: readonly string[],
): Promise<string[]> {
  const behind = await readBehind(client, tables)
  const refused = behind.filter(({ maySet }) => !maySet)
  if (refused.length > 0) {
    throw new WfstoreError(
      'conflict',
      `the sequence of ${refused.map(({ table }) => table).join(' and ')} is behind its rows, as after logical replication to another server`,
      { hint: `as the owner run: ${refused.map(({ statement }) => statement).join('; ')}` },
    )
  }
  for (const { statement } of behind) await query(client, statement, {})
  return behind.map(({ table }) => table)
}
