import { microsOf } from '../../queries/table/micros.ts'
import type { SortTerm } from '../../queries/table/sort.ts'
import { type Column, type Kind, readValue } from '../output/column.ts'

/**
 * The rows of a whole result in another order, as SQL sorts a list: exact decimals, text by character code, rows without a
 * value last in both directions, rows with the same values in their order before.
 */
export function sortRows<Row>(
  columns: readonly Column<Row>[],
  terms: readonly SortTerm[],
  rows: readonly Row[],
): Row[] {
  const keys = terms.flatMap(({ name, descending }) => {
    const column = columns.find((one) => one.name === name)
    return column
      ? [{ column, compare: COMPARE[column.kind] ?? byText, sign: descending ? -1 : 1 }]
      : []
  })
  return [...rows].sort((left, right) => {
    for (const { column, compare, sign } of keys) {
      const [a, b] = [readValue(column, left) ?? null, readValue(column, right) ?? null]
      if (a === null && b === null) continue
      if (a === null || b === null) return a === null ? 1 : -1
      const order = compare(a, b) * sign
      if (order !== 0) return order
    }
    return 0
  })
}

type Compare = (a: unknown, b: unknown) => number

const signOf = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

const byText: Compare = (a, b) => Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))

/** Amounts are compared digit by digit: a JavaScript number would round them. */
const byDecimal: Compare = (a, b) => {
  if (typeof a === 'number' && typeof b === 'number') return signOf(a, b)
  const parts = [a, b].map((value) => String(value).split('.'))
  const places = Math.max(...parts.map(([, fraction = '']) => fraction.length))
  const [left, right] = parts.map(([whole = '', fraction = '']) =>
    BigInt(whole + fraction.padEnd(places, '0')),
  )
  return signOf(left as bigint, right as bigint)
}

const COMPARE: Partial<Record<Kind, Compare>> = {
  time: (a, b) => signOf(microsOf(String(a)), microsOf(String(b))),
  amount: byDecimal,
  count: byDecimal,
  duration: byDecimal,
  share: byDecimal,
  bar: byDecimal,
  boolean: (a, b) => signOf(Number(a), Number(b)),
}
