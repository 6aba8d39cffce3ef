import type pg from 'pg'
import { inSchema, readSnapshot, type Snapshot } from '../../src/db/verify/snapshot.ts'
import { SEQUENCE_WORDS, TABLE_WORDS, VIEW_WORDS } from './schema-words.ts'

/** The text of docs/SCHEMA-REFERENCE.md for this database. It is the same for PostgreSQL 15 to 18. */
export async function schemaReference(client: pg.Client): Promise<string> {
  const { rows: relations } = await client.query<{ name: string; kind: string }>(
    `select relname as name, relkind::text as kind from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm') order by relname`,
  )
  const of = (kinds: string) =>
    relations.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name)
  const functions = await client.query<{ name: string }>(
    `select proname as name from pg_proc where pronamespace = 'public'::regnamespace order by proname`,
  )
  const names = {
    tables: inOrder(of('rp'), Object.keys(TABLE_WORDS)),
    sequences: Object.keys(SEQUENCE_WORDS),
    views: inOrder(of('vm'), Object.keys(VIEW_WORDS)),
    functions: functions.rows.map(({ name }) => name),
  }
  const snapshot = await inSchema(client, 'public', () => readSnapshot(client, 'public', names))
  const comments = await readComments(client)
  const columns = await client.query<{ name: string; column: string }>(
    `select attrelid::regclass::text as name, attname as column from pg_attribute
     where attnum > 0 and not attisdropped and attrelid = any ($1::regclass[]) order by attnum`,
    [names.tables],
  )
  const order = columns.rows.map(({ name, column }) => `${name}.${column}`)
  const parts = [
    HEAD,
    ...names.tables.map((table) => tableText(table, { snapshot, comments, order })),
    ...names.views.map((view) => viewText(view, snapshot)),
    `## Sequences\n\n${snapshot.sequences.map(({ name }) => `- \`${name}\`: ${SEQUENCE_WORDS[name]}`).join('\n')}`,
    `## Functions\n\n${names.functions.map((name) => `- \`${name}\``).join('\n')}`,
  ]
  return `${parts.join('\n\n')}\n`
}

const HEAD = `# Schema reference

Every table, column, constraint, index, trigger and view of a migrated database. [SCHEMA.md](SCHEMA.md) explains them and lists
the query of each index. \`npm run docs:schema\` generates this page, and a test compares it.`

interface Facts {
  snapshot: Snapshot
  comments: Map<string, string>
  /** table.column, in the order of the tables. */
  order: string[]
}

function tableText(table: string, { snapshot, comments, order }: Facts): string {
  const words = TABLE_WORDS[table] as Record<string, string>
  const mine = <T extends { tableName: string }>(rows: T[]) =>
    rows.filter(({ tableName }) => tableName === table)
  const place = (name: string) => order.indexOf(`${table}.${name}`)
  const columns = mine(snapshot.columns).sort((a, b) => place(a.name) - place(b.name))
  const rows = columns.map((column) => [
    `\`${column.name}\``,
    `\`${column.type}\``,
    column.notNull ? 'not null' : '',
    column.identity ? 'identity' : column.defaultValue === null ? '' : `\`${column.defaultValue}\``,
    meaning(column.name, words, comments.get(`${table}.${column.name}`)),
  ])
  const gone = Object.keys(words).filter((name) => name !== '' && place(name) < 0)
  if (gone.length > 0)
    throw new Error(`schema-words.ts describes ${table}.${gone}, which does not exist`)
  const parts = [
    ...mine(snapshot.constraints).map(({ name, definition }) => `- \`${name}\`: \`${definition}\``),
    ...mine(snapshot.indexes).map(
      ({ name, unique, shape }) => `- \`${name}\`: ${unique ? 'unique ' : ''}index \`${shape}\``,
    ),
    ...mine(snapshot.triggers).map(({ name, shape }) => `- \`${name}\`: trigger \`${shape}\``),
  ]
  const head = ['column', 'type', '', 'default', 'description']
  return [`## ${table}`, words[''], markdownTable([head, ...rows]), parts.join('\n')].join('\n\n')
}

function meaning(name: string, words: Record<string, string>, comment: string | undefined): string {
  if ((words[name] === undefined) === (comment === undefined))
    throw new Error(
      `${name} needs either a comment in the database or a description in schema-words.ts`,
    )
  return comment ?? (words[name] as string)
}

function viewText(name: string, { views }: Snapshot): string {
  const view = views.find((each) => each.name === name)
  if (!view) throw new Error(`no view ${name}`)
  const columns = view.columns.split(', ').map((column) => {
    const [, called, type] = /^(\S+) (.+)$/.exec(column) ?? []
    return [`\`${called}\``, `\`${type}\``]
  })
  return [
    `## ${name}`,
    VIEW_WORDS[name],
    markdownTable([['column', 'type'], ...columns]),
    `\`\`\`sql\n${view.definition}\n\`\`\``,
  ].join('\n\n')
}

function markdownTable([head = [], ...rows]: string[][]): string {
  const widths = head.map((_, i) =>
    Math.max(3, ...[head, ...rows].map((row) => (row[i] ?? '').length)),
  )
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] as number)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

async function readComments(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; comment: string }>(
    `select c.relname || '.' || a.attname as name, col_description(c.oid, a.attnum) as comment
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and col_description(c.oid, a.attnum) is not null`,
  )
  return new Map(rows.map(({ name, comment }) => [name, comment]))
}

/** The relations in the order of the page. A relation that is missing on one side is an error. */
function inOrder(there: string[], known: string[]): string[] {
  const unknown = there.filter((name) => !known.includes(name))
  const gone = known.filter((name) => !there.includes(name))
  if (unknown.length + gone.length > 0)
    throw new Error(
      `schema-words.ts: not described: ${unknown.join(', ') || 'none'}; no longer exists: ${gone.join(', ') || 'none'}`,
    )
  return known
}
