import type { Page, PageOptions } from '../../queries/table/page.ts'
import type { Io } from '../io.ts'
import type { GlobalOptions } from '../options/global.ts'
import { progressLine } from './progress.ts'
import { whileCounting } from './waiting.ts'

type Query<Row> = (paging: PageOptions) => Promise<Page<Row>>

/**
 * The query of a list whose pages tell on a terminal's stderr how far they are. Not where the rows themselves go to the
 * terminal as they come: there they are seen.
 */
export function tellingPages<Row>(
  io: Io,
  options: GlobalOptions & { limit: number },
  query: Query<Row>,
): Query<Row> {
  const isTable = !options.json && (options.output ?? 'table') === 'table'
  if (io.stdout.isTTY && !isTable) return query
  const progress = progressLine(io)
  let read = 0
  return async (paging) => {
    const page = await whileCounting(io, () => query(paging))
    read += page.rows.length
    if (page.nextCursor === null || read >= options.limit) progress.end()
    else progress.show(read, 'rows read')
    return page
  }
}
