import type { TableField } from '../../tables/column.ts'
import { KINDS, type RowKind } from '../../tables/tables.ts'
import { BILL_LINES } from './bill-lines.ts'
import { bare, Invalid, shown } from './invalid.ts'
import { repeatedKey } from './keys.ts'
import { EXTRA, JSON_NULLS, REFERENCES } from './line.ts'
import { rawFields } from './raw.ts'
import type { LineColumn, LineTable, LineTables } from './table.ts'

export type Row = Record<string, unknown>

/** A line, taken apart. Its values have not been looked at. */
export interface ParsedLine {
  table: LineTable
  row: Row
  /** Columns that an application has added. */
  extra: Row
  /** JSON fields that hold JSON's null. */
  nulls: readonly string[]
  /** JSON of what an archive says about rows of the application; undefined without. */
  references: string | undefined
  /** The lines of a bill; undefined without. */
  lines: unknown
  text: string
}

/**
 * @param exact the line is as the server wrote it, so a value of a column of type json may have a key twice
 * @throws Invalid where the text is not the line of a row
 */
export function parseLine(text: string, tables: LineTables, { exact = false } = {}): ParsedLine {
  const line = parseJson(text)
  if (!isObject(line)) throw new Invalid(`is ${shown(line)}, not a JSON object`)
  const repeated = exact ? undefined : repeatedKey(text, line)
  if (repeated !== undefined) throw new Invalid(`has the key ${shown(repeated)} twice`)
  const {
    [JSON_NULLS]: nulls = [],
    [EXTRA]: extra = {},
    [REFERENCES]: given,
    [BILL_LINES]: lines,
    ...rest
  } = line
  const names = Object.keys(rest)
  const [kind] = names
  if (names.length !== 1 || !isKind(kind)) {
    const found =
      names.length === 0 ? 'has no key' : `has the key ${names.slice(0, 5).map(bare).join(', ')}`
    throw new Invalid(`${found}, not one of ${KINDS.join(', ')}`)
  }
  const row = rest[kind]
  if (!isObject(row)) throw new Invalid(`${kind} is ${shown(row)}, not an object`)
  if (!isObject(extra)) throw new Invalid(`${EXTRA} is ${shown(extra)}, not an object`)
  if (lines !== undefined && kind !== 'bill')
    throw new Invalid(`has the key ${BILL_LINES}, which only a bill has`)
  const table = tables[kind]
  const references = given === undefined ? undefined : jsonOf(given)
  return { table, row, extra, nulls: checkedNulls(table, row, nulls), references, lines, text }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Invalid(`is not JSON: ${(error as Error).message}`)
  }
}

function jsonOf(references: unknown): string {
  try {
    return JSON.stringify(references)
  } catch (error) {
    throw new Invalid(`${REFERENCES} is not valid: ${(error as Error).message}`)
  }
}

const isKind = (name: string | undefined): name is RowKind => KINDS.includes(name as RowKind)

const isObject = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function checkedNulls({ fields }: LineTable, row: Row, nulls: unknown): string[] {
  const fits = (name: unknown) =>
    fields.some((field) => field.name === name && field.type === 'json') &&
    row[name as string] === null
  if (Array.isArray(nulls) && nulls.every(fits)) return nulls
  throw new Invalid(`${JSON_NULLS} is ${shown(nulls)}, not a list of JSON fields that are null`)
}

/** A row as COPY reads it. */
export interface CopyRow {
  /** Its values in the order of the columns, a tab before each. */
  values: string
  /** Places of the columns that the line leaves out. */
  absent: number[]
}

const NULL = '\\N'

/** @throws Invalid where the line has a value that its table has no column for */
export function copyRow(line: ParsedLine): CopyRow {
  const { table, row, extra } = line
  const { lineColumns } = table
  const raw = once(() => rawFields(line.text, table.kind))
  const absent: number[] = []
  let values = ''
  // Every value of every line passes here: an index loop takes half of the time of an iterator.
  for (let place = 0; place < lineColumns.length; place++) {
    const { name, field } = lineColumns[place] as LineColumn
    const given = field ? row[field.name] !== undefined : Object.hasOwn(extra, name)
    if (!given) absent.push(place)
    values += `\t${given ? (field ? fieldText(field, line, raw) : extraText(extra[name], name)) : NULL}`
  }
  const held = Object.keys(row).length + Object.keys(extra).length
  if (lineColumns.length - absent.length < held) throw unknownName(line)
  return { values, absent }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

function fieldText(
  { name, type }: TableField,
  { row, nulls }: ParsedLine,
  raw: () => Map<string, string>,
): string {
  const value = row[name]
  if (value === null) return nulls.includes(name) ? 'null' : NULL
  if (typeof value === 'string' && type !== 'json') return escaped(value)
  if (typeof value === 'boolean') return String(value)
  // 1e2 and 100.0 are the whole number 100, too.
  if ((type === 'count' || type === 'integer') && Number.isSafeInteger(value)) return String(value)
  return escaped(typeof value === 'string' ? JSON.stringify(value) : (raw().get(name) as string))
}

function extraText(value: unknown, name: string): string {
  if (value === null) return NULL
  if (typeof value === 'string') return escaped(value)
  throw new Invalid(`${EXTRA} ${shown(name)} is ${shown(value)}, not a text or null`)
}

const SPECIAL = /[\\\n\r\t]/
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

export const escaped = (value: string): string =>
  SPECIAL.test(value)
    ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] as string)
    : value

function unknownName({ table, row, extra }: ParsedLine): Invalid {
  const { kind, name, lineColumns, generated } = table
  const fields = new Set(table.fields.map((field) => field.name))
  const field = Object.keys(row).find((given) => !fields.has(given))
  if (field !== undefined) {
    const article = /^[aeiou]/.test(kind) ? 'an' : 'a'
    return new Invalid(`${article} ${kind} has no field ${shown(field)}`)
  }
  const known = new Set(lineColumns.filter((column) => !column.field).map((column) => column.name))
  const lost = Object.keys(extra).filter((given) => !known.has(given))
  const computed = lost.find((given) => generated.includes(given))
  if (computed !== undefined) {
    return new Invalid(
      `the table ${name} computes its column ${shown(computed)}: leave it out of "${EXTRA}"`,
    )
  }
  const columns = `column${lost.length === 1 ? '' : 's'} ${lost.map(shown).join(', ')}`
  return new Invalid(
    `the table ${name} has no ${columns}: add what is missing to the table, or leave it out of "${EXTRA}"`,
  )
}
