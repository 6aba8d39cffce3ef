import { type Command, InvalidArgumentError, Option } from 'commander'
import { WfstoreError } from '../../error.ts'
import { type SortTerm, sortTerm } from '../../queries/table/sort.ts'
import { type Column, columnNamed } from '../output/column.ts'
import { list } from './values.ts'

export interface SortOptions {
  sort?: SortTerm[]
}

const parseSort = list<SortTerm>((text, previous = []) => {
  const terms = text.split(',').map((part) => sortTerm(part.trim()))
  // The minus of `ps --sort -cost` would otherwise be read as a part of the name.
  if (terms.every((term) => term !== undefined && /^[a-z]/i.test(term.name)))
    return [...previous, ...(terms as SortTerm[])]
  throw new InvalidArgumentError('It must be one or more columns such as user or cost:desc')
})

type Named = Pick<Column<never>, 'name' | 'kind'>

/** For completion: the columns of each --sort. */
const candidates = new WeakMap<Option, readonly string[]>()
export const sortCandidates = (option: Option): readonly string[] | undefined =>
  candidates.get(option)

/** Adds --sort to a command that lists rows. @param names those that can be sorted by (default: all that have an order) */
export function addSort(
  command: Command,
  columns: readonly Named[],
  names: readonly string[] = columns.filter(hasOrder).map(({ name }) => name),
): Command {
  const option = new Option('--sort <columns>', 'sort by columns; add :desc for the largest first')
  const sortable = columns.map(({ name }) => name).filter((name) => names.includes(name))
  candidates.set(option, [...sortable, ...sortable.map((name) => `${name}:desc`)])
  return command.addOption(option.argParser(parseSort))
}

/**
 * The columns of --sort, by their names in JSON.
 * @param names those that can be sorted by (default: all that have an order)
 * @throws WfstoreError usage for another column
 */
export function sortOf<Row>(
  columns: readonly Column<Row>[],
  { sort }: SortOptions,
  names: readonly string[] = columns.filter(hasOrder).map(({ name }) => name),
): SortTerm[] {
  const sortable = columns.filter(({ name }) => names.includes(name))
  return (sort ?? []).map(({ name, descending }) => {
    const column = columnNamed(columns, name)
    if (column && sortable.includes(column)) return { name: column.name, descending }
    const problem = column ? `column "${name}" has no order to sort by` : `unknown column "${name}"`
    throw new WfstoreError('usage', `--sort: ${problem}`, {
      hint: `use one of ${sortable.map((one) => one.name).join(', ')}`,
    })
  })
}

const hasOrder = ({ kind }: Pick<Column<never>, 'kind'>): boolean =>
  kind !== 'json' && kind !== 'rows' && kind !== 'bar'
