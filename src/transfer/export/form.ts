import type { ColumnType, TableField } from '../../tables/column.ts'
import { KINDS, type RowKind as Kind, tableOf } from '../../tables/tables.ts'

export { KINDS, type Kind }

export type FieldType = ColumnType

/** A column of a table, as a field of a line. */
export type Field = Pick<TableField, 'name' | 'column' | 'type' | 'nullable' | 'default' | 'values'>

export interface Form {
  kind: Kind
  table: string
  /** In the order of the columns. */
  fields: readonly Field[]
  /** Names of the primary key's fields. */
  key: readonly string[]
  /** The last field of the key: the row's own id. */
  id: string
  /** Two fields of which the second is not before the first. */
  span?: readonly [string, string]
  /** Where this field says which row is corrected, amounts and counts may be below 0. */
  correction?: string
}

function formOf(kind: Kind): Form {
  const { name, fields, ...table } = tableOf(kind)
  return { ...table, kind, table: name, fields: fields.map(withoutDefaultId(table.key)) }
}

/** A line has its id: one without could not be imported twice without making two rows. */
const withoutDefaultId =
  (key: readonly string[]) =>
  ({ default: byDefault, ...field }: TableField): Field =>
    byDefault === undefined || key.includes(field.name) ? field : { ...field, default: byDefault }

/** What a line of an export can be: a row of one of the five tables. Also the order in which lines are imported. */
export const FORMS = Object.fromEntries(KINDS.map((kind) => [kind, formOf(kind)])) as Record<
  Kind,
  Form
>

export const fieldOf = (form: Form, name: string): Field =>
  form.fields.find((field) => field.name === name) as Field

/**
 * Beside the row: the fields that hold JSON's null. A field that says null has no value at all (NULL), which
 * PostgreSQL tells apart from that.
 */
export const JSON_NULLS = 'jsonNull'
