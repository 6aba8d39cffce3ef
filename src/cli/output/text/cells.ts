import { formatDuration } from '../../../numbers.ts'
import type { Column, Kind } from '../column.ts'
import { readValue } from '../column.ts'
import { plainText } from '../formats/plain.ts'
import { alignedDollars, groupDigits } from './amount.ts'
import type { Cell } from './cell.ts'
import { show } from './escape.ts'
import type { TimePrecision } from './format.ts'
import { formatShare, formatTime, shortenIds } from './format.ts'
import { statusTone } from './style.ts'

export interface Locale {
  timeZone: string
  now: () => Date
  /** The precision of times. */
  precision: TimePrecision
  /** Show full ids. In a record, the id is there to be copied. */
  wholeIds?: boolean
}

/** The cells of a column, all rows together, because amounts are aligned and ids are shortened to be distinct. */
export function terminalCells<Row>(
  column: Column<Row>,
  rows: readonly Row[],
  locale: Locale,
): Cell[] {
  const now = locale.now()
  const values = rows.map((row) => (column.cell ? column.cell(row, now) : readValue(column, row)))
  const texts = written(column, values.filter(present), locale)
  let next = 0
  return values.map((value, index) => {
    if (!present(value)) {
      const word = column.word?.(rows[index] as Row)
      return word === undefined ? { text: '-', tone: 'dim' } : { text: show(word) }
    }
    const text = show(texts[next++] ?? '')
    return hasTone(column.kind) ? { text, tone: statusTone(text) } : { text }
  })
}

function written<Row>(column: Column<Row>, values: readonly unknown[], locale: Locale): string[] {
  // A string from `cell` is already formatted.
  const texts = values.map((value) =>
    column.cell && typeof value === 'string' ? value : plainText(column, value),
  )
  switch (column.kind) {
    case 'id':
      return locale.wholeIds ? texts : shortenIds(texts)
    case 'amount':
      return alignedDollars(texts)
    case 'count':
      return texts.map((text, at) =>
        column.cell && typeof values[at] === 'string' ? text : groupDigits(text),
      )
    case 'time':
      return texts.map((text) =>
        formatTime(text, locale.timeZone, finer(locale.precision, column.precision)),
      )
    case 'duration':
      return values.map(formatDuration)
    case 'share':
      return values.map(formatShare)
    case 'boolean':
      return values.map((value) =>
        typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value),
      )
    default:
      return texts
  }
}

/** A boolean may be shown as a status: 'ok' or 'failed'. */
const hasTone = (kind: Kind) => kind === 'status' || kind === 'boolean'

/** A record has room for more precision than a table. */
const finer = (there: TimePrecision, wanted: TimePrecision | undefined) =>
  there === 'minutes' ? (wanted ?? there) : there

const present = (value: unknown) => value !== null && value !== undefined
