import { WfstoreError } from '../../error.ts'
import type { Cell } from './text/cell.ts'
import type { TimePrecision } from './text/format.ts'
import type { Tone } from './text/style.ts'

/** The kind of a value decides how each format writes it. */
export type Kind =
  | 'text'
  /** A UUID, shortened in a table on a terminal. */
  | 'id'
  | 'status'
  /** RFC 3339 in UTC; local time on a terminal. */
  | 'time'
  /** An exact decimal as a string; a number in JSON. */
  | 'amount'
  | 'count'
  /** Milliseconds; `1m 17s` on a terminal. */
  | 'duration'
  /** A share from 0 to 1; `12.3%` on a terminal. */
  | 'share'
  /** A number as a bar, relative to the largest of the column. Only on a terminal by default. */
  | 'bar'
  | 'boolean'
  /** JSON text from PostgreSQL, written unchanged. */
  | 'json'
  /** Nested rows with their own `columns`. */
  | 'rows'

export interface Column<Row> {
  /** The key in JSON and the name in --columns, in camelCase. */
  name: string
  /** The header in a table (default: derived from the name). */
  header?: string
  kind: Kind
  /** The value (default: `row[name]`). */
  value?: (row: Row) => unknown
  /** The value on a terminal, if it differs, such as the time so far of an unfinished run. */
  cell?: (row: Row, now: Date) => unknown
  /** Replaces a missing value in tables, TSV and CSV, such as "other". */
  word?: (row: Row) => string | undefined
  /** false: in tables, TSV and CSV only if --columns names it. */
  table?: boolean
  /** Only on a terminal, or if --columns names it. */
  terminalOnly?: boolean
  /** In nested rows on a terminal: left out if no row has a value. */
  unlessEmpty?: true
  /** false: in JSON only if --columns names it. */
  json?: boolean
  /** On a narrow terminal, columns with a low priority are left out first (default: 5). */
  priority?: number
  /** May be shortened to this width before a column is left out. */
  flex?: { min: number }
  /**
   * On a terminal, wrapped and never shortened: next to the other columns or, after the first such column, below them with
   * this text in front.
   */
  wrap?: string
  /**
   * On a terminal, wrapped on lines of its own below its row, with `mark` in front. In a record, JSON is indented below its
   * label.
   */
  below?: { mark?: string; tone?: Tone }
  /** For `time`: the precision in a table. */
  precision?: TimePrecision
  /** Draw bars in ASCII. */
  ascii?: boolean
  /** For `bar`: draws a span instead of a bar from the left; `end` is the right end of the header. */
  span?: { draw: (row: Row, width: number) => Cell; end: (row: Row) => string }
  /** For `rows`: the columns of the nested rows. */
  columns?: readonly Column<never>[]
  /** The id or the name of the row, for -o name. */
  isName?: true
  /** For `rows`: lines below the table on a terminal. */
  foot?: (row: Row) => readonly string[]
}

/** The columns that --columns names, in its order; all columns if it is not given. */
export function selectColumns<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly string[] | undefined,
): readonly Column<Row>[] {
  if (wanted === undefined) return columns
  return [...new Set(wanted.map((name) => findColumn(columns, name)))]
}

/** The columns of a format: those that --columns names, or the default of the format. */
export function visibleColumns<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly string[] | undefined,
  where: 'terminal' | 'table' | 'json',
): readonly Column<Row>[] {
  if (wanted !== undefined) return selectColumns(columns, wanted)
  const drawn = ({ terminalOnly, kind }: Column<Row>) => terminalOnly === true || kind === 'bar'
  if (where === 'terminal') return columns.filter(({ table }) => table !== false)
  return columns.filter((column) => column[where] !== false && !drawn(column))
}

/** The column of this name or header. */
export function columnNamed<Row>(
  columns: readonly Column<Row>[],
  wanted: string,
): Column<Row> | undefined {
  const key = comparable(wanted)
  return (
    columns.find((column) => comparable(column.name) === key) ??
    columns.find((column) => comparable(headerOf(column)) === key)
  )
}

function findColumn<Row>(columns: readonly Column<Row>[], wanted: string): Column<Row> {
  const found = columnNamed(columns, wanted)
  if (found) return found
  throw new WfstoreError('usage', `unknown column "${wanted.trim()}"`, {
    hint: `available columns: ${columns.map((column) => column.name).join(', ')}`,
  })
}

/** @throws WfstoreError usage if the rows have no id or name */
export function nameColumn<Row>(columns: readonly Column<Row>[]): Column<Row> {
  const column = columns.find(({ isName }) => isName)
  if (column) return column
  throw new WfstoreError('usage', 'this output has no ids or names for --output name', {
    hint: 'use --output tsv or json',
  })
}

/** total_cost, total-cost, "TOTAL COST" and totalCost are the same name. */
const comparable = (name: string) => name.replace(/[\s_-]+/g, '').toLowerCase()

export function headerOf<Row>(column: Column<Row>): string {
  return column.header ?? words(column).toUpperCase()
}

/** The label of a single value: "Total cost". A header with lower-case letters is used unchanged: "PostgreSQL". */
export function labelOf<Row>(column: Column<Row>): string {
  const text = column.header ?? words(column)
  if (column.header !== undefined && /[a-z]/.test(column.header)) return text
  const label = text.toLowerCase().replace(/\b(id|url)\b/g, (word) => word.toUpperCase())
  return label.charAt(0).toUpperCase() + label.slice(1)
}

function words<Row>({ name, kind }: Column<Row>): string {
  // JSON has the unit in the name of a duration; a terminal shows it with each value.
  const shown = kind === 'duration' ? name.replace(/Ms$/, '') : name
  return shown.replace(/([a-z0-9])([A-Z])/g, '$1 $2')
}

export function readValue<Row>(column: Column<Row>, row: Row): unknown {
  return column.value ? column.value(row) : (row as Record<string, unknown>)[column.name]
}

/** The value for TSV and CSV. */
export const readPlain = <Row>(column: Column<Row>, row: Row): unknown =>
  column.word?.(row) ?? readValue(column, row)

/** The nested rows of a row. Only the command knows the type of their columns. */
export function nestedRows<Row>(
  column: Column<Row>,
  value: unknown,
): { columns: readonly Column<unknown>[]; rows: readonly unknown[] } {
  return {
    columns: (column.columns ?? []) as readonly Column<unknown>[],
    rows: Array.isArray(value) ? value : [],
  }
}

export const isNumeric = (kind: Kind) =>
  kind === 'amount' || kind === 'count' || kind === 'duration' || kind === 'share' || kind === 'bar'
