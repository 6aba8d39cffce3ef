import type { Page, PageOptions } from '../../queries/table/page.ts'
import type { Column } from '../output/column.ts'
import type { Writer } from '../output/writer.ts'

/** Rows of one statement; more are read page by page, so that memory stays flat. */
const LARGEST_PAGE = 500

export interface Listed<Row> {
  columns: readonly Column<Row>[]
  query: (paging: PageOptions) => Promise<Page<Row>>
  /** Said where there are none. */
  empty: string
  /** Whether it is drawn again every other second, and so has no next page. */
  watching?: boolean
}

/** Prints up to `limit` rows, Infinity for all of them, from the cursor on. */
export async function printPages<Row>(
  writer: Writer,
  { columns, query, empty, watching = false }: Listed<Row>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<void> {
  let nextCursor = cursor ?? null
  const rows = async function* () {
    let left = limit
    do {
      const page = await query({
        limit: Math.min(left, LARGEST_PAGE),
        cursor: nextCursor ?? undefined,
      })
      yield* page.rows
      left -= page.rows.length
      nextCursor = page.nextCursor
    } while (nextCursor !== null && left > 0)
  }
  const end = watching ? {} : { end: () => ({ nextCursor }) }
  await writer.list(columns, rows(), { ...end, empty })
}
