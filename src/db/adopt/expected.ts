import type { Column, Constraint } from '../catalog.ts'
import { readExpected } from '../verify/snapshot.ts'
import { TABLES } from './legacy.ts'

/** What the five tables are to become. */
export interface Expected {
  columns: Column[]
  constraints: Constraint[]
}

export async function expectedTables(): Promise<Expected> {
  const { columns, constraints } = await readExpected()
  return { columns: columns.filter(isOfOurs), constraints: constraints.filter(isOfOurs) }
}

const isOfOurs = ({ tableName }: { tableName: string }) =>
  (TABLES as readonly string[]).includes(tableName)
