import { WfstoreError } from '../../error.ts'
import type { Cell } from './text/cell.ts'
import type { TimePrecision } from './text/format.ts'
import type { Tone } from './text/style.ts'

/** What a value is, which decides how each format writes it. */
export type Kind =
  | 'text'
  /** A UUID: shortened in a terminal table. */
  | 'id'
  | 'status'
  /** RFC 3339 in UTC: local time on a terminal. */
  | 'time'
  /** A decimal string: every digit is kept, in JSON too, where it is a number. */
  | 'amount'
  | 'count'
  /** Milliseconds: `1m 17s` on a terminal. */
  | 'duration'
  /** A part of a whole, from 0 to 1: `12.3%` on a terminal. */
  | 'share'
  /** A number that a terminal shows as a bar, the largest of the column as the longest; nowhere else by default. */
  | 'bar'
  | 'boolean'
  /** JSON text as PostgreSQL printed it, written as it is. */
  | 'json'
  /** Rows below this one, with `columns` of their own. */
  | 'rows'

export interface Column<Row> {
  /** The key in JSON and the name in --columns, in camelCase. */
  name: string
  /** The header of a table; by default made from the name. */
  header?: string
  kind: Kind
  /** By default `row[name]`. */
  value?: (row: Row) => unknown
  /** The value for a terminal, where it differs: the time so far of a run that is running. */
  cell?: (row: Row, now: Date) => unknown
  /** What tables, TSV and CSV have in place of a value that has none: "other". */
  word?: (row: Row) => string | undefined
  /** false: in tables, TSV and CSV only when --columns asks for it. */
  table?: boolean
  /** Nowhere else unless --columns asks for it. */
  terminalOnly?: boolean
  /** false: in JSON only when --columns asks for it. */
  json?: boolean
  /** The lower, the sooner it is left out where a terminal is too narrow; 5 unless told. */
  priority?: number
  /** May be cut, to no fewer cells than this, before any column is left out. */
  flex?: { min: number }
  /**
   * On a terminal whole, over as many lines as it takes: beside the other columns, or below an earlier one of the kind
   * with this text before it.
   */
  wrap?: string
  /**
   * On a terminal whole, on lines of its own below its row, with `mark` before it. Of one thing by itself, JSON is indented
   * below its label.
   */
  below?: { mark?: string; tone?: Tone }
  /** For `time`: how much of it a table shows; as much as the other tables unless told. */
  precision?: TimePrecision
  /** Bars are drawn of ASCII. */
  ascii?: boolean
  /** For `bar`: what is drawn in so many cells in place of a bar from the left, and what the header says at its end. */
  span?: { draw: (row: Row, width: number) => Cell; end: (row: Row) => string }
  /** For `rows`: what is in them. */
  columns?: readonly Column<never>[]
  /** For `rows`: lines below them on a terminal. */
  foot?: (row: Row) => readonly string[]
}

/** The columns that --columns names, in its order; all of them when it is not given. */
export function selectColumns<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly string[] | undefined,
): readonly Column<Row>[] {
  if (wanted === undefined) return columns
  return [...new Set(wanted.map((name) => findColumn(columns, name)))]
}

/** The columns of a format: what --columns names, or else what the format shows by default. */
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

function findColumn<Row>(columns: readonly Column<Row>[], wanted: string): Column<Row> {
  const key = comparable(wanted)
  const found =
    columns.find((column) => comparable(column.name) === key) ??
    columns.find((column) => comparable(headerOf(column)) === key)
  if (found) return found
  throw new WfstoreError('usage', `unknown column "${wanted.trim()}"`, {
    hint: `columns: ${columns.map((column) => column.name).join(', ')}`,
  })
}

/** total_cost, total-cost, "TOTAL COST" and totalCost are one name. */
const comparable = (name: string) => name.replace(/[\s_-]+/g, '').toLowerCase()

export function headerOf<Row>(column: Column<Row>): string {
  return column.header ?? words(column).toUpperCase()
}

/** The name in front of a single value: "Total cost". A header with small letters is one already: "PostgreSQL". */
export function labelOf<Row>(column: Column<Row>): string {
  const text = column.header ?? words(column)
  if (column.header !== undefined && /[a-z]/.test(column.header)) return text
  const label = text.toLowerCase().replace(/\b(id|url)\b/g, (word) => word.toUpperCase())
  return label.charAt(0).toUpperCase() + label.slice(1)
}

function words<Row>({ name, kind }: Column<Row>): string {
  // A duration names its unit in JSON; a terminal shows the unit with each value.
  const shown = kind === 'duration' ? name.replace(/Ms$/, '') : name
  return shown.replace(/([a-z0-9])([A-Z])/g, '$1 $2')
}

export function readValue<Row>(column: Column<Row>, row: Row): unknown {
  return column.value ? column.value(row) : (row as Record<string, unknown>)[column.name]
}

/** The value for TSV and CSV. */
export const readPlain = <Row>(column: Column<Row>, row: Row): unknown =>
  column.word?.(row) ?? readValue(column, row)

/** The rows below a row. They come with columns of their own type, which only the command knows. */
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
