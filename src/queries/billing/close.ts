import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { monthOf, optionalText } from '../table/validate.ts'
import { type BillingPeriod, getPeriod, listPeriods, OPEN_PERIOD } from './periods.ts'

export interface PeriodClose {
  period: string
  /** Who closes it; the role of the connection unless given. */
  closedBy?: string | undefined
  /** Look only. */
  dryRun?: boolean | undefined
  /** Asked before anything is changed; throws where it must not be. */
  confirm?: ((period: BillingPeriod, openBefore: string[]) => Promise<void>) | undefined
}

export interface PeriodCloseResult {
  /** closed: it was done now. already: it was closed before. planned: a dry run. */
  outcome: 'closed' | 'already' | 'planned'
  /** With the totals that are written down for ever, or would be. */
  period: BillingPeriod
  /** Earlier periods with bills that are open still. */
  openBefore: string[]
}

/**
 * Closes a month: its totals are written down, and from then on its bills can be paid, but not be changed, added or
 * removed. Whoever writes a bill for it meanwhile is waited for. It cannot be undone.
 * @throws WfstoreError usage where it is no month or has not ended in the store's zone, permission_denied
 */
export async function closePeriod(
  read: Run,
  write: Run,
  { period: name, closedBy, dryRun, confirm }: PeriodClose,
): Promise<PeriodCloseResult> {
  const month = monthOf('period', name)
  const period = await getPeriod(read, month)
  const openBefore = (await listPeriods(read))
    .filter((other) => other.state === 'open' && other.period < month)
    .map((other) => other.period)
    .reverse()
  if (period.state === 'closed') return { outcome: 'already', period, openBefore }
  await assertEnded(read, period)
  if (dryRun) return { outcome: 'planned', period, openBefore }
  await confirm?.(period, openBefore)
  await write(
    'insert into billing_periods (billing_period) values ($1) on conflict do nothing',
    [month],
    {},
  )
  const closed = await write(
    `update billing_periods set closed_at = now(), closed_by = $2
     where billing_period = $1 and closed_at is null
     returning billing_period`,
    [month, optionalText('closedBy', closedBy)],
    { billingPeriod: d.text() },
  )
  const outcome = closed.length > 0 ? 'closed' : 'already'
  return { outcome, period: await getPeriod(read, month), openBefore }
}

/** By the clock of the server, which writes the bills too. */
async function assertEnded(read: Run, { period, endTime, timeZone }: BillingPeriod) {
  const [found] = await read(`select $1::text < ${OPEN_PERIOD} as ended`, [period], {
    ended: d.boolean(),
  })
  if (found?.ended) return
  throw new WfstoreError('usage', `${period} has not ended: it is open until ${endTime}`, {
    hint: `months begin at midnight in ${timeZone}; close it after that`,
  })
}
