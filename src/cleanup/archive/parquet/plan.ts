import type { LineTexts, RowColumn } from './row.ts'
import { DECIMAL, encode, MOST_DIGITS, type Stored } from './types.ts'

/** A column of a Parquet file. */
export interface FileColumn extends RowColumn {
  stored: Stored
  /** The most digits before the point, and the digits after it. 0 if it is no decimal. */
  digits: number
  scale: number
  /** All amounts of the file have exactly these digits after the point, such as 0.50. */
  padded: boolean
}

export interface ColumnPlan {
  add: (texts: LineTexts) => void
  columns: () => FileColumn[]
}

interface Seen {
  /** Digits before the point, and after it without zeros at the end. */
  digits: number
  scale: number
  /** The fewest and most digits after the point with zeros at the end. */
  written: [number, number]
  fits: boolean
  /** A value of a type without a JSON type of its own is JSON, such as one of a domain over jsonb. */
  isJson: boolean
}

/** Chooses the types for a file: a column whose type cannot hold each of its values exactly is text. */
export function createPlan(columns: readonly RowColumn[]): ColumnPlan {
  const seen = columns.map(
    (): Seen => ({ digits: 0, scale: 0, written: [MOST_DIGITS, 0], fits: true, isJson: false }),
  )
  return {
    add: ({ values, raw }) => {
      for (let place = 0; place < columns.length; place++) {
        const text = values[place]
        if (text == null) continue
        const { fits } = columns[place] as RowColumn
        const found = seen[place] as Seen
        if (fits === 'decimal') addDecimal(found, text)
        else if (fits === 'text') found.isJson ||= raw[place] === true
        else if (found.fits) found.fits = encode(fits, text, 0) !== undefined
      }
    },
    columns: () => columns.map((column, place) => planned(column, seen[place] as Seen)),
  }
}

function addDecimal(seen: Seen, text: string): void {
  const [, , whole, fraction = ''] = DECIMAL.exec(text) ?? []
  if (whole === undefined) {
    seen.fits = false
    return
  }
  const { length } = fraction
  seen.digits = Math.max(seen.digits, whole === '0' ? 0 : whole.length)
  seen.scale = Math.max(seen.scale, fraction.replace(/0+$/, '').length)
  seen.written = [Math.min(seen.written[0], length), Math.max(seen.written[1], length)]
}

function planned(column: RowColumn, seen: Seen): FileColumn {
  const plain = { ...column, digits: 0, scale: 0, padded: false }
  if (column.fits === 'text') {
    const stored = seen.isJson ? 'raw' : 'text'
    return { ...plain, fits: stored, stored }
  }
  if (column.fits !== 'decimal') return { ...plain, stored: seen.fits ? column.fits : 'text' }
  const [least, most] = seen.written
  const padded = least === most && seen.digits + most <= MOST_DIGITS
  const scale = padded ? most : seen.scale
  const fits = seen.fits && seen.digits + scale <= MOST_DIGITS
  const { digits } = seen
  return fits
    ? { ...plain, stored: 'decimal', digits, scale, padded }
    : { ...plain, stored: 'text' }
}
