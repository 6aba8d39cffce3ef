import { isUuid } from '../../uuid.ts'
import {
  type Field,
  type FieldType,
  FORMS,
  type Form,
  JSON_NULLS,
  KINDS,
  type Kind,
} from '../export/form.ts'
import { isAfter, timeProblem } from './time.ts'

/** A line that may be sent: what it is, its own id, and the run that it belongs to. */
export interface Checked {
  kind: Kind
  id: string
  run: string | undefined
  /** On one line, without control characters. */
  json: string
}

type Row = Record<string, unknown>

/** What is wrong with a line, in words that follow 'line 17: '. */
export class Invalid extends Error {}

/** @throws Invalid where the line is not one of docs/IMPORT.md */
export function checkLine(text: string): Checked {
  const { kind, row, nulls } = read(text)
  const form = FORMS[kind]
  const signed = form.correction !== undefined && typeof row[form.correction] === 'string'
  let known = 0
  for (const field of form.fields) {
    const value = row[field.name]
    if (value === undefined) checkAbsent(field)
    else {
      known++
      checkValue(field, value, signed)
    }
  }
  if (known < Object.keys(row).length) throw unknownField(form, row)
  checkNulls(form, row, nulls)
  checkSpan(form, row)
  // Only an escape can bring what JSON has and PostgreSQL's text has not.
  if (text.includes('\\u')) checkCharacters(row)
  return {
    kind,
    id: row[form.id] as string,
    run: (row.executionId as string | null | undefined) ?? undefined,
    // Outside of strings, where alone it can stand, a carriage return is but a space.
    json: text.includes('\r') ? text.replaceAll('\r', ' ') : text,
  }
}

function read(text: string): { kind: Kind; row: Row; nulls: unknown } {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (error) {
    throw new Invalid(`is not JSON: ${(error as Error).message}`)
  }
  if (!isObject(line)) throw new Invalid(`is ${shown(line)}, not a JSON object`)
  const { [JSON_NULLS]: nulls, ...rest } = line
  const names = Object.keys(rest)
  const [kind] = names
  if (names.length !== 1 || !isKind(kind)) {
    const found =
      names.length === 0 ? 'has no key' : `has the key ${names.slice(0, 5).map(bare).join(', ')}`
    throw new Invalid(`${found}, not one of ${KINDS.join(', ')}`)
  }
  const row = rest[kind]
  if (!isObject(row)) throw new Invalid(`${kind} is ${shown(row)}, not an object`)
  return { kind, row, nulls }
}

const isKind = (name: string | undefined): name is Kind => KINDS.includes(name as Kind)

const isObject = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function checkAbsent({ name, nullable, default: byDefault }: Field): void {
  if (!nullable && byDefault === undefined) throw new Invalid(`${name} is missing`)
}

function checkValue(field: Field, value: unknown, signed: boolean): void {
  if (value === null) {
    if (!field.nullable) throw new Invalid(`${field.name} is null, and must have a value`)
    return
  }
  const problem = PROBLEMS[signed ? (SIGNED[field.type] ?? field.type) : field.type](value)
  if (problem !== undefined) throw new Invalid(`${field.name} is ${shown(value)}, ${problem}`)
  if (field.values && !field.values.includes(value as string)) {
    throw new Invalid(`${field.name} is ${shown(value)}, not one of ${field.values.join(', ')}`)
  }
}

/** As many digits as PostgreSQL's numeric holds. */
const DECIMAL = /^\d{1,131072}(\.\d{1,16383})?$/
const LARGEST_INTEGER = 2 ** 31 - 1

/** What the amounts and counts of a correction are checked as. */
const SIGNED: Partial<Record<FieldType, FieldType | 'whole'>> = { amount: 'number', count: 'whole' }

/** What is wrong with a value that is not null. */
const PROBLEMS: Record<FieldType | 'whole', (value: unknown) => string | undefined> = {
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
    // A number below the smallest double is 0 here, and keeps its digits on the way to PostgreSQL.
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

function unknownField(form: Form, row: Row): Invalid {
  const names = new Set(form.fields.map(({ name }) => name))
  const unknown = Object.keys(row).find((name) => !names.has(name)) as string
  const article = /^[aeiou]/.test(form.kind) ? 'an' : 'a'
  return new Invalid(`${article} ${form.kind} has no field ${shown(unknown)}`)
}

function checkNulls(form: Form, row: Row, nulls: unknown): void {
  if (nulls === undefined) return
  const fits = (name: unknown) =>
    form.fields.some((field) => field.name === name && field.type === 'json') &&
    row[name as string] === null
  if (!Array.isArray(nulls) || !nulls.every(fits)) {
    throw new Invalid(`${JSON_NULLS} is ${shown(nulls)}, not a list of JSON fields that are null`)
  }
}

function checkSpan({ span }: Form, row: Row): void {
  if (!span) return
  const [start, end] = [row[span[0]], row[span[1]]]
  if (typeof start === 'string' && typeof end === 'string' && isAfter(start, end)) {
    throw new Invalid(`${span[1]} ${end} is before ${span[0]} ${start}`)
  }
}

function checkCharacters(row: Row): void {
  const left: unknown[] = [row]
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

const SHOWN = 60

/** A value of the line, short enough for a message. */
const shown = (value: unknown): string => cut(written(value))

/** The name of a key without its quotes, on one line. */
const bare = (name: string): string => cut(JSON.stringify(name).slice(1, -1))

const cut = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    // What is read at any depth is written by calls within calls, of which there is no such number.
    return Array.isArray(value) ? '[…]' : '{…}'
  }
}
