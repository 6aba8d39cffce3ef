import { formatDuration } from '../../../numbers.ts'
import type { Column, Kind } from '../column.ts'
import { readValue } from '../column.ts'
import { plainText } from '../formats/plain.ts'
import type { Cell } from './cell.ts'
import { show } from './escape.ts'
import type { TimePrecision } from './format.ts'
import { alignAmounts, formatShare, formatTime, shortenIds } from './format.ts'
import { statusTone } from './style.ts'

export interface Locale {
  timeZone: string
  now: Date
  /** How much of a time there is room for. */
  precision: TimePrecision
  /** Whether ids are whole: where there is one thing, its id is there to be copied. */
  wholeIds?: boolean
}

/** One column of a terminal, over all rows, because amounts and ids are written with regard to each other. */
export function terminalCells<Row>(
  column: Column<Row>,
  rows: readonly Row[],
  locale: Locale,
): Cell[] {
  const values = rows.map((row) =>
    column.cell ? column.cell(row, locale.now) : readValue(column, row),
  )
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
  // What a command has written for a terminal is a text already.
  const texts = values.map((value) =>
    column.cell && typeof value === 'string' ? value : plainText(column, value),
  )
  switch (column.kind) {
    case 'id':
      return locale.wholeIds ? texts : shortenIds(texts)
    case 'amount':
      return alignAmounts(texts)
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

/** A boolean may be shown as a status: 'ok', 'failed'. */
const hasTone = (kind: Kind) => kind === 'status' || kind === 'boolean'

/** One thing by itself has room for the zone. */
const finer = (there: TimePrecision, wanted: TimePrecision | undefined) =>
  there === 'minutes' ? (wanted ?? there) : there

const present = (value: unknown) => value !== null && value !== undefined
