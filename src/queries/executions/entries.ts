import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { AUDIT, type AuditFilter, auditShape } from '../audit/audit.ts'
import { BILLS, type BillFilter, billShape } from '../billing/bills.ts'
import { BILLED_LINES } from '../billing/lines.ts'
import type { List } from '../table/page.ts'
import { longText, shortJson } from './limited.ts'

/** Lists whose rows have only the beginning of long values, for pages. Their cursors are those of the whole lists. */

const entryShape = {
  ...auditShape,
  actionDetails: longText('a.action_details'),
  errorMessage: d.nullable(longText('a.error_message')),
  toolInput: shortJson('a.tool_input'),
  toolOutput: shortJson('a.tool_output'),
  metadata: shortJson('a.metadata'),
}
/** An audit entry with the beginning of its data. */
export type ShortEntry = d.RowOf<typeof entryShape>
export const SHORT_AUDIT: List<typeof entryShape, AuditFilter> = { ...AUDIT, shape: entryShape }

const shape = {
  ...billShape,
  metadata: shortJson('b.metadata'),
  /** Of a correction. The same holds for the person who corrected. */
  reason: d.nullable(longText(`b.metadata ->> 'reason'`)),
  correctedBy: d.nullable(longText(`b.metadata ->> 'by'`)),
}
/** A bill with the beginning of its data. */
export type ShortBill = d.RowOf<typeof shape>
export const SHORT_BILLS: List<typeof shape, BillFilter> = { ...BILLS, shape }

const billedShape = {
  bills: d.count(),
  lines: d.count(),
  /** With corrections. */
  cost: d.amount(),
  unpaid: d.amount(),
}
/** What a run is billed. */
export type Billed = d.RowOf<typeof billedShape>

export async function billedOf(run: Run, executionId: string): Promise<Billed> {
  const [billed] = await run(
    sql`select count(*) as bills, trim_scale(coalesce(sum(b.cost), 0)) as cost,
        trim_scale(coalesce(sum(b.cost) filter (where not b.paid), 0)) as unpaid,
        (select count(*) from ${raw(BILLED_LINES)} where b.execution_id = ${executionId}::uuid) as lines
      from billing_records b where b.execution_id = ${executionId}::uuid`,
    billedShape,
  )
  return billed as Billed
}
