import type pg from 'pg'
import {
  type CatalogColumn,
  type Constraint,
  type FunctionText,
  type Index,
  readColumns,
  readConstraints,
  readFunctionTexts,
  readIndexes,
  readRelations,
  readTriggers,
  readViews,
  type Trigger,
  type View,
} from '../catalog.ts'
import type { Layout } from '../distributed/layout.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { literal, quote, sql } from '../query/sql.ts'
import { rollback, run } from '../query/transaction.ts'

/** A schema as read from the catalogs, in the same form for PostgreSQL 15 to 18. */
export interface Snapshot {
  tables: { name: string; persistent: boolean }[]
  sequences: { name: string }[]
  columns: CatalogColumn[]
  constraints: Constraint[]
  indexes: Index[]
  triggers: Trigger[]
  functions: FunctionText[]
  views: View[]
}

export interface SnapshotNames {
  tables: readonly string[]
  sequences: readonly string[]
  functions: readonly string[]
  views: readonly string[]
}

/**
 * The schema that the migrations create. It is a file and not a scratch schema, because `verify` must work on a standby
 * and for a role without privileges. test/db/verify/snapshot.test.ts compares it with the migrations.
 */
export async function readExpected(layout: Layout = 'single'): Promise<Snapshot> {
  const { default: expected } = await import('./expected.json', { with: { type: 'json' } })
  const single = {
    ...expected,
    constraints: expected.constraints as Constraint[],
    functions: expected.functions.map(withText),
    views: expected.views.map(withText),
  }
  if (layout === 'single') return single
  const { default: other } = await import('./expected-distributed.json', { with: { type: 'json' } })
  const dropped = new Set(other.dropped)
  const changed = <T extends { name: string; tableName?: string }>(
    rows: T[],
    changes: T[],
  ): T[] => {
    const names = new Set(changes.map(nameIn))
    return [
      ...rows.filter((row) => !dropped.has(nameIn(row)) && !names.has(nameIn(row))),
      ...changes,
    ]
  }
  return {
    ...single,
    columns: changed(single.columns, other.columns),
    constraints: changed(single.constraints, other.constraints as Constraint[]),
    triggers: changed(single.triggers, other.triggers),
    functions: changed(single.functions, other.functions.map(withText)),
  }
}

/** 'billing_records.cost', or the name of a function. */
export const nameIn = ({ tableName, name }: { tableName?: string; name: string }): string =>
  tableName === undefined ? name : `${tableName}.${name}`

/** In the file a definition is a list of lines, so that its diff is readable. */
const withText = <T extends { definition: string[] }>(row: T) => ({
  ...row,
  definition: row.definition.join('\n'),
})

/** Runs `work` in a read-only transaction with the schema as search path, then restores the session. */
export async function inSchema<T>(
  client: pg.Client,
  schema: string,
  work: () => Promise<T>,
): Promise<T> {
  await run(client, 'begin transaction isolation level read committed, read only')
  try {
    // A pooler may have dropped what our connections set.
    await run(
      client,
      `set local search_path to ${quote(schema)}; set local quote_all_identifiers = off; set local row_security = off`,
    )
    return await work()
  } finally {
    await rollback(client)
  }
}

/** Reads these objects of a schema. Call it inside `inSchema`. */
export async function readSnapshot(
  client: pg.Client,
  schema: string,
  names: SnapshotNames,
): Promise<Snapshot> {
  const relations = await readRelations(client, schema, names.tables)
  const tables = relations
    .filter(({ kind }) => kind === 'r')
    .map(({ name, persistent }) => ({ name, persistent }))
  const sequences = (await readRelations(client, schema, names.sequences))
    .filter(({ kind }) => kind === 'S')
    .map(({ name }) => ({ name }))
  const present = tables.map(({ name }) => name)
  const [quoted] = await query(client, sql`select quote_ident(${schema}) as schema`, {
    schema: d.text(),
  })
  const prefix = `${quoted?.schema}.`
  const functions = await readFunctionTexts(client, schema, names.functions)
  const views = await readViews(client, schema, names.views)
  const bare = <T extends object>(rows: T[]) => rows.map((row) => withoutPrefix(row, prefix))
  return {
    tables,
    sequences,
    columns: bare(await readColumns(client, schema, present)),
    constraints: bare(await readConstraints(client, schema, present)),
    indexes: bare(await readIndexes(client, schema, present)),
    triggers: (await readTriggers(client, schema, present)).map((trigger) => ({
      ...trigger,
      // In the condition `new.` is a row, also if the schema has this name.
      shape: trigger.shape
        .split(/( WHEN \(.*\)(?= EXECUTE FUNCTION ))/s)
        .map((part, index) => (index % 2 === 1 ? part : withoutPrefix({ part }, prefix).part))
        .join(''),
    })),
    functions: functions.map((found) => ({
      ...found,
      definition:
        found.arguments === ''
          ? // Only the first match: in the body `new.` may be a row and not a schema.
            found.definition.replace(prefix, '')
          : bodyOf(withoutPrefix(found, prefix).definition)
              .replaceAll(literal(quote(schema)), ':schema')
              .replaceAll(literal(schema), ':schema'),
    })),
    views: bare(views).map((view) => ({ ...view, definition: unqualified(view.definition) })),
  }
}

/** If the role may not use the schema, the search path skips it and the server adds its name everywhere. */
function withoutPrefix<T extends object>(row: T, prefix: string): T {
  const pattern = new RegExp(`(?<![\\w."$])${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, 'g')
  const entries = Object.entries(row).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.replace(pattern, '') : value,
  ])
  return Object.fromEntries(entries) as T
}

/** A quoted body is printed as it was written. */
const bodyOf = (definition: string): string =>
  /^AS \$function\$/m.test(definition) ? definition : unqualified(definition)

/**
 * In a view or a function of SQL PostgreSQL 15 prints the table of every column, 18 only if needed. Names of schemas stay: before a table
 * after FROM or JOIN, a type, a function.
 */
function unqualified(definition: string): string {
  return definition.replace(
    /(?<!(?:\b(?:FROM|JOIN)\s+\(*|::))\b[a-z_]\w*\.(?="|[a-z_]\w*\b(?!\())/g,
    '',
  )
}
