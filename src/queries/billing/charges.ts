import * as d from '../../db/query/decode.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'
import type { List } from '../table/page.ts'
import { BILLS, type BillFilter, billShape } from './bills.ts'
import { endOf, startOf, ZONE } from './periods.ts'

/** The time of the charge; for a correction, the time of the corrected bill. */
const happened = `coalesce((select o.timestamp from billing_records o where o.billing_id = b.corrects), b.timestamp)`
const second = (at: string) => `to_char(${at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
const day = `date_trunc('day', ${happened} at time zone ${ZONE})`

/** A bill with its periods as FOCUS requires them: UTC, whole seconds, the end exclusive. */
const chargeShape = {
  ...billShape,
  /** Tokens without a reported class. */
  tokensRest: d.total(
    ['b.tokens_total::numeric', ...TOKEN_COLUMNS.map((name) => `coalesce(b.${name}, 0)`)].join(
      ' - ',
    ),
  ),
  account: d.text('current_database()'),
  billingPeriodStart: d.text(second(startOf('b.billing_period'))),
  billingPeriodEnd: d.text(second(endOf('b.billing_period'))),
  /** The day of the charge in the billing zone. */
  chargePeriodStart: d.text(second(`(${day} at time zone ${ZONE})`)),
  chargePeriodEnd: d.text(second(`((${day} + interval '1 day') at time zone ${ZONE})`)),
}
export type BillingCharge = d.RowOf<typeof chargeShape>

export const CHARGES: List<typeof chargeShape, BillFilter> = {
  ...BILLS,
  name: 'billing charges',
  shape: chargeShape,
}
