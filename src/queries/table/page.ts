import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { columnOf } from '../../tables/column.ts'
import { type CursorPosition, decodeCursor, encodeCursor } from './cursor.ts'
import { type Bounds, type TimeLimit, timeBounds, where, within } from './filter.ts'
import { countOf } from './validate.ts'

export interface PageOptions {
  /** Maximum number of rows, 1 or more (default: 50). */
  limit?: number | undefined
  /** `nextCursor` of an earlier page of the same list with the same filters (default: the first page). */
  cursor?: string | null | undefined
}

export interface Page<Row> {
  rows: Row[]
  /** The cursor of the next page; null on the last page. */
  nextCursor: string | null
}

/** A list with keyset pages: each page begins after the sort key of the last row of the page before. */
export interface List<S extends d.Shape, F extends object> {
  /** Part of its cursors, so that a cursor of another list is an error. */
  name: string
  /** Several tables have the same columns: each is read in the order of its index, then they are merged. */
  table: string | readonly string[]
  alias: string
  shape: S
  /** The field that gives the order; a time takes the bounds `since` and `until`. */
  key: keyof S & string
  keyType: 'timestamptz' | 'integer'
  /** The field, a UUID, that orders rows with the same key. */
  id: keyof S & string
  order: 'asc' | 'desc'
  /** The conditions of its filters. @throws WfstoreError usage */
  where: (filter: F) => Sql[]
}

const DEFAULT_LIMIT = 50

interface Options extends PageOptions {
  since?: TimeLimit | undefined
  until?: TimeLimit | undefined
}

/** @throws WfstoreError usage for an unknown filter, a limit below 1, or a cursor of another query */
export async function page<S extends d.Shape, F extends object>(
  run: Run,
  list: List<S, F>,
  options: F & Options,
): Promise<Page<d.RowOf<S>>> {
  const { limit: wanted, cursor, since, until, ...filter } = options
  const limit = countOf('limit', wanted, 1) ?? DEFAULT_LIMIT
  const timed = list.keyType === 'timestamptz'
  // For a list without times, since and until are unknown filters.
  const conditions = list.where((timed ? filter : { ...filter, since, until }) as unknown as F)
  const asked: Asked = { ...filter, ...(timed ? timeBounds({ since, until }) : {}) }
  const resume =
    typeof cursor === 'string' ? decodeCursor(list.name, list.keyType, asked, cursor) : undefined
  const bounds = resume ? withInstants(asked, resume) : asked
  const rows = await run(statement(list, conditions, bounds, limit, resume?.position), list.shape)
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const nextCursor =
    rows.length > limit && last
      ? encodeCursor(list.name, { ...asked, ...bounds }, positionOf(last, list))
      : null
  return { rows: shown, nextCursor }
}

type Asked = Partial<Bounds>

const positionOf = <S extends d.Shape>(
  row: d.RowOf<S>,
  { key, id }: { key: keyof S; id: keyof S },
): CursorPosition => ({ key: String(row[key]), id: String(row[id]) })

/** Reads one row more than the limit, to know whether there is a next page. */
function statement<S extends d.Shape, F extends object>(
  list: List<S, F>,
  conditions: readonly Sql[],
  bounds: Asked,
  limit: number,
  after: CursorPosition | undefined,
): Sql {
  const { alias, shape, keyType } = list
  const [keyColumn, idColumn] = [list.key, list.id].map((name) => `${alias}.${columnOf(name)}`)
  const [key, id, order] = [raw(keyColumn as string), raw(idColumn as string), raw(list.order)]
  const wanted = [...conditions, ...within(keyColumn as string, bounds)]
  if (after) {
    const comparison = raw(list.order === 'desc' ? '<' : '>')
    wanted.push(
      sql`(${key}, ${id}) ${comparison} (${after.key}::${raw(keyType)}, ${after.id}::uuid)`,
    )
  }
  const ordered = sql`order by ${key} ${order}, ${id} ${order} limit ${limit + 1}`
  const from = (table: string) => sql`from ${raw(table)} ${raw(alias)} ${where(wanted)} ${ordered}`
  const columns = raw(d.selectList(shape, alias))
  if (typeof list.table === 'string') return sql`select ${columns} ${from(list.table)}`
  const parts = list.table.map((part) => sql`(select * ${from(part)})`)
  return sql`select ${columns} from (${join(parts, ' union all ')}) ${raw(alias)} ${ordered}`
}

/** The bounds of the first page: '24h' keeps its instant on all pages. */
function withInstants(
  { since, until }: Asked,
  resume: { since: string | undefined; until: string | undefined },
): Asked {
  return {
    since: since && resume.since ? { text: since.text, at: resume.since } : since,
    until: until && resume.until ? { text: until.text, at: resume.until } : until,
  }
}
