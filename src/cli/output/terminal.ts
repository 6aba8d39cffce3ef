import type { Column } from './column.ts'
import { readValue } from './column.ts'
import { show } from './escape.ts'
import type { TimePrecision } from './format.ts'
import { alignAmounts, formatDuration, formatTime, shortenIds } from './format.ts'
import { plainText } from './plain.ts'
import type { Tone } from './style.ts'
import { statusTone } from './style.ts'

export interface Cell {
  text: string
  tone?: Tone | undefined
}

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
  return values.map((value) => {
    if (!present(value)) return { text: '-', tone: 'dim' }
    const text = show(texts[next++] ?? '')
    return column.kind === 'status' ? { text, tone: statusTone(text) } : { text }
  })
}

function written<Row>(column: Column<Row>, values: readonly unknown[], locale: Locale): string[] {
  const texts = values.map((value) => plainText(column, value))
  switch (column.kind) {
    case 'id':
      return locale.wholeIds ? texts : shortenIds(texts)
    case 'amount':
      return alignAmounts(texts)
    case 'time':
      return texts.map((text) => formatTime(text, locale.timeZone, locale.precision))
    case 'duration':
      return values.map(formatDuration)
    case 'boolean':
      return values.map((value) =>
        typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value),
      )
    default:
      return texts
  }
}

const present = (value: unknown) => value !== null && value !== undefined
