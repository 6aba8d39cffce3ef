import { WfstoreError } from '../../error.ts'
import type { ColumnDescription, ColumnType } from '../../tables/column.ts'
import {
  amountOf,
  booleanOf,
  countOf,
  decimalOf,
  integerOf,
  jsonOf,
  keyTextOf,
  monthOf,
  nameOf,
  objectOf,
  oneOf,
  requiredText,
  tagsOf,
  textOf,
  timeOf,
  uuidOf,
} from './validate.ts'

/** A value as it is sent to the server. */
export type Sent = string | number | boolean | null

type Check = (name: string, value: unknown) => Sent

/** The functions of validate.ts check the type at run time, so that they take any value. */
const check =
  <T>(of: (name: string, value: T) => Sent): Check =>
  (name, value) =>
    of(name, value as T)

const CHECKS: Record<ColumnType | 'name' | 'key' | 'month' | 'object' | 'tags', Check> = {
  uuid: check(uuidOf),
  text: check(textOf),
  name: check(nameOf),
  key: check(keyTextOf),
  month: check(monthOf),
  object: check(objectOf),
  tags: check(tagsOf),
  time: check(timeOf),
  count: check(countOf),
  integer: check(integerOf),
  amount: check(amountOf),
  number: check(decimalOf),
  boolean: check(booleanOf),
  json: check(jsonOf),
}

/** The value to send for a column. @throws WfstoreError usage for an invalid value */
export function sendable(column: ColumnDescription, name: string, value: unknown): Sent {
  if (value === null) {
    if (column.nullable) return null
    throw new WfstoreError('usage', `${name} is null and must have a value`)
  }
  if (column.values) return oneOf(name, value as string, column.values)
  return CHECKS[column.rule ?? column.type](name, value)
}

/** The value of a filter. Rows of an adopted database may have longer names than a new row may have. */
export const filterValue = (column: ColumnDescription, name: string, value: unknown): Sent =>
  column.rule === 'name' && value !== null
    ? requiredText(name, value as string)
    : sendable(column, name, value)

/** The value that the recorder sends: NULL if it is left out, JSON's null for null in a JSON column. */
export function given(column: ColumnDescription, name: string, value: unknown): Sent {
  const isGiven = column.type === 'json' ? value !== undefined : (value ?? null) !== null
  if (isGiven) return CHECKS[column.rule ?? column.type](name, value)
  if (column.nullable || column.hasDefault) return null
  throw new WfstoreError('usage', `${name} is missing`)
}
