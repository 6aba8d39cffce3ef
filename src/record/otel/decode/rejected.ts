import { formatNumber, plural } from '../../../numbers.ts'
import type { Rejected } from '../options.ts'

export const NONE_REJECTED: Rejected = { count: 0, reasons: {} }

/** The spans of both. */
export function addRejected(one: Rejected, other: Rejected): Rejected {
  if (one.count === 0) return other
  const reasons: Record<string, number> = { ...one.reasons }
  for (const [reason, count] of Object.entries(other.reasons))
    reasons[reason] = (reasons[reason] ?? 0) + count
  return { count: one.count + other.count, reasons }
}

/** '3 spans are refused: the trace id is all zeros (2), a field has a wrong type' */
export function rejectedText({ count, reasons }: Rejected): string {
  const each = Object.entries(reasons)
    .sort(([a, most], [b, least]) => least - most || (a < b ? -1 : 1))
    .map(([reason, of]) => (of === count ? reason : `${reason} (${formatNumber(of)})`))
  return `${plural(count, 'span')} ${count === 1 ? 'is' : 'are'} refused: ${each.join(', ')}`
}
