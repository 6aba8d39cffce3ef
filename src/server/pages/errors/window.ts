import { formatTime } from '../../../cli/output/text/format.ts'
import { WfstoreError } from '../../../error.ts'
import { formatDuration } from '../../../numbers.ts'
import type { FailureFilter } from '../../../queries/errors/errors.ts'
import { filterOf, type PageView } from '../view.ts'

/** The parts of the window, and of the one before, in a small chart. */
export const PARTS = 12

/**
 * The filter in the address. Without a beginning the window has 24 hours, as in `errors --group`.
 * @param own the parameters that are no filters
 * @throws WfstoreError usage
 */
export async function failureFilter(
  view: PageView,
  own: readonly string[],
): Promise<FailureFilter> {
  if (view.parameters.has('status')) {
    throw new WfstoreError('usage', 'errors have no filter status', {
      hint: 'an error is a failed or a partial run; use the page Executions for one status',
    })
  }
  const { status: _, ...filter } = await filterOf(view, own)
  return filter
}

/** A window. */
export interface Window {
  since: string
  until: string
}

/** 'From 2026-11-19 12:00 to 2026-11-20 12:00, compared with the 24h 00m before'. */
export function spanText({ timeZone }: PageView, { since, until }: Window): string {
  const [from, to] = [since, until].map((instant) => formatTime(instant, timeZone, 'minutes'))
  return `From ${from} to ${to}, compared with the ${lengthOf({ since, until })} before`
}

export const lengthOf = ({ since, until }: Window): string =>
  formatDuration(Date.parse(until) - Date.parse(since))
