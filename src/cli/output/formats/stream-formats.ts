import type { Column } from '../column.ts'
import { quoteJson } from '../text/escape.ts'
import { csvHeader, csvLine } from './csv.ts'
import { toJson } from './json.ts'
import { tsvHeader, tsvLine } from './tsv.ts'

/** A format that is written row by row. */
export interface StreamFormat<Row> {
  open: string
  row: (row: Row, index: number) => string
  /** All of the output for one record, if it differs from a list with one row. */
  record?: (row: Row) => string
  close: (count: number, nextCursor: string | undefined) => string
}

export function tsvStream<Row>(
  columns: readonly Column<Row>[],
  headers: boolean,
): StreamFormat<Row> {
  const open = headers ? tsvHeader(columns) : ''
  return { open, row: (row) => tsvLine(columns, row), close: () => '' }
}

/** One id or name per line, as in kubectl. A row without one has no line. */
export function nameStream<Row>(columns: readonly Column<Row>[]): StreamFormat<Row> {
  const row = (each: Row) => tsvLine(columns, each).replace(/^\n$/, '')
  return { open: '', row, close: () => '' }
}

export function csvStream<Row>(
  columns: readonly Column<Row>[],
  headers: boolean,
): StreamFormat<Row> {
  const open = headers ? csvHeader(columns) : ''
  return { open, row: (row) => csvLine(columns, row), close: () => '' }
}

export function jsonLines<Row>(columns: readonly Column<Row>[]): StreamFormat<Row> {
  return { open: '', row: (row) => `${toJson(columns, row, undefined)}\n`, close: () => '' }
}

/** An array, or for --page an object with the array and the next cursor; a record is an object. */
export function jsonStream<Row>(columns: readonly Column<Row>[], page: boolean): StreamFormat<Row> {
  const outer = page ? '  ' : ''
  const inner = `${outer}  `
  return {
    record: (row) => `${toJson(columns, row, '')}\n`,
    open: page ? '{\n  "rows": [' : '[',
    row: (row, index) => `${index === 0 ? '' : ','}\n${inner}${toJson(columns, row, inner)}`,
    close: (count, nextCursor) => {
      const end = count === 0 ? ']' : `\n${outer}]`
      if (!page) return `${end}\n`
      const cursor = nextCursor === undefined ? 'null' : quoteJson(nextCursor)
      return `${end},\n  "nextCursor": ${cursor}\n}\n`
    },
  }
}
