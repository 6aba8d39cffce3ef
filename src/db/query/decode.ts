import { WfstoreError } from '../../error.ts'
import { type Columns, type ColumnType, columnOf } from '../../tables/column.ts'
import type { Count, JsonValue, ReadValue } from '../../tables/types.ts'
import { runOrNull } from '../distributed/layout.ts'

/**
 * Rows come from PostgreSQL as text and are decoded once, here. pg would return numeric and bigint as strings, round
 * microseconds and read dates in local time.
 */
export type Decoder<T> = (text: string, column: string, form: JsonForm) => T

/**
 * How the JSON columns of a table are read: as values, or as their text, in which numbers have all digits, for the command
 * line. The text is itself a JSON value, a string.
 */
export type JsonForm = 'value' | 'text'

export interface Field<T> {
  decode: Decoder<T>
  /** If not set, NULL is an error. */
  nullable?: boolean
  /** SQL of the value, if it is not the column of the same name. */
  sql?: string
  /** SQL of the value of the column, if the column has another one. */
  asValue?: (column: string) => string
  /** SQL that converts the value to the text that `decode` reads, if the usual text is not suitable. */
  asText?: (value: string) => string
  /** The order of the values depends on a collation. */
  isText?: true
  /** The values have no order. */
  unordered?: true
  /** The name of the column in a result, if it is not that of the field. */
  column?: string
}

/** The fields of a row by their camelCase names. `executionId` is the column `execution_id`. */
export type Shape = Record<string, Field<unknown>>

export type RowOf<S extends Shape> = { [K in keyof S]: S[K] extends Field<infer T> ? T : never }

const field = <T>(decode: Decoder<T>) => {
  const make = (sql?: string): Field<T> => (sql === undefined ? { decode } : { decode, sql })
  return make
}

export const text = (sql?: string): Field<string> => ({
  ...field((value) => value)(sql),
  isText: true,
})
/** A text of which the database holds, or the query makes, only these words. */
export const word = <T extends string>(sql?: string): Field<T> => text(sql) as Field<T>
export const uuid = field((value) => value)
/** The execution of a row that may have none. */
export const runOrNone = (): Field<string | null> => ({
  ...nullable(uuid()),
  asValue: runOrNull,
})
export const amount = field((value) => value)
/** In JSON a time is ISO 8601, for any DateStyle of the session. */
export const time = (sql?: string): Field<string> => ({
  ...field(decodeTime)(sql),
  asText: (value) => `to_json(${value}) #>> '{}'`,
})
/** A number of rows, bytes and the like: below 2^53. */
export const count = field(decodeCount)
/** A count that was given, or a sum of such counts: any whole number. */
export const total = field(decodeTotal)
export const number = field(decodeNumber)
export const boolean = field((value) => value === 't' || value === 'true')
/** A JSON column of a table. */
export const json = (sql?: string): Field<JsonValue> => ({
  ...field((value, _, form) => (form === 'text' ? value : (JSON.parse(value) as JsonValue)))(sql),
  // A row of a shard is JSON: in it, a JSON text and a text would be the same.
  asText: (value) => `(${value})::text`,
  unordered: true,
})
/** JSON that a query has made, as text. */
export const jsonText = field((value) => value)
/** An array of texts. */
export const texts = (value: string): Field<string[]> => ({
  decode: (text) => JSON.parse(text),
  unordered: true,
  sql: value,
  asText: (array) => `to_json(${array})`,
})
/** Rows inside a row: an array of what `jsonArrayOf` makes. */
export const rows = <S extends Shape>(shape: S): Field<RowOf<S>[]> => ({
  decode: (text, _, form) => decodeArrays(shape, JSON.parse(text), form),
})

export function nullable<T>(inner: Field<T>): Field<T | null> {
  return { ...inner, nullable: true }
}

const FIELDS: Record<ColumnType, () => Field<unknown>> = {
  uuid,
  text,
  time,
  count: total,
  integer: count,
  amount,
  number: amount,
  boolean,
  json,
}

export type ShapeOf<C extends Columns> = { -readonly [Name in keyof C]: Field<ReadValue<C[Name]>> }

/** The shape of columns of a table. */
export function shapeOf<const C extends Columns>(columns: C): ShapeOf<C> {
  const shape = Object.entries(columns).map(([name, { type, nullable: isNullable }]) => {
    const inner = FIELDS[type]()
    if (name === 'executionId' && isNullable) return [name, runOrNone()]
    return [name, isNullable ? nullable(inner) : inner]
  })
  return Object.fromEntries(shape)
}

/** The select list of a shape, every column qualified by `alias`. */
export function selectList(shape: Shape, alias: string): string {
  return Object.entries(shape)
    .map(([name, field]) => `${textSql(name, field, alias)} as ${columnOf(name)}`)
    .join(', ')
}

/** The values of a shape as one JSON array of texts. It keeps a row inside a row exact. */
export function jsonArrayOf(shape: Shape, alias: string): string {
  const values = Object.entries(shape).map(
    ([name, field]) => `(${textSql(name, field, alias)})::text`,
  )
  return `json_build_array(${values.join(', ')})`
}

/** SQL of the value of a field. */
export function valueSql(name: string, { sql, asValue }: Field<unknown>, alias: string): string {
  const value = sql ?? `${alias}.${columnOf(name)}`
  return asValue ? asValue(value) : value
}

/** SQL of the text that the field decodes. */
function textSql(name: string, field: Field<unknown>, alias: string): string {
  const value = valueSql(name, field, alias)
  return field.asText ? field.asText(value) : value
}

type RawRow = Record<string, string | null>

/**
 * The rows of a result, by the column names of the shape.
 * @throws WfstoreError failed for an invalid value, null in a field that is not nullable, and a missing column
 */
export function decodeRows<S extends Shape>(
  shape: S,
  rows: readonly RawRow[],
  form: JsonForm = 'value',
): RowOf<S>[] {
  // The column names are made once, because a list needs them for each row.
  const fields = Object.entries(shape).map(([name, { column, decode, nullable = false }]) => ({
    name,
    column: column ?? columnOf(name),
    decode,
    nullable,
  }))
  return rows.map((raw, index) => {
    const row: Record<string, unknown> = {}
    try {
      for (const { name, column, decode, nullable } of fields) {
        const value = raw[column]
        if (typeof value === 'string') row[name] = decode(value, column, form)
        else if (value === null && nullable) row[name] = null
        else throw value === null ? isNull(column) : isMissing(column)
      }
    } catch (error) {
      throw inRow(error as WfstoreError, fields[0]?.column, raw, index)
    }
    return row as RowOf<S>
  })
}

/** The rows from `jsonArrayOf`: arrays of the values of a shape in its order. */
function decodeArrays<S extends Shape>(
  shape: S,
  rows: readonly (string | null)[][],
  form?: JsonForm,
): RowOf<S>[] {
  const columns = Object.keys(shape).map(columnOf)
  const raw = rows.map((values) =>
    Object.fromEntries(values.map((value, index) => [columns[index], value])),
  )
  return decodeRows(shape, raw, form)
}

/**
 * RFC 3339 in UTC with six digits, so that the texts sort like the times: '2026-09-20T09:49:58.388720Z'.
 * A value without such a form (infinity, a year before 1) stays as PostgreSQL wrote it.
 */
function decodeTime(value: string, column: string): string {
  const parts =
    /^(\d{4,6})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-]\d\d(?::\d\d){0,2})$/.exec(
      value,
    )
  if (!parts) {
    if (/^-?infinity$| BC$/.test(value)) return value
    throw malformed(column, value, 'a time')
  }
  const [, year = '', month, day, clock, fraction = '', offset = '+00'] = parts
  const digits = fraction.padEnd(6, '0')
  if (/^\+00(:00)*$/.test(offset)) return `${year}-${month}-${day}T${clock}.${digits}Z`
  const [hours = 0, minutes = 0, seconds = 0] = offset.slice(1).split(':').map(Number)
  const shift = (hours * 3600 + minutes * 60 + seconds) * (offset.startsWith('-') ? -1000 : 1000)
  const expanded = year.length > 4 ? `+${year.padStart(6, '0')}` : year
  const utc = new Date(Date.parse(`${expanded}-${month}-${day}T${clock}Z`) - shift).toISOString()
  return `${utc.slice(0, -5).replace(/^\+0*/, '')}.${digits}Z`
}

function decodeCount(value: string, column: string): number {
  const parsed = Number(value)
  if (!Number.isSafeInteger(parsed)) throw malformed(column, value, 'a count below 2^53')
  return parsed
}

function decodeTotal(value: string, column: string): Count {
  if (!/^-?\d+$/.test(value)) throw malformed(column, value, 'a whole number')
  const parsed = Number(value)
  return Number.isSafeInteger(parsed) ? parsed : BigInt(value)
}

function decodeNumber(value: string, column: string): number {
  const parsed = Number(value)
  if (value.trim() === '' || Number.isNaN(parsed)) throw malformed(column, value, 'a number')
  return parsed
}

const malformed = (column: string, value: string, wanted: string) =>
  new WfstoreError(
    'failed',
    `column ${column} holds ${JSON.stringify(value)}, which is not ${wanted}`,
    { hint: 'correct the value' },
  )

const isNull = (column: string) =>
  new WfstoreError('failed', `column ${column} is null and must have a value`, {
    hint: 'run `wfstore migrate verify` to compare the schema',
  })

const isMissing = (column: string) =>
  new WfstoreError('failed', `column ${column} is missing`, {
    hint: 'run `wfstore migrate verify` to compare the schema',
  })

/** The error with its row: the first value, or the place in the result. */
function inRow(error: WfstoreError, column = '', raw: RawRow, index: number): WfstoreError {
  const first = raw[column]
  const row = typeof first === 'string' ? `the row of ${column} ${first}` : `row ${index + 1}`
  return new WfstoreError('failed', `${error.message}, in ${row}`, { hint: error.hint })
}
