import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { columnOf } from '../../tables/column.ts'
import {
  type Asked,
  type CursorPosition,
  decodeCursor,
  encodeCursor,
  type KeyType,
} from './cursor.ts'
import { type Bounds, type Condition, type TimeLimit, timeBounds, where, within } from './filter.ts'
import { type OrderTerm, orderBy, orderOf, type SortKey, type SortTerm, sortTerms } from './sort.ts'
import { countOf } from './validate.ts'

export interface PageOptions {
  /** Maximum number of rows, 1 or more (default: 50). */
  limit?: number | undefined
  /** `nextCursor` of an earlier page of the same list with the same filters (default: the first page). */
  cursor?: string | null | undefined
}

export interface ListOptions<Row> extends PageOptions {
  /**
   * Fields to sort by, such as 'totalCost:desc' (default: the order of the list). Rows with the same values are in order of
   * their ids. A list in another order than its own has no cursor.
   */
  sort?: SortKey<Row> | readonly SortKey<Row>[] | undefined
}

export interface Page<Row> {
  rows: Row[]
  /** The cursor of the next page; null on the last page, and in a list with `sort`. */
  nextCursor: string | null
  /** Whether the list has rows after these. */
  hasMore: boolean
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
  keyType: KeyType
  /** The field, a UUID, that orders rows with the same key. */
  id: keyof S & string
  order: 'asc' | 'desc'
  /** Key and id are columns of two tables, so that no index compares both. */
  isJoined?: true
  /** Fields of these rows that take further statements, by the ids of the rows. */
  complete?: (run: Run, ids: string[]) => Promise<Map<string, object>>
  /** The conditions of its filters. @throws WfstoreError usage */
  where: (filter: F) => Condition[]
}

const DEFAULT_LIMIT = 50

export interface Options extends PageOptions {
  sort?: string | readonly string[] | undefined
  since?: TimeLimit | undefined
  until?: TimeLimit | undefined
}

/** @throws WfstoreError usage for an unknown filter or sort, a limit below 1, or a cursor of another query */
export async function page<S extends d.Shape, F extends object>(
  run: Run,
  list: List<S, F>,
  options: F & Options,
): Promise<Page<d.RowOf<S>>> {
  const limit = countOf('limit', options.limit, 1) ?? DEFAULT_LIMIT
  const { statement, pageOf } = planOf(list, options)
  // One row more, to know whether there is a next page.
  const rows = await run(statement(limit + 1), list.shape)
  return pageOf(await completed(run, list, rows.slice(0, limit)), rows.length > limit)
}

async function completed<S extends d.Shape, F extends object>(
  run: Run,
  { id, complete }: List<S, F>,
  rows: d.RowOf<S>[],
): Promise<d.RowOf<S>[]> {
  if (!complete || rows.length === 0) return rows
  const idOf = (row: d.RowOf<S>) => String(row[id])
  const fields = await complete(run, rows.map(idOf))
  return rows.map((row) => ({ ...row, ...fields.get(idOf(row)) }))
}

/**
 * Up to `limit` rows in pages of `size`. More than one page is read from a cursor of the server: the rows are those of one
 * moment, in any order, and memory does not grow with their number.
 * @param run on one connection, which is in a transaction until the last page is read
 */
export async function* pages<S extends d.Shape, F extends object>(
  run: Run,
  list: List<S, F>,
  { limit, ...options }: F & Options & { limit: number },
  size: number,
): AsyncGenerator<Page<d.RowOf<S>>, void, undefined> {
  if (limit <= size) return yield await page(run, list, { ...options, limit } as F & Options)
  const { statement, pageOf } = planOf(list, options as F & Options)
  await run('begin isolation level read committed read only', {})
  try {
    // The reader of the output may pause for any time.
    await run(
      `select set_config('idle_in_transaction_session_timeout', '0', true), set_config('row_security', 'off', true)`,
      {},
    )
    const rows = statement(Number.isFinite(limit) ? limit + 1 : undefined)
    await run(sql`declare wfstore_rows no scroll cursor for ${rows}`, {})
    const fetch = (count: number) => run(`fetch ${count} from wfstore_rows`, list.shape)
    for (let left = limit, more = true; more; ) {
      const found = await fetch(Math.min(left, size))
      more = found.length === Math.min(left, size)
      left -= found.length
      const hasMore = left === 0 && (await fetch(1)).length > 0
      more &&= left > 0
      yield pageOf(await completed(run, list, found), hasMore)
    }
  } finally {
    // A lost connection has no transaction.
    await run('rollback', {}).catch(() => {})
  }
}

interface Plan<Row> {
  statement: (limit: number | undefined) => Sql
  pageOf: (rows: Row[], hasMore: boolean) => Page<Row>
}

/** How a list is read, and how its rows become a page. */
function planOf<S extends d.Shape, F extends object>(
  list: List<S, F>,
  { limit: _, cursor, sort, ...filter }: F & Options,
): Plan<d.RowOf<S>> {
  const { conditions, asked, each } = listConditions(list, filter as unknown as F & Options)
  const terms = sort === undefined ? [] : sortTerms(list.shape, sort)
  const isSorted = terms.length > 0 && !isOwnOrder(list, terms)
  if (cursor !== undefined && cursor !== null) {
    if (isSorted) {
      throw new WfstoreError('usage', 'sort and cursor cannot be used together', {
        hint: 'a sorted list has no cursor; read it with a larger limit',
      })
    }
    conditions.push(after(list, decodeCursor(asked, list.keyType, cursor)))
  }
  const order = isSorted ? orderOf(list, terms) : ownOrder(list)
  return {
    statement: (limit) =>
      select(list, mergeable(conditions, isSorted || !limit ? [] : each), order, limit),
    pageOf: (rows, hasMore) => {
      const last = rows.at(-1)
      const position = last && { key: String(last[list.key]), id: String(last[list.id]) }
      const continues = hasMore && !isSorted && position
      const nextCursor = continues ? encodeCursor(asked, list.keyType, position) : null
      return { rows, nextCursor, hasMore }
    },
  }
}

/** The conditions of the filters of a list. @throws WfstoreError usage */
export function listConditions<S extends d.Shape, F extends object>(
  list: List<S, F>,
  { since, until, ...filter }: F & Options,
): { conditions: Sql[]; asked: Asked; each: readonly Sql[] } {
  const timed = list.keyType === 'timestamptz'
  // For a list without times, since and until are unknown filters.
  const conditions = list.where((timed ? filter : { ...filter, since, until }) as unknown as F)
  const bounds: Partial<Bounds> = timed ? timeBounds({ since, until }) : {}
  return {
    conditions: [...conditions, ...within(columnIn(list, list.key), bounds)],
    asked: { list: list.name, filter: { ...filter, ...bounds } },
    // With a second filter, each value could read many rows that do not match it.
    each: (conditions.length === 1 && conditions[0]?.each) || [],
  }
}

interface Ordered {
  alias: string
  key: string
  id: string
  keyType: KeyType
  order: 'asc' | 'desc'
  isJoined?: true
}

const columnIn = ({ alias }: { alias: string }, name: string) => `${alias}.${columnOf(name)}`

/** The order of an index, which has no NULLS LAST. */
const ownOrder = (list: Ordered): OrderTerm[] =>
  [list.key, list.id].map((name) => ({ value: columnIn(list, name), direction: ` ${list.order}` }))

/** Whether the terms are the order of the list, which its cursors continue. */
export const isOwnOrder = (
  { key, order }: Pick<Ordered, 'key' | 'order'>,
  [first, ...more]: readonly SortTerm[],
) => more.length === 0 && first?.name === key && first.descending === (order === 'desc')

function after(list: Ordered, { key, id }: CursorPosition): Sql {
  const columns = raw(`(${columnIn(list, list.key)}, ${columnIn(list, list.id)})`)
  const comparison = raw(list.order === 'desc' ? '<' : '>')
  const later = sql`${columns} ${comparison} (${key}::${raw(list.keyType)}, ${id}::uuid)`
  if (!list.isJoined) return later
  return sql`${later} and ${raw(columnIn(list, list.key))} ${comparison}= ${key}::${raw(list.keyType)}`
}

/** More values are read together. */
const MOST_MERGED = 50

/**
 * The conditions of the parts of a statement. If the first condition has several values, each value is a part, which its
 * index gives in order: together the server would read the whole list for values that are rare.
 */
const mergeable = (conditions: readonly Sql[], each: readonly Sql[]): (readonly Sql[])[] =>
  each.length > 1 && each.length <= MOST_MERGED
    ? each.map((one) => [one, ...conditions.slice(1)])
    : [conditions]

function select<S extends d.Shape, F extends object>(
  { table, alias, shape }: List<S, F>,
  alternatives: readonly (readonly Sql[])[],
  order: readonly OrderTerm[],
  limit: number | undefined,
): Sql {
  const most = limit === undefined ? empty : sql`limit ${limit}`
  const ordered = sql`${orderBy(order)} ${most}`
  const from = [table]
    .flat()
    .flatMap((one) =>
      alternatives.map((each) => sql`from ${raw(one)} ${raw(alias)} ${where(each)} ${ordered}`),
    )
  const columns = raw(d.selectList(shape, alias))
  const [first, ...others] = from
  if (others.length === 0) return sql`select ${columns} ${first}`
  // Citus computes a value that reads other rows of a run only where the rows of the list are.
  const keys = order.map(({ value }, place) => `${value} as order_${place}`)
  const parts = from.map((part) => sql`(select ${columns}, ${raw(keys.join(', '))} ${part})`)
  const merged = order.map(({ direction }, place) => ({ value: `order_${place}`, direction }))
  const names = raw(Object.keys(shape).map(columnOf).join(', '))
  return sql`select ${names} from (${join(parts, ' union all ')}) ${raw(alias)} ${orderBy(merged)} ${most}`
}
