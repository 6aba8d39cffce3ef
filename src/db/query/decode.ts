import { WfstoreError } from '../../error.ts'

/**
 * Rows come from PostgreSQL as text and are decoded once, here: pg would give numeric and bigint as strings,
 * round microseconds and read dates in local time.
 */
export type Decoder<T> = (text: string, column: string) => T

export interface Field<T> {
  decode: Decoder<T>
  /** SQL of the value where it is not simply the column of the same name. */
  sql?: string
  /** SQL that turns the value into the text that `decode` reads, where its usual text will not do. */
  asText?: (value: string) => string
}

/** The fields of a row by their camelCase name; `executionId` is the column `execution_id`. */
export type Shape = Record<string, Field<unknown>>

export type RowOf<S extends Shape> = { [K in keyof S]: S[K] extends Field<infer T> ? T : never }

/** Text exactly as PostgreSQL prints a jsonb value: its numbers may have more digits than a double. */
export type JsonText = string & { readonly json: unique symbol }

const field = <T>(decode: Decoder<T>) => {
  const make = (sql?: string): Field<T> => (sql === undefined ? { decode } : { decode, sql })
  return make
}

export const text = field((value) => value)
export const uuid = field((value) => value)
export const amount = field((value) => value)
/** As JSON a time is ISO 8601 whatever the DateStyle of the session. */
export const time = (sql?: string): Field<string> => ({
  ...field(decodeTime)(sql),
  asText: (value) => `to_json(${value}) #>> '{}'`,
})
export const count = field(decodeCount)
export const number = field(decodeNumber)
export const boolean = field((value) => value === 't' || value === 'true')
export const json = field((value) => value as JsonText)

export function nullable<T>(inner: Field<T>): Field<T | null> {
  return inner as Field<T | null>
}

/** `execution_id` of `executionId`. */
export function columnName(name: string): string {
  let column = columnNames.get(name)
  if (column === undefined) {
    column = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    columnNames.set(name, column)
  }
  return column
}

/** Kept, as every field of every row asks for its own. */
const columnNames = new Map<string, string>()

/** The select list of a shape, every column qualified by `alias`. */
export function selectList(shape: Shape, alias: string): string {
  return Object.keys(shape)
    .map((name) => `${valueSql(shape, name, alias)} as ${columnName(name)}`)
    .join(', ')
}

/** The values of a shape as one JSON array of texts: a row inside a row, without loss. */
export function jsonArrayOf(shape: Shape, alias: string): string {
  const values = Object.keys(shape).map((name) => `(${valueSql(shape, name, alias)})::text`)
  return `json_build_array(${values.join(', ')})`
}

function valueSql(shape: Shape, name: string, alias: string): string {
  const { sql = `${alias}.${columnName(name)}`, asText = (value) => value } = shape[
    name
  ] as Field<unknown>
  return asText(sql)
}

/** The row of a result, by column names of the shape. */
export function decodeRow<S extends Shape>(shape: S, raw: Record<string, string | null>): RowOf<S> {
  return decodeValues(
    shape,
    Object.keys(shape).map((name) => raw[columnName(name)] ?? null),
  )
}

/** The values of a shape in its order, as `jsonArrayOf` gives them. */
export function decodeValues<S extends Shape>(shape: S, values: (string | null)[]): RowOf<S> {
  const row: Record<string, unknown> = {}
  for (const [index, name] of Object.keys(shape).entries()) {
    const value = values[index] ?? null
    try {
      row[name] = value === null ? null : shape[name]?.decode(value, columnName(name))
    } catch (error) {
      const [first = name] = Object.keys(shape)
      throw new WfstoreError(
        'failed',
        `${(error as Error).message}, in the row of ${columnName(first)} ${values[0]}`,
        {
          hint: 'mend that row; no other answer would be right',
        },
      )
    }
  }
  return row as RowOf<S>
}

/**
 * RFC 3339 in UTC with all six digits, so that texts sort as times do: '2026-09-20T09:49:58.388720Z'.
 * A value that has no such form (infinity, a year before 1) stays as PostgreSQL wrote it.
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

function decodeNumber(value: string, column: string): number {
  const parsed = Number(value)
  if (value.trim() === '' || Number.isNaN(parsed)) throw malformed(column, value, 'a number')
  return parsed
}

const malformed = (column: string, value: string, wanted: string) =>
  new WfstoreError(
    'failed',
    `column ${column} holds ${JSON.stringify(value)}, which is not ${wanted}`,
  )
