import { sameRun } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'

const shape = {
  billingId: d.uuid(),
  /** The bill that it corrects, and the period of that bill. */
  corrects: d.uuid(),
  correctedPeriod: d.nullable(
    d.text(
      `(select o.billing_period from billing_records o where o.billing_id = b.corrects and ${sameRun('o', 'b')})`,
    ),
  ),
  billingPeriod: d.text(),
  timestamp: d.time(),
  userId: d.text(),
  /** US dollars; below 0 if the bill becomes lower. */
  cost: d.amount(),
  paid: d.boolean(),
  reason: d.nullable(d.text(`b.metadata ->> 'reason'`)),
  by: d.nullable(d.text(`b.metadata ->> 'by'`)),
}
/** A bill that corrects another one. */
export type BillCorrection = d.RowOf<typeof shape>

/** The corrections in a period, newest first. */
export const correctionsIn = (run: Run, period: string, limit: number): Promise<BillCorrection[]> =>
  run(
    sql`select ${raw(d.selectList(shape, 'b'))} from billing_records b
     where b.corrects is not null and b.billing_period = ${period}
     order by b.timestamp desc, b.billing_id desc limit ${limit}`,
    shape,
  )

/** The corrections of a bill, oldest first. */
export const correctionsOf = (run: Run, billingId: string): Promise<BillCorrection[]> =>
  run(
    sql`select ${raw(d.selectList(shape, 'b'))} from billing_records b
     where b.corrects = ${billingId}::uuid order by b.timestamp, b.billing_id`,
    shape,
  )
