import type pg from 'pg'
import type { TestDatabase } from '../../support/database.ts'
import { createDemo } from '../api/support.ts'

/** Texts as an enemy would choose them, or an accident. */
export const HOSTILE = [
  `"><script>window.hacked = 1</script>`,
  `'"><img src=x onerror="window.hacked = 2"><svg onload=window.hacked=3>`,
  `</title></style></textarea></script><style>body { display: none }</style>`,
  'javascript:window.hacked=4',
  'data:text/html,<script>window.hacked = 5</script>',
  'https://evil.example/?q=" onmouseover="window.hacked=6" style="display:none',
  '\u202egpj.evil \u2066\u0007\u001b[31m\u200b\ufeff\u0001',
  'long '.repeat(1500),
  'x'.repeat(2000),
  '=HYPERLINK("https://evil.example/")',
  '&lt;b&gt; &amp;amp; {{7*7}} %3Cscript%3E',
  'two\r\nlines,\ta;b=c\\ ../../etc/passwd?#&',
]

/** Columns of text that identify something of wfstore itself. */
const OWN = ['wfstore_migrations', 'wfstore_settings']

/**
 * A store with sample data, in which every text and JSON that may be any text is hostile.
 * @returns also the columns that are: 'workflow_executions.user_id'
 */
export async function createHostile(
  label: string,
): Promise<{ database: TestDatabase; columns: string[] }> {
  const database = await createDemo(label)
  const client = await database.connect()
  await client.query(`set session_replication_role = replica; set wfstore.keeps_totals = 'on'`)
  const { rows } = await client.query<{ table: string; column: string; type: string }>(
    `select c.table_name as table, c.column_name as column, c.data_type as type
     from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.is_generated = 'NEVER'
       and c.data_type in ('text', 'jsonb', 'character varying') and c.table_name <> all ($1) order by 1, 2`,
    [OWN],
  )
  const columns: string[] = []
  for (const { table, column, type } of rows) {
    if (await poison(client, table, column, type)) columns.push(`${table}.${column}`)
  }
  await client.query('analyze')
  await client.end()
  return { database, columns }
}

/** False if the column takes only some texts, or has none. A unique column has a different text in each row. */
async function poison(client: pg.Client, table: string, column: string, type: string) {
  const text = `($1::text[])[1 + (('x' || substr(md5(t.ctid::text || '${column}'), 1, 7))::bit(28)::int % cardinality($1::text[]))]`
  const forms =
    type === 'jsonb'
      ? [`jsonb_build_object(${text}, ${text}, 'list', jsonb_build_array(${text}))`]
      : [text, `left(${text}, 150)`, `left(${text}, 150) || t.ctid::text`]
  for (const form of forms) {
    try {
      const { rowCount } = await client.query(
        `update "${table}" t set "${column}" = ${form} where "${column}" is not null`,
        [HOSTILE],
      )
      return (rowCount ?? 0) > 0
    } catch {
      // The next form.
    }
  }
  return false
}
