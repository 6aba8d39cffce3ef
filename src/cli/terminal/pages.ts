import type * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { formatNumber } from '../../numbers.ts'
import { type List, type Options, type Page, pages } from '../../queries/table/page.ts'
import { type RowTotal, totalOf } from '../../queries/table/total.ts'
import type { Paging } from '../options/paging.ts'
import type { Column } from '../output/column.ts'
import type { Writer } from '../output/writer.ts'
import { noProgress, type Progress } from './progress.ts'

/** Rows that are read at once. */
const PAGE_ROWS = 500

export interface Listed<S extends d.Shape, F extends object> {
  /** Runs all statements on one connection. */
  run: Run
  list: List<S, F>
  filter: F
  columns: readonly Column<d.RowOf<S>>[]
  /** The text if there are no rows. */
  empty: string
  progress?: Progress
}

/**
 * Prints rows of a list. If there are more, it says how many, also in a pipe.
 * @returns the number of printed rows
 */
export async function printPages<S extends d.Shape, F extends object>(
  writer: Writer,
  { run, list, filter, columns, empty, progress = noProgress }: Listed<S, F>,
  { limit, cursor, sort, cursorIn }: Paging,
): Promise<number> {
  const { show, during, clear } = progress
  const asked = { ...filter, cursor, sort } as F & Options
  let last: Page<d.RowOf<S>> | undefined
  const rows = async function* () {
    const reading = pages(run, list, { ...asked, limit }, PAGE_ROWS)
    let read = 0
    try {
      for (let next = await during(() => reading.next()); !next.done; ) {
        const { value } = next
        last = value
        read += value.rows.length
        show(read, 'rows read')
        yield* value.rows
        next = await during(() => reading.next())
      }
    } finally {
      clear()
      await reading.return()
    }
  }
  const count = await writer.list(columns, rows(), {
    end: () => ({ nextCursor: last?.nextCursor }),
    empty,
  })
  const isTold = cursorIn === 'json' || (writer.tellsCursor && last?.nextCursor !== null)
  if (!last?.hasMore || isTold) return count
  const total = await totalOf(run, list, asked, count)
  writer.note(
    `${shown(count, total, cursor !== undefined)}; ${howToContinue(last.nextCursor, cursorIn)}`,
  )
  return count
}

/** 'showing 20 of 163' */
export function shown(count: number, total: RowTotal, later = false): string {
  const number = formatNumber(total.kind === 'about' ? rounded(total.count) : total.count)
  const of = { exact: '', about: 'about ', more: 'more than ' }[total.kind]
  return `showing ${later ? 'the next ' : ''}${formatNumber(count)} of ${of}${number}`
}

/** Two digits: an estimate is not known better. */
function rounded(count: number): number {
  const unit = 10 ** Math.max(0, String(count).length - 2)
  return Math.round(count / unit) * unit
}

function howToContinue(nextCursor: string | null, cursorIn: Paging['cursorIn']): string {
  if (nextCursor === null) return 'use --limit all'
  return cursorIn ? `continue with --cursor ${nextCursor}` : 'use --limit all or --page'
}
