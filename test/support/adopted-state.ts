import type { TestDatabase } from './database.ts'
import { schemaOf } from './migrate.ts'

export const TABLES = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'observability_metrics',
  'billing_records',
]
/** The objects without the order of the columns, which a copied column loses. */
export async function objectsOf(database: TestDatabase): Promise<string> {
  const lines = (await schemaOf(database)).split('\n')
  const parts: string[][] = [[]]
  for (const line of lines) {
    const columns = parts.at(-1) as string[]
    if (line.startsWith('  column ')) columns.push(line)
    else parts.push([...columns.splice(0).sort(), line], [])
  }
  return parts.flat().join('\n')
}

/** Every row of the five tables, without the order of their columns. */
async function rowsOf(database: TestDatabase) {
  const rows: Record<string, unknown[]> = {}
  await database.sql(`set timezone = 'UTC'`)
  for (const table of TABLES) {
    const found = await database.sql(`select to_jsonb(t)::text as row from ${table} t order by 1`)
    rows[table] = found.map(({ row }) => row)
  }
  return rows
}

const notNulls = (database: TestDatabase) =>
  database.sql(
    `select conrelid::regclass::text as table, conname from pg_constraint
     where contype = 'n' and conrelid = any($1::regclass[]) order by 1, 2`,
    [TABLES],
  )

/** What two ways of adoption leave the same. */
export const stateOf = async (database: TestDatabase) => ({
  objects: await objectsOf(database),
  rows: await rowsOf(database),
  names: await notNulls(database),
})
export type State = Awaited<ReturnType<typeof stateOf>>
