import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { columnOf } from '../../tables/column.ts'
import { type CursorPosition, decodeCursor, encodeCursor } from './cursor.ts'
import { type Bounds, bind, type TimeLimit, timeBounds, type Where, within } from './filter.ts'
import { countOf } from './validate.ts'

export interface PageOptions {
  /** Rows of this page, a whole number from 1; 50 unless given. */
  limit?: number | undefined
  /** `nextCursor` of an earlier page of the same list with the same filters; the first page unless given. */
  cursor?: string | null | undefined
}

export interface Page<Row> {
  rows: Row[]
  /** Where the next page begins; null where this is the last. */
  nextCursor: string | null
}

/** A list that is read by keyset: each page begins behind the sort key of the last row before it. */
export interface List<S extends d.Shape, F extends object> {
  /** Part of its cursors, so that one of another list is refused. */
  name: string
  /** Several have the same columns; each is read in order from an index of its own, and they are merged. */
  table: string | readonly string[]
  alias: string
  shape: S
  /** The field that gives the order; a time may be bounded by `since` and `until`. */
  key: keyof S & string
  keyType: 'timestamptz' | 'integer'
  /** The field that breaks ties: a UUID. */
  id: keyof S & string
  order: 'asc' | 'desc'
  /** The conditions of its own filters. @throws WfstoreError usage */
  where: (filter: F) => Where
}

const DEFAULT_LIMIT = 50

interface Options extends PageOptions {
  since?: TimeLimit | undefined
  until?: TimeLimit | undefined
}

/** @throws WfstoreError usage for a filter that is none, a limit below 1, or a cursor of another query */
export async function page<S extends d.Shape, F extends object>(
  run: Run,
  list: List<S, F>,
  options: F & Options,
): Promise<Page<d.RowOf<S>>> {
  const { limit: wanted, cursor, since, until, ...filter } = options
  const limit = countOf('limit', wanted, 1) ?? DEFAULT_LIMIT
  const timed = list.keyType === 'timestamptz'
  // A list without times has no such filters, and says so.
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

/** One row more than asked for is read, to know whether there is a next page. */
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

/** The same question as on the first page: '24h' goes on meaning the instant it meant there. */
function withInstants(
  { since, until }: Asked,
  resume: { since: string | undefined; until: string | undefined },
): Asked {
  return {
    since: since && resume.since ? { text: since.text, at: resume.since } : since,
    until: until && resume.until ? { text: until.text, at: resume.until } : until,
  }
}
