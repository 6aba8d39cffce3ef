import type { BillCorrection } from '../../../queries/billing/corrections.ts'
import { html, type Markup, name } from '../../markup/markup.ts'
import { amounts, table, texts } from '../../markup/table.ts'
import { status, time, UNKNOWN } from '../cells.ts'
import type { PageView } from '../view.ts'
import { billLink } from './links.ts'
import { monthName } from './period-of.ts'

/** Bills that correct other bills, with the reason. */
export const correctionsTable = (
  view: PageView,
  timeZone: string,
  caption: string,
  rows: readonly BillCorrection[],
): Markup =>
  table({
    caption,
    file: 'corrections',
    columns: [
      {
        head: 'Correction',
        data: { name: 'billingId', kind: 'id' },
        cells: (all) => all.map((row) => billLink(view, row.billingPeriod, row.billingId)),
      },
      {
        head: 'Of the bill',
        data: { name: 'corrects', kind: 'id' },
        cells: (all) =>
          all.map(
            ({ corrects, correctedPeriod, billingPeriod }) =>
              html`${billLink(view, correctedPeriod ?? billingPeriod, corrects)}${correctedPeriod !== null && correctedPeriod !== billingPeriod && html` of ${monthName(correctedPeriod)}`}`,
          ),
      },
      texts('Written', 'timestamp', (row: BillCorrection) => row.timestamp, {
        shown: (row) => time({ timeZone }, row.timestamp, 'minutes'),
      }),
      texts('User', 'userId', (row: BillCorrection) => row.userId),
      texts('Reason', 'reason', (row: BillCorrection) => row.reason ?? '', {
        kind: 'message',
        shown: ({ reason, by }) =>
          reason === null ? UNKNOWN : html`${name(reason)}${by !== null && html` (${name(by)})`}`,
      }),
      texts('Paid', 'paid', ({ paid }: BillCorrection) => String(paid), {
        shown: ({ paid }) => status(paid ? 'paid' : 'unpaid'),
      }),
      amounts('Difference, USD', 'cost', (row: BillCorrection) => row.cost),
    ],
    rows,
  })
