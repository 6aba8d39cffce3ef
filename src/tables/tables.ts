import { audit } from './audit.ts'
import { bills } from './bills.ts'
import type { Column, TableDescription } from './column.ts'
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

export type Kind = keyof typeof TABLES

export const KINDS = Object.keys(TABLES) as Kind[]

/** Any of the tables, where code treats them alike. */
export const tableOf = (kind: Kind): TableDescription => TABLES[kind]

/** `execution_id` of `executionId`. */
export const columnOf = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** `executionId` of `execution_id`. */
export const fieldOf = (column: string): string =>
  column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

export const fieldsOf = (kind: Kind): [field: string, column: Column][] =>
  Object.entries(tableOf(kind).columns)
