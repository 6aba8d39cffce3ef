import type { PriceImport } from '../../../queries/prices/import.ts'
import type { Price } from '../../../queries/prices/list.ts'
import { METERS } from '../../../queries/prices/meters.ts'
import type { PriceChange } from '../../../queries/prices/set.ts'
import type { Column } from '../../output/column.ts'

const PRIORITIES = { input: 9, output: 9, cacheRead: 7, cacheWrite: 6, reasoning: 3, request: 2 }

export const priceColumns: Column<Price>[] = [
  { name: 'model', kind: 'text', isName: true, flex: { min: 16 }, priority: 10 },
  { name: 'provider', kind: 'text', flex: { min: 8 }, priority: 8 },
  {
    name: 'contextOver',
    kind: 'count',
    cell: ({ contextOver }) => contextOver || null,
    priority: 10,
  },
  ...METERS.map((name): Column<Price> => ({ name, kind: 'amount', priority: PRIORITIES[name] })),
  { name: 'from', kind: 'time', precision: 'minutes', priority: 4 },
  { name: 'source', kind: 'text', priority: 3 },
  { name: 'author', kind: 'text', flex: { min: 8 }, priority: 1 },
  { name: 'createdAt', header: 'CREATED', kind: 'time', table: false },
]

/** The columns, of which the empty ones are left out first on a narrow terminal. */
export const emptyLast = (
  columns: readonly Column<Price>[],
  rows: readonly Price[],
): Column<Price>[] =>
  columns.map((column) => {
    const { name, value = (row: Price) => row[name as keyof Price], cell = value } = column
    const isEmpty = rows.every((row) => (cell(row, new Date(0)) ?? null) === null)
    return isEmpty ? { ...column, priority: 0 } : column
  })

/** The time at which a price was added is of use if several are for the same time. */
export const entryColumns: Column<Price>[] = priceColumns.map((column) =>
  column.name === 'createdAt' ? { ...column, table: true, priority: 4 } : column,
)

export const changeColumns: Column<PriceChange>[] = [
  { name: 'outcome', kind: 'status' },
  { name: 'model', kind: 'text', isName: true },
  { name: 'provider', kind: 'text' },
  { name: 'from', kind: 'time' },
]

export const importColumns: Column<PriceImport>[] = [
  { name: 'source', kind: 'text' },
  { name: 'version', kind: 'text' },
  { name: 'added', header: 'Added prices', kind: 'count' },
  { name: 'models', header: 'Of models', kind: 'count' },
  { name: 'unchanged', kind: 'count' },
  {
    name: 'leftOutModels',
    kind: 'json',
    value: ({ leftOutModels }) => JSON.stringify(leftOutModels),
    table: false,
  },
  {
    name: 'leftOutPrices',
    kind: 'json',
    value: ({ leftOutPrices }) => JSON.stringify(leftOutPrices),
    table: false,
  },
]
