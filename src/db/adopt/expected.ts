import type { CatalogColumn, Constraint } from '../catalog.ts'
import { readExpected } from '../verify/snapshot.ts'
import { TABLES } from './legacy.ts'

/** The five tables after adoption. */
export interface Expected {
  columns: CatalogColumn[]
  constraints: Constraint[]
}

export async function expectedTables(): Promise<Expected> {
  const { columns, constraints } = await readExpected()
  return { columns: columns.filter(isOfOurs), constraints: constraints.filter(isOfOurs) }
}

const isOfOurs = ({ tableName }: { tableName: string }) =>
  (TABLES as readonly string[]).includes(tableName)
