import {
  type ColumnType,
  isMonth,
  isTooLong,
  LONGEST_NAME,
  type TableField,
} from '../../tables/column.ts'
import { isUuid } from '../../uuid.ts'
import { checkBillLines } from '../lines/bill-lines.ts'
import { bare, Invalid, shown } from '../lines/invalid.ts'
import type { ParsedLine } from '../lines/parse.ts'
import { rawFields } from '../lines/raw.ts'
import { timeProblem } from './time.ts'

/** @throws Invalid where the values of the row are not those of docs/IMPORT.md */
export function checkRow({ table, row, extra, lines, text }: ParsedLine): void {
  const { kind, fields, key, correction } = table
  const signed = correction !== undefined && typeof row[correction] === 'string'
  const rawOf = () => rawFields(text, kind)
  for (const field of fields) {
    const value = row[field.name]
    // A row of an old store may end before it starts, and its export must be importable.
    const anySign = signed || field.name === 'durationMs'
    if (value === undefined) checkAbsent(field, key)
    else if (!isLargeCount(field, value, anySign, rawOf)) checkValue(field, value, anySign)
  }
  if (lines !== undefined) checkBillLines(lines)
  // Only an escape can bring a character that JSON has and PostgreSQL's text does not have.
  if (text.includes('\\u')) checkCharacters([row, extra, lines])
}

/**
 * A number beyond 2^53 is rounded in JavaScript, but the server gets its digits.
 * @throws Invalid where they are no whole number of the database
 */
function isLargeCount(
  { name, type }: TableField,
  value: unknown,
  signed: boolean,
  raw: () => Map<string, string>,
): boolean {
  if (type !== 'count' || typeof value !== 'number' || Number.isSafeInteger(value)) return false
  const digits = raw().get(name) ?? ''
  const exact = WHOLE.test(digits) ? BigInt(digits) : null
  if (exact !== null && BigInt.asIntN(64, exact) === exact && (signed || exact >= 0n)) return true
  throw new Invalid(`${name} is ${bare(digits)}, not a whole number from 0 to 2^63 - 1`)
}

const WHOLE = /^-?\d{1,19}$/

/** A line without an id could not be imported twice without making two rows. */
function checkAbsent({ name, nullable, hasDefault }: TableField, key: readonly string[]): void {
  if (key.includes(name) || !(nullable || hasDefault)) throw new Invalid(`${name} is missing`)
}

function checkValue(field: TableField, value: unknown, signed: boolean): void {
  if (value === null) {
    if (!field.nullable) throw new Invalid(`${field.name} is null, and must have a value`)
    return
  }
  const problem = PROBLEMS[signed ? (SIGNED[field.type] ?? field.type) : field.type](value)
  if (problem !== undefined) throw new Invalid(`${field.name} is ${shown(value)}, ${problem}`)
  if (field.rule === 'month' && !isMonth(value as string)) {
    throw new Invalid(`${field.name} is ${shown(value)}, not a month such as 2024-12`)
  }
  if ((field.rule === 'name' || field.rule === 'key') && isTooLong(value as string)) {
    throw new Invalid(`${field.name} is longer than ${LONGEST_NAME} bytes, which no index can hold`)
  }
  if (field.values && !field.values.includes(value as string)) {
    throw new Invalid(`${field.name} is ${shown(value)}, not one of ${field.values.join(', ')}`)
  }
}

/** As many digits as PostgreSQL's numeric holds. */
const DECIMAL = /^\d{1,131072}(\.\d{1,16383})?$/
const LARGEST_INTEGER = 2 ** 31 - 1

/** How the amounts and counts of a correction are checked. */
const SIGNED: Partial<Record<ColumnType, ColumnType | 'whole'>> = {
  amount: 'number',
  count: 'whole',
}

/** What is wrong with a value that is not null. */
const PROBLEMS: Record<ColumnType | 'whole', (value: unknown) => string | undefined> = {
  uuid: (value) => (typeof value === 'string' && isUuid(value) ? undefined : 'not a UUID'),
  text: (value) => (typeof value === 'string' ? undefined : 'not a text'),
  time: timeProblem,
  count: (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'not a whole number from 0',
  integer: (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST_INTEGER
      ? undefined
      : 'not a whole number from 0 to 2147483647',
  amount: (value) =>
    // A number below the smallest double is 0 here, and PostgreSQL gets all its digits.
    (typeof value === 'number' && value >= 0 && !Object.is(value, -0)) ||
    (typeof value === 'string' && DECIMAL.test(value))
      ? undefined
      : 'not an amount in US dollars, 0 or more',
  number: (value) =>
    typeof value === 'number' ||
    (typeof value === 'string' && DECIMAL.test(value.replace(/^-/, '')))
      ? undefined
      : 'not a number',
  whole: (value) => (Number.isSafeInteger(value) ? undefined : 'not a whole number'),
  boolean: (value) => (typeof value === 'boolean' ? undefined : 'not true or false'),
  json: () => undefined,
}

function checkCharacters(values: unknown[]): void {
  const left = [...values]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value === 'string') {
      if (value.includes('\0')) throw new Invalid('holds the character U+0000')
      if (/\p{Surrogate}/u.test(value)) throw new Invalid('holds half of a surrogate pair')
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) left.push(name, inner)
    }
  }
}
