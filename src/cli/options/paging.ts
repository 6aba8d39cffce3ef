import { type Command, InvalidArgumentError, Option } from 'commander'
import type * as d from '../../db/query/decode.ts'
import { WfstoreError } from '../../error.ts'
import { isOwnOrder, type List } from '../../queries/table/page.ts'
import { sortableNames } from '../../queries/table/sort.ts'
import type { Io } from '../io.ts'
import type { Column } from '../output/column.ts'
import type { GlobalOptions } from './global.ts'
import { checkOutput } from './output.ts'
import { addSort, type SortOptions, sortOf } from './sort.ts'

export interface PagingOptions extends SortOptions {
  /** Infinity for all rows. */
  limit?: number
  cursor?: string
  page?: boolean
}

/** The rows of a list that a command prints. */
export interface Paging {
  limit: number
  cursor: string | undefined
  sort: readonly string[] | undefined
  /** Where the cursor of the next page is printed. */
  cursorIn: 'json' | 'note' | undefined
}

/** Rows that a list shows on a terminal. A pipe or a file gets all of them: part of a list would look whole there. */
const SCREEN_ROWS = 20

export function addPaging(command: Command, columns: readonly Named[], { shape }: Shaped): Command {
  return addLimit(addSort(command, columns, sortableNames(shape)))
    .option('--page', 'print the next cursor; continue from a cursor')
    .option('--cursor <text>', 'continue from this cursor')
}

/** Adds --limit to a list that is read as a whole. */
export const addLimit = (command: Command): Command =>
  command.addOption(
    new Option('--limit <n>', 'rows to show, or all')
      .argParser(parseLimit)
      .default(undefined, `${SCREEN_ROWS}; in a pipe: all`),
  )

type Named = Pick<Column<never>, 'name' | 'kind'>
type Shaped = Pick<List<d.Shape, object>, 'shape'>

/** The number of rows to show: what is asked for, else a page, or all rows in a pipe. */
export const limitOf = (
  { limit, page }: Pick<PagingOptions, 'limit' | 'page'>,
  { stdout }: Io,
): number => limit ?? (stdout.isTTY || page ? SCREEN_ROWS : Number.POSITIVE_INFINITY)

/** @throws WfstoreError usage for an unknown column in --columns or --sort, and for --sort with a cursor */
export function readPaging<S extends d.Shape, F extends object>(
  columns: readonly Column<d.RowOf<S>>[],
  list: List<S, F>,
  options: GlobalOptions & PagingOptions,
  io: Io,
): Paging {
  checkOutput(columns, options)
  const { cursor, page, json, output } = options
  const sort = sortOf(columns, options, sortableNames(list.shape))
  const isSorted = sort.length > 0 && !isOwnOrder(list, sort)
  const paged = cursor !== undefined ? '--cursor' : page ? '--page' : undefined
  if (isSorted && paged) {
    throw new WfstoreError('usage', `--sort and ${paged} cannot be used together`, {
      hint: 'a sorted list has no cursor; use --limit all for all rows',
    })
  }
  return {
    limit: limitOf(options, io),
    cursor,
    sort: isSorted
      ? sort.map(({ name, descending }) => `${name}${descending ? ':desc' : ''}`)
      : undefined,
    cursorIn: !paged ? undefined : page && (json || output === 'json') ? 'json' : 'note',
  }
}

function parseLimit(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit < 1) throw new InvalidArgumentError('It must be a whole number of at least 1, or all')
  return limit
}
