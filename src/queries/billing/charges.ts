import { sameRun } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { List } from '../table/page.ts'
import type { Meter } from './bill-lines.ts'
import { BILLS, type BillFilter, billShape } from './bills.ts'
import { endOf, startOf, ZONE } from './periods.ts'

/** The time of the charge; for a correction, the time of the corrected bill. */
const happened = `coalesce((select o.timestamp from billing_records o where o.billing_id = b.corrects and ${sameRun('o', 'b')}), b.timestamp)`
const second = (at: string) => `to_char(${at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
const day = `date_trunc('day', ${happened} at time zone ${ZONE})`

const lineShape = {
  provider: d.nullable(d.text()),
  modelId: d.text(),
  meter: d.word<Meter>(),
  quantity: d.nullable(d.total()),
  /** Millions of tokens. */
  millions: d.nullable(d.amount('trim_scale(l.quantity * 0.000001)')),
  unitPrice: d.nullable(d.amount()),
  cost: d.amount(),
  costSource: d.text(),
}
export type ChargeLine = d.RowOf<typeof lineShape>

const METER_ORDER = `array_position('{given,input,output,cache_read,cache_write,reasoning,tokens,request}', l.meter)`

/** A bill with its lines, and with its periods as FOCUS requires them: UTC, whole seconds, the end exclusive. */
const chargeShape = {
  ...billShape,
  /** A JSON object, as text. */
  tagsText: d.jsonText('b.tags'),
  lines: {
    ...d.rows(lineShape),
    sql: `coalesce((select json_agg(${d.jsonArrayOf(lineShape, 'l')}
      order by l.model_id <> b.model_id, l.model_id collate "C", l.provider collate "C", ${METER_ORDER}, l.cost_source, l.unit_price)
      from wfstore_bill_lines l where l.billing_id = b.billing_id and ${sameRun('l', 'b')}), '[]')`,
  },
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
