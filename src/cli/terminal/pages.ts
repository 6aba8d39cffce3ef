import type { Page, PageOptions } from '../../queries/table/page.ts'
import type { Column } from '../output/column.ts'
import type { Writer } from '../output/writer.ts'
import { noProgress, type Progress } from './progress.ts'

/** Rows of one statement. More rows are read page by page, so that little memory is used. */
const LARGEST_PAGE = 500

export interface Listed<Row> {
  columns: readonly Column<Row>[]
  query: (paging: PageOptions) => Promise<Page<Row>>
  /** The text if there are no rows. */
  empty: string
  progress?: Progress
  /** For --watch: no cursor for the next page is shown. */
  watching?: boolean
}

/** Prints up to `limit` rows, Infinity for all of them, from the cursor on. */
export async function printPages<Row>(
  writer: Writer,
  { columns, query, empty, progress = noProgress, watching = false }: Listed<Row>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<void> {
  let nextCursor = cursor ?? null
  const { show, during, clear } = progress
  const rows = async function* () {
    let left = limit
    let read = 0
    try {
      do {
        const paging = { limit: Math.min(left, LARGEST_PAGE), cursor: nextCursor ?? undefined }
        const page = await during(() => query(paging))
        read += page.rows.length
        left -= page.rows.length
        nextCursor = page.nextCursor
        if (nextCursor === null || left <= 0) clear()
        else show(read, 'rows read')
        yield* page.rows
      } while (nextCursor !== null && left > 0)
    } finally {
      clear()
    }
  }
  const end = watching ? {} : { end: () => ({ nextCursor }) }
  await writer.list(columns, rows(), { ...end, empty })
}
