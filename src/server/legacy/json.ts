import { LAST_OLD_COLUMN } from '../../db/adopt/legacy.ts'
import type { ColumnType, TableDescription, TableField } from '../../tables/column.ts'

/** JSON as text: amounts and JSON columns keep every digit. */

/** Members with their values, which are JSON. */
export const object = (members: readonly (readonly [string, string])[]): string =>
  `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`

export const array = (values: readonly string[]): string => `[${values.join(',')}]`

export type RowJson = (row: Record<string, unknown>) => string

/** A row of a table as the old application gave it: its own columns, by their names in SQL. */
export function oldRow(table: TableDescription, without: readonly string[] = []): RowJson {
  const last = table.fields.findIndex(({ column }) => column === LAST_OLD_COLUMN[table.name])
  const fields = table.fields.slice(0, last + 1).filter(({ column }) => !without.includes(column))
  return (row) => object(fields.map((field) => [field.column, jsonOf(field, row[field.name])]))
}

function jsonOf({ type }: TableField, value: unknown): string {
  if (value === null) return 'null'
  return (FORMS[type] ?? JSON.stringify)(String(value))
}

const itself = (text: string) => text

const FORMS: Partial<Record<ColumnType, (text: string) => string>> = {
  time: (text) => JSON.stringify(toMilliseconds(text)),
  // The old columns were numeric(10,6) and numeric(15,4).
  amount: (text) => `"${padded(text, 6)}"`,
  number: (text) => `"${padded(text, 4)}"`,
  count: itself,
  integer: itself,
  boolean: itself,
  json: itself,
}

/** Cut, as in a Date. Infinity is no time in JSON. */
const toMilliseconds = (time: string): string | null =>
  time.endsWith('infinity') ? null : time.replace(/(\.\d{3})\d+Z$/, '$1Z')

/** With at least this number of decimal places. */
function padded(decimal: string, places: number): string {
  const [whole = '', fraction = ''] = decimal.split('.')
  return `${whole}.${fraction.padEnd(places, '0')}`
}
