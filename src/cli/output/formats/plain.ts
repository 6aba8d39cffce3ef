import type { Column } from '../column.ts'
import { jsonValue } from './json.ts'

/** A value as TSV and CSV have it before they escape it: whole and exact. Empty when there is none. */
export function plainText<Row>(column: Column<Row>, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (column.kind === 'json' || column.kind === 'rows') return jsonValue(column, value, undefined)
  return String(value)
}
