import { NO_RUN } from '../../db/distributed/layout.ts'
import { isRunOrNone, type TableField } from '../../tables/column.ts'
import { linesText } from './bill-lines.ts'
import type { LineColumn, LineTable } from './table.ts'

/** The key next to the row for columns that an application has added to the table, by their names in the database. */
export const EXTRA = 'extra'

/** The key next to the row for JSON fields with the value null of JSON. In the row it looks the same as NULL. */
export const JSON_NULLS = 'jsonNull'

/** The key next to the row, in an archive only, for rows of the application that lost their reference to the row. */
export const REFERENCES = 'references'

/** SQL that gives lines: select ${line} from ${table} ${alias} cross join lateral ${row}. */
export interface LineSql {
  line: string
  /** What `line` reads. As an item of FROM it takes less time than as a subselect. */
  row: string
}

/**
 * The line of a row: compact JSON without a line break, with every column of the table. Under LINE_SETTINGS the same row
 * always gives the same text, in an export as in an archive.
 * @param alias of the table, or of a relation of its whole rows
 * @param more SQL of text that follows the row, or NULL
 */
export function lineOf(
  { kind, lineColumns }: LineTable,
  alias: string,
  more: readonly string[] = [],
): LineSql {
  const fields = lineColumns.flatMap(({ field }) => (field ? [field] : []))
  const extra = lineColumns.filter(({ field }) => !field)
  const values = fields.map((field) => `${valueSql(field, alias)} as "${field.name}"`)
  const lines = kind === 'bill' ? [linesText(alias)] : []
  const others = [...extraOf(extra, alias), ...nullsOf(fields, alias), ...lines, ...more]
  return {
    line: `concat(${[`'{"${kind}":'`, 'row_to_json(line.*)', ...others, `'}'`].join(', ')})`,
    row: `(select ${values.join(', ')}) as line`,
  }
}

function valueSql(field: TableField, alias: string): string {
  const value = `${alias}.${field.column}`
  if (isRunOrNone(field)) return `nullif(${value}, '${NO_RUN}')`
  return field.type === 'time' ? timeText(value) : value
}

/**
 * RFC 3339 in UTC with six digits. PostgreSQL's own text is laid over the digits that it may leave out, which takes less
 * time than to_char. Times without such a form are years of five digits, years before 1 (' BC' follows), infinity and
 * -infinity.
 */
const timeText = (value: string): string => `case
  when ${value} >= '0001-01-01 00:00:00Z' and ${value} < '10000-01-01 00:00:00Z'
    then replace(overlay('0000-00-00 00:00:00.000000Z' placing ${value}::timestamp::text from 1), ' ', 'T')
  when not isfinite(${value}) then ${value}::text
  else to_char(${value}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || case when ${value} < '0001-01-01 00:00:00Z' then ' BC' else '' end
  end`

function extraOf(columns: readonly LineColumn[], alias: string): string[] {
  if (columns.length === 0) return []
  const values = columns.map(({ quoted }) => `${textOf(`${alias}.${quoted}`)} as ${quoted}`)
  return [`',"${EXTRA}":'`, `(select row_to_json(x.*) from (select ${values.join(', ')}) as x)`]
}

/** The text that the type itself writes and reads: a cast to text may be an application's own, and lose something. */
export const textOf = (value: string): string =>
  `case when ${value} is distinct from null then format('%s', ${value}) end`

function nullsOf(fields: readonly TableField[], alias: string): string[] {
  const json = fields.filter(({ type }) => type === 'json')
  if (json.length === 0) return []
  const values = json.map(({ column }) => `${alias}.${column}`)
  const names = json.map(
    ({ name, column }) => `case when ${alias}.${column} = 'null' then '${name}' end`,
  )
  return [
    `case when 'null'::jsonb in (${values.join(', ')})
       then ',"${JSON_NULLS}":' || to_json(array_remove(array[${names.join(', ')}], null)) end`,
  ]
}

/**
 * For a transaction that writes lines or reads them: no text of a value depends on a setting of the server or role, and a
 * policy that hides rows is an error.
 */
export const LINE_VALUES = {
  ...{ timezone: 'UTC', datestyle: 'ISO', intervalstyle: 'postgres', bytea_output: 'hex' },
  ...{ extra_float_digits: '1', lc_monetary: 'C', xmloption: 'content', row_security: 'off' },
}

/** SQL that sets them in a transaction. */
export const setLocal = (settings: Record<string, string>): string =>
  Object.entries(settings)
    .map(([name, value]) => `set local ${name} = '${value}'`)
    .join('; ')

export const LINE_SETTINGS = setLocal(LINE_VALUES)

/** SQL of the lines of a relation. @param rest follows the relation: its conditions and order */
export function selectLines(
  table: LineTable,
  relation: string,
  alias: string,
  rest = '',
  more: readonly string[] = [],
): string {
  const { line, row } = lineOf(table, alias, more)
  return `select ${line} as line from ${relation} ${alias} cross join lateral ${row} ${rest}`
}

/** COPY TO of whole lines as they are. JSON has no raw control characters, so CSV with two of them quotes nothing. */
export const copyLines = (query: string): string =>
  `copy (${query}) to stdout (format csv, delimiter e'\\x02', quote e'\\x01')`
