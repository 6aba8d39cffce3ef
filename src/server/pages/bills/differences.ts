import type { BillDifference, PeriodCheck } from '../../../queries/billing/reconcile.ts'
import { html, type Markup, name } from '../../markup/markup.ts'
import { count } from '../../markup/numbers.ts'
import { amounts, type Cells, table, texts } from '../../markup/table.ts'
import { checkTable } from '../../report/months.ts'
import { executionLink, UNKNOWN } from '../cells.ts'
import { csvHref } from '../links.ts'
import type { PageView } from '../view.ts'
import { billLink } from './links.ts'

/** Whether the bills of a period match their runs, and what needs a look. */
export function checkSection(
  view: PageView,
  period: string,
  checks: readonly PeriodCheck[],
): Markup {
  if (checks.length === 0) return html``
  const listed = checks.filter((check) => check.rows.length > 0)
  const rows = listed.flatMap((check) => check.rows)
  const all = listed.reduce((sum, { count: number }) => sum + number, 0)
  const csv = html`<a class="csv" href="${csvHref(view, '/billing/reconcile', { period, by: null, reconcile: null })}">CSV of all differences</a>`
  const list = table({
    caption: rows.length < all ? `${count(rows.length)} of ${count(all)}` : 'Each of them',
    columns: columnsOf(view, period),
    rows,
    csv,
  })
  return html`<section id="check"><h2>Bills and runs</h2>${checkTable(period, checks)}${rows.length > 0 && list}</section>`
}

const KINDS: Record<string, string> = {
  unbilled: 'run without a bill',
  differs: 'bill that differs from its run',
  no_run: 'bill without a run id',
}

const columnsOf = (view: PageView, period: string): Cells<BillDifference>[] => [
  texts('What', 'kind', ({ kind }: BillDifference) => kind, {
    shown: ({ kind }) => KINDS[kind] ?? kind,
  }),
  {
    head: 'Run',
    cells: (rows) =>
      rows.map(({ executionId }) =>
        executionId === null ? UNKNOWN : executionLink(view, executionId),
      ),
  },
  {
    head: 'Bill',
    cells: (rows) =>
      rows.map(({ billingId }) =>
        billingId === null ? UNKNOWN : billLink(view, period, billingId),
      ),
  },
  texts('User', 'userId', ({ userId }: BillDifference) => userId, {
    shown: ({ userId }) => name(userId),
  }),
  amounts('Cost of the run', 'runCost', (row: BillDifference) => row.runCost),
  amounts('Billed', 'billedCost', (row: BillDifference) => row.billedCost),
  amounts('Difference, USD', 'costDifference', (row: BillDifference) => row.costDifference),
]
