import type { Column } from '../column.ts'
import { jsonValue } from './json.ts'

/** The exact value for TSV and CSV, before escaping. Empty for null. */
export function plainText<Row>(column: Column<Row>, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (column.kind === 'json' || column.kind === 'rows') return jsonValue(column, value, undefined)
  return String(value)
}
