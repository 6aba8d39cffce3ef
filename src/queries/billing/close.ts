import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { notFinite } from '../../db/values/faults.ts'
import { assertNoFaults, findFaults, isChecked } from '../../db/values/find.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { isMonth } from '../../tables/column.ts'
import { monthOf, optionalText } from '../table/validate.ts'
import { type BillingPeriod, getPeriod, listPeriods, OPEN_PERIOD } from './periods.ts'

export interface PeriodClose {
  period: string
  /** The person or role that closes it (default: the role of the connection). */
  closedBy?: string | undefined
  /** Close a month without bills. */
  allowEmpty?: boolean | undefined
  /** Close the month although an earlier month with bills is open. */
  allowEarlierOpen?: boolean | undefined
  /** Change nothing. */
  dryRun?: boolean | undefined
  /** Called before anything changes; throw to stop. */
  confirm?: ((period: BillingPeriod, openBefore: string[]) => Promise<void>) | undefined
}

const OPTIONS: Names<PeriodClose> = {
  period: true,
  closedBy: true,
  allowEmpty: true,
  allowEarlierOpen: true,
  dryRun: true,
  confirm: true,
}

export interface PeriodCloseResult {
  /** closed: closed by this call. already: closed before. planned: a dry run. */
  outcome: 'closed' | 'already' | 'planned'
  /** With the totals that are recorded, or would be recorded. */
  period: BillingPeriod
  /** Earlier periods with bills that are still open. */
  openBefore: string[]
}

/**
 * Closes a month and records its totals. Afterwards its bills can be paid, but not changed, added or removed. It waits for
 * sessions that are writing a bill of this month. It cannot be undone.
 * @throws WfstoreError usage if it is not a month or has not ended in the billing zone; conflict if it has no bills or an
 * earlier month is open, unless that is allowed, or a bill is not finite; permission_denied
 */
export async function closePeriod(
  read: Run,
  write: Run,
  close: PeriodClose,
): Promise<PeriodCloseResult> {
  checkNames('billing.closePeriod', close, OPTIONS)
  const { period: name, closedBy, allowEmpty, allowEarlierOpen, dryRun, confirm } = close
  const month = monthOf('period', name)
  const period = await getPeriod(read, month)
  const openBefore = (await listPeriods(read))
    .filter((other) => other.state === 'open' && isMonth(other.period) && other.period < month)
    .map((other) => other.period)
    .reverse()
  if (period.state === 'closed') return { outcome: 'already', period, openBefore }
  await assertEnded(read, period)
  if (!allowEmpty) assertFilled(period)
  if (!allowEarlierOpen) assertInOrder(month, openBefore)
  await assertFiniteBills(read, month)
  if (dryRun) return { outcome: 'planned', period, openBefore }
  await confirm?.(period, openBefore)
  const [closed] = await send(
    write,
    sql`select wfstore_close(${month}, ${optionalText('closedBy', closedBy)}) as closed`,
    { closed: d.nullable(d.boolean()) },
  )
  const outcome = closed?.closed ? 'closed' : 'already'
  return { outcome, period: await getPeriod(read, month), openBefore }
}

/** The trigger of the close reads the bills again. */
async function assertFiniteBills(read: Run, month: string): Promise<void> {
  const from = sql`(select * from billing_records where billing_period = ${month} and not ${raw(isChecked('billing_records'))}) as billing_records`
  assertNoFaults(`close ${month}`, await findFaults(read, notFinite('billing_records'), from))
}

function assertFilled({ period, records }: BillingPeriod): void {
  if (records > 0) return
  throw new WfstoreError('conflict', `${period} has no bills`, {
    hint: 'check the month, or use `allowEmpty`',
  })
}

function assertInOrder(month: string, openBefore: readonly string[]): void {
  const [first, ...others] = openBefore
  if (first === undefined) return
  const open = others.length === 0 ? `${first} is` : `${openBefore.join(', ')} are`
  throw new WfstoreError('conflict', `${open} still open and before ${month}`, {
    hint: `close ${first} first, or use \`allowEarlierOpen\``,
  })
}

/** By the server's clock, which also dates the bills. */
async function assertEnded(read: Run, { period, endTime, timeZone }: BillingPeriod) {
  const [found] = await read(sql`select ${period}::text < ${raw(OPEN_PERIOD)} as ended`, {
    ended: d.boolean(),
  })
  if (found?.ended) return
  throw new WfstoreError('usage', `${period} has not ended; it ends at ${endTime}`, {
    hint: `close it after that; months begin at midnight in ${timeZone}`,
  })
}
