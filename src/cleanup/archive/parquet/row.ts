import { EXTRA, JSON_NULLS, REFERENCES } from '../../../transfer/lines/line.ts'
import { membersOf } from '../../../transfer/lines/raw.ts'
import type { ArchiveColumn, Cleaned } from '../../types.ts'
import { type Stored, storedFor } from './types.ts'

/** A column of the lines of a file. */
export interface RowColumn {
  /** In the database and in the Parquet file. */
  name: string
  /** In the line. */
  key: string
  /** An application has added it to the table. */
  extra: boolean
  /** The type that fits its type in PostgreSQL. */
  fits: Stored
}

/** What a line holds, by the order of the columns: the texts of the values, as PostgreSQL reads them. */
export interface LineTexts {
  values: (string | null)[]
  /** Whether the line has JSON that is no string at this place. */
  raw: boolean[]
  /** JSON of the rows of the application that lost their reference to the row. */
  references: string | null
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const isJson = ({ fits }: RowColumn) => fits === 'json' || fits === 'raw'
const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const stringOf = (json: string): string =>
  json.includes('\\') ? JSON.parse(json) : json.slice(1, -1)

/** The columns of a file, from its first line. All lines of a cleanup have the same columns in the same order. */
export function columnsOf(kind: Cleaned, line: string, archived: ArchiveColumn[]): RowColumn[] {
  const members = new Map(membersOf(line))
  const types = new Map(archived.map(({ name, type }) => [name, type]))
  return [kind, EXTRA].flatMap((part) =>
    membersOf(members.get(part) ?? '{}').map(([key]) => {
      const extra = part === EXTRA
      const name = extra ? key : snake(key)
      return { name, key, extra, fits: storedFor(types.get(name) ?? 'text') }
    }),
  )
}

/** Takes a line apart. The reader compares the lines that it makes with the checksum of these. */
export function textsOf(kind: Cleaned, line: string, columns: readonly RowColumn[]): LineTexts {
  const members = new Map(membersOf(line))
  const nulls: string[] = JSON.parse(members.get(JSON_NULLS) ?? '[]')
  const parts = [false, true].map((extra) => membersOf(members.get(extra ? EXTRA : kind) ?? '{}'))
  const values = parts.flat().map(([key, json], place) => {
    const column = columns[place]
    if (json === 'null')
      return column && !column.extra && isJson(column) && nulls.includes(key) ? json : null
    if (column && !column.extra && isJson(column)) return json
    return json.startsWith('"') ? stringOf(json) : json
  })
  const raw = parts.flat().map(([, json]) => json !== 'null' && !json.startsWith('"'))
  return { values, raw, references: members.get(REFERENCES) ?? null }
}

/** The line of a row, as a cleanup writes it. */
export function lineOf(
  kind: Cleaned,
  columns: readonly RowColumn[],
  { values, references }: Pick<LineTexts, 'values' | 'references'>,
): string {
  const members = ['', '']
  const nulls: string[] = []
  for (let place = 0; place < columns.length; place++) {
    const column = columns[place] as RowColumn
    const value = values[place] ?? null
    const json = value === null ? 'null' : jsonOf(column, value)
    if (value === 'null' && !column.extra && isJson(column)) nulls.push(column.key)
    const at = column.extra ? 1 : 0
    members[at] += `${members[at] === '' ? '' : ','}${JSON.stringify(column.key)}:${json}`
  }
  const [row, extra] = members
  return [
    `{"${kind}":{${row}}`,
    ...(extra === '' ? [] : [`,"${EXTRA}":{${extra}}`]),
    ...(nulls.length === 0 ? [] : [`,"${JSON_NULLS}":${JSON.stringify(nulls)}`]),
    ...(references === null ? [] : [`,"${REFERENCES}":${references}`]),
    '}',
  ].join('')
}

/** As row_to_json writes it. A number that JSON does not know, such as NaN, is a string. */
function jsonOf({ extra, fits }: RowColumn, text: string): string {
  if (extra) return JSON.stringify(text)
  if (fits === 'json' || fits === 'raw' || fits === 'boolean') return text
  const isNumber = fits === 'decimal' || fits === 'int32' || fits === 'int64' || fits === 'double'
  return isNumber && NUMBER.test(text) ? text : JSON.stringify(text)
}
