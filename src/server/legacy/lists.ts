import type * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { type Sql, sql } from '../../db/query/sql.ts'
import type { OneOrMore } from '../../queries/table/filter.ts'
import { type List, pages } from '../../queries/table/page.ts'
import type { RowJson } from './json.ts'

/** Writes members of an answer, as JSON. */
export type Write = (members: string) => Promise<undefined>

type Rows = readonly Record<string, unknown>[]

/** A list of all rows. */
export const ALL: number = Number.POSITIVE_INFINITY

/** Rows that are read and written at once. */
const AT_ONCE = 500

/** Writes the rows of a list, and their number. */
export async function writeList<S extends d.Shape, F extends { userId?: OneOrMore | undefined }>(
  run: Run,
  write: Write,
  { name, rowOf, list }: { name: string; rowOf: RowJson; list: List<S, F> },
  options: F & { limit: number; sort?: readonly string[] },
): Promise<undefined> {
  const rows = async function* () {
    for await (const page of pages(run, list, options, AT_ONCE)) yield page.rows as Rows
  }
  return write(`,"count":${await writeRows(write, name, rowOf, rows())}`)
}

/** Writes the rows of a statement. @param run in a transaction @returns their number */
export async function writeStatement<S extends d.Shape>(
  run: Run,
  write: Write,
  { name, rowOf, shape }: { name: string; rowOf: RowJson; shape: S },
  statement: Sql,
): Promise<number> {
  await run(sql`declare wfstore_old_rows no scroll cursor for ${statement}`, {})
  const rows = async function* () {
    for (;;) {
      const found = await run(`fetch ${AT_ONCE} from wfstore_old_rows`, shape)
      yield found as Rows
      if (found.length < AT_ONCE) return
    }
  }
  return writeRows(write, name, rowOf, rows())
}

async function writeRows(
  write: Write,
  name: string,
  rowOf: RowJson,
  chunks: AsyncIterable<Rows>,
): Promise<number> {
  let count = 0
  await write(`,${JSON.stringify(name)}:[`)
  for await (const rows of chunks) {
    const comma = count > 0 && rows.length > 0 ? ',' : ''
    await write(comma + rows.map(rowOf).join(','))
    count += rows.length
  }
  await write(']')
  return count
}
