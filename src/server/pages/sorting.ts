import { WfstoreError } from '../../error.ts'
import { sortTerm } from '../../queries/table/sort.ts'
import type { Cells, Order } from '../markup/table.ts'
import { hrefHere } from './links.ts'
import type { PageView } from './view.ts'

/** How a list of a page is sorted. */
export interface Sorting {
  order: Order
  /** For the query; undefined for the order of the list. */
  sort: string | undefined
}

/**
 * The order in the parameter `sort`, as on the command line: a column by its name or its heading, with ':desc' for the largest first.
 * @param own the order of the list, such as 'startTime:desc'
 * @throws WfstoreError usage for a column that cannot be sorted
 */
export function sortingOf<Row>(
  view: PageView,
  columns: readonly Cells<Row>[],
  own: string,
): Sorting {
  const given = view.parameters.get('sort') ?? own
  const term = sortTerm(given)
  const sortable = columns.filter((column) => column.sortable && column.data)
  const column = sortable.find(
    ({ head, data }) => term && [head, data?.name ?? ''].map(plain).includes(plain(term.name)),
  )
  if (!term || !column?.data) {
    throw new WfstoreError('usage', `sort is ${JSON.stringify(given)}, not a column`, {
      hint: `use one of ${sortable.map(({ data }) => data?.name).join(', ')}, with ':desc' for the largest first`,
    })
  }
  const { name } = column.data
  const text = textOf(name, term.descending)
  return {
    sort: text === own ? undefined : text,
    order: {
      name,
      descending: term.descending,
      href: (other, descending) => {
        const sort = textOf(other, descending)
        return hrefHere(view, { sort: sort === own ? null : sort, cursor: null, before: null })
      },
    },
  }
}

const textOf = (name: string, descending: boolean) => (descending ? `${name}:desc` : name)

const plain = (name: string) => name.replace(/[\s_-]+/g, '').toLowerCase()
