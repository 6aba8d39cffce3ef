import { audit } from './audit.ts'
import { bills } from './bills.ts'
import type { TableDescription } from './column.ts'
import { executions } from './executions.ts'
import { metrics } from './metrics.ts'
import { steps } from './steps.ts'

/** The tables by the kind of their rows, in the order in which rows are imported: a parent before its children. */
export const TABLES = {
  execution: executions,
  step: steps,
  audit,
  bill: bills,
  metric: metrics,
} as const

export type RowKind = keyof typeof TABLES

export const KINDS = Object.keys(TABLES) as RowKind[]

/** The table of a kind, for code that handles all tables in the same way. */
export const tableOf = (kind: RowKind): TableDescription => TABLES[kind]
