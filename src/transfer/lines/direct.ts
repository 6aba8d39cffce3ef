import type pg from 'pg'
import { type Chunk, rowsOf } from './chunk.ts'
import { copyIn } from './copy.ts'
import { inHalves } from './halves.ts'
import { copyIntoTable } from './staged.ts'
import type { LineTable } from './table.ts'

/** What a staging table has before the columns of a row that leaves out none. */
const FULL = '\t\\N\t\\N\t'

/** The rows from `first` to `last` as COPY to the staging table reads them. */
export function stagedRows(chunk: Chunk, first: number, last: number): Buffer {
  if (!chunk.bare) return rowsOf(chunk, first, last)
  const rows: Buffer[] = []
  for (let at = first; at <= last; at++)
    rows.push(Buffer.from(`${chunk.lines[at]}${FULL}`), rowsOf(chunk, at, at))
  return Buffer.concat(rows)
}

/**
 * Writes the rows of a chunk to their table, all or none. @returns whether the server took all of them: a row may be there
 * already, or its run may not be there yet
 */
export async function writeChunk(
  client: pg.ClientBase,
  table: LineTable,
  chunk: Chunk,
): Promise<boolean> {
  const rows = chunk.lines.length
  const written = await inHalves(client, 0, 0, {
    try: async () => {
      const taken = await copyIn(client, copyIntoTable(table), rowsOf(chunk, 0, rows - 1))
      // A trigger of the application has left some out.
      if (taken < rows) await client.query('rollback to savepoint attempt')
      return taken
    },
    refuse: () => {},
    enough: () => false,
  })
  return written === rows
}
