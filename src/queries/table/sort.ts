import * as d from '../../db/query/decode.ts'
import { raw, type Sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import type { JsonValue } from '../../tables/types.ts'

/** The fields of a row that have an order: all but JSON. */
type Sortable<Row> = {
  [K in keyof Row & string]: JsonValue extends Row[K] ? never : K
}[keyof Row & string]

/** A field, with ':desc' for the largest values first. Rows without a value come last in both directions. */
export type SortKey<Row> = Sortable<Row> | `${Sortable<Row>}:asc` | `${Sortable<Row>}:desc`

/** The name and the direction of 'totalCost:desc'. */
export interface SortTerm {
  name: string
  descending: boolean
}

/** @returns undefined if the direction is not 'asc' or 'desc' */
export function sortTerm(text: string): SortTerm | undefined {
  const [name = '', direction = 'asc', ...more] = text.split(':')
  if (more.length > 0 || !['asc', 'desc'].includes(direction)) return undefined
  return { name, descending: direction === 'desc' }
}

export const sortableNames = (shape: d.Shape): string[] =>
  Object.keys(shape).filter((name) => shape[name]?.unordered !== true)

/** @throws WfstoreError usage for an unknown field or direction */
export function sortTerms(shape: d.Shape, sort: string | readonly string[]): SortTerm[] {
  const names = sortableNames(shape)
  return (typeof sort === 'string' ? [sort] : [...sort]).map((text) => {
    const term = typeof text === 'string' ? sortTerm(text) : undefined
    if (term && names.includes(term.name)) return term
    throw new WfstoreError('usage', `sort is ${JSON.stringify(text)}, not a field`, {
      hint: `use one of ${names.join(', ')}, with ':desc' for the largest first`,
    })
  })
}

/** What rows are ordered by. */
export interface OrderTerm {
  /** In SQL. */
  value: string
  /** Such as ' desc'. */
  direction: string
}

export const orderBy = (terms: readonly OrderTerm[]): Sql =>
  raw(`order by ${terms.map(({ value, direction }) => value + direction).join(', ')}`)

/** These terms, then the id. Text is compared by character code, so that its order is the same on every server. */
export function orderOf(
  { shape, alias, id }: { shape: d.Shape; alias: string; id: string },
  terms: readonly SortTerm[],
): OrderTerm[] {
  const value = (name: string) => d.valueSql(name, shape[name] as d.Field<unknown>, alias)
  const sorted = terms.map(({ name, descending }) => ({
    value: `${value(name)}${shape[name]?.isText ? ' collate "C"' : ''}`,
    direction: `${descending ? ' desc' : ''} nulls last`,
  }))
  return [...sorted, { value: value(id), direction: '' }]
}
