import {
  type BillingSum,
  type BillingSummary,
  SUMMARY_KEYS,
  type SummaryKey,
} from '../../../queries/billing/summary.ts'
import { html, type Markup, name, nothing, readable } from '../../markup/markup.ts'
import { amounts, type Cells, counts, table, texts } from '../../markup/table.ts'
import { ofAll } from '../../report/section.ts'
import { filterForm, filtersOf } from '../filters.ts'
import { keyFields, keyHead, withoutKey } from '../keys.ts'
import { csvHref, exactly, href } from '../links.ts'
import type { PageView } from '../view.ts'
import { monthName } from './period-of.ts'

/** The bills of a period by user or other keys. */

/** More rows are only in the CSV. */
const ROWS = 100
const PERIOD_FILTERS = filtersOf('user')
const KEYS = SUMMARY_KEYS.filter((key) => key !== 'total')

/** What the address asks for. */
export interface Summarized {
  period: string
  by: readonly SummaryKey[]
  summary: BillingSummary
}

/** The form that chooses the keys and the users. */
export function summaryForm(
  view: PageView,
  by: readonly SummaryKey[],
  costTags: readonly string[],
): Markup {
  return filterForm(view, PERIOD_FILTERS, keyFields('Bills by', KEYS, costTags, by))
}

export function summaryTable(view: PageView, { period, by, summary }: Summarized): Markup {
  const { rows, total } = summary
  if (rows.length === 0) return nothing(`No bills in ${monthName(period)}.`)
  const keyOf = (row: BillingSum, key: SummaryKey) =>
    by.length === 1 ? row.key : ((row as Record<string, unknown>)[key] as string | null)
  const columns = by.map((key, place): Cells<BillingSum> => {
    const textOf = (row: BillingSum) =>
      row === total ? (place === 0 ? 'total' : '') : (keyOf(row, key) ?? withoutKey(key))
    return texts(keyHead(key), key, textOf, {
      ...(place === 0 && { kind: 'name' }),
      shown: (row) => {
        const value = row === total ? null : keyOf(row, key)
        if (value === null) return row === total ? textOf(row) : html`<em>${textOf(row)}</em>`
        return key === 'user'
          ? html`<a href="${href(view, `/bills/${period}/statements`, { user: exactly(value) })}" title="Statement of ${readable(value)}">${name(value)}</a>`
          : name(value)
      },
    })
  })
  const inOrder = by[0] === 'day' ? rows : [...rows].sort((a, b) => Number(b.cost) - Number(a.cost))
  const shown = inOrder.slice(0, ROWS)
  return table({
    caption: `${ofAll(shown.length, rows.length, 'row')}${by[0] === 'day' ? '' : ', the highest cost first'}`,
    columns: [
      ...columns,
      counts<BillingSum>('Bills', 'records', (row) => row.records),
      amounts<BillingSum>('Billed, USD', 'cost', (row) => row.cost),
      amounts<BillingSum>('Paid', 'paidCost', (row) => row.paidCost),
      amounts<BillingSum>('Unpaid', 'unpaidCost', (row) => row.unpaidCost),
      counts<BillingSum>('Tokens', 'tokensTotal', (row) => row.tokensTotal),
    ],
    rows: shown,
    total,
    csv: html`<a class="csv" href="${csvHref(view, '/billing', { period, by, reconcile: null })}">CSV of all rows</a>`,
  })
}
