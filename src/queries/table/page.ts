import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { columnOf } from '../../tables/column.ts'
import { type CursorPosition, decodeCursor, encodeCursor } from './cursor.ts'
import { type Bounds, bind, type TimeLimit, timeBounds, type Where, within } from './filter.ts'
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
  where: (filter: F) => Where
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
  const where = list.where((timed ? filter : { ...filter, since, until }) as unknown as F)
  const asked: Asked = { ...filter, ...(timed ? timeBounds({ since, until }) : {}) }
  const resume =
    typeof cursor === 'string' ? decodeCursor(list.name, list.keyType, asked, cursor) : undefined
  const bounds = resume ? withInstants(asked, resume) : asked
  const text = statement(list, where, bounds, limit, resume?.position)
  const rows = await run(text, where.values, list.shape)
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
  where: Where,
  bounds: Asked,
  limit: number,
  after: CursorPosition | undefined,
): string {
  const { alias, shape, keyType, order } = list
  const [key, id] = [list.key, list.id].map((name) => `${alias}.${columnOf(name)}`)
  within(where, key as string, bounds)
  if (after) {
    const position = `(${bind(where, after.key)}::${keyType}, ${bind(where, after.id)}::uuid)`
    where.conditions.push(`(${key}, ${id}) ${order === 'desc' ? '<' : '>'} ${position}`)
  }
  const ordered = `order by ${key} ${order}, ${id} ${order} limit ${bind(where, limit + 1)}`
  const wanted = where.conditions.length > 0 ? `where ${where.conditions.join(' and ')}` : ''
  const select = `select ${d.selectList(shape, alias)} from`
  if (typeof list.table === 'string') return `${select} ${list.table} ${alias} ${wanted} ${ordered}`
  const parts = list.table.map((part) => `(select * from ${part} ${alias} ${wanted} ${ordered})`)
  return `${select} (${parts.join(' union all ')}) ${alias} ${ordered}`
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
