import { plural } from '../../../numbers.ts'
import type { TraceTotals } from '../../../queries/traces/totals.ts'
import { rejectedText } from '../../../record/otel/decode/rejected.ts'
import type { Column } from '../../output/column.ts'

/** A line that cannot be read. */
export interface UnreadLine {
  file: string
  line: number
  reason: string
}

/** What an ingest of files has done. */
export interface IngestResult extends TraceTotals {
  /** Lines that are not empty. */
  lines: number
  /** Lines of logs and metrics. */
  linesIgnored: number
  spans: number
  /** Spans that are in the store, also those that were there before. */
  accepted: number
  refused: number
  /** Why, with the number of spans. */
  refusals: { reason: string; spans: number }[]
  /** Traces that could not be written. They are tried again later. */
  failed: number
  /** The first 100 lines that cannot be read. */
  unread: UnreadLine[]
  unreadCount: number
}

const refusalColumns: Column<IngestResult['refusals'][number]>[] = [
  { name: 'reason', kind: 'text' },
  { name: 'spans', kind: 'count' },
]
const unreadColumns: Column<UnreadLine>[] = [
  { name: 'file', kind: 'text' },
  { name: 'line', kind: 'count' },
  { name: 'reason', kind: 'text' },
]

export const resultColumns: Column<IngestResult>[] = [
  { name: 'lines', kind: 'count' },
  { name: 'linesIgnored', kind: 'count' },
  { name: 'spans', kind: 'count' },
  { name: 'accepted', kind: 'count' },
  { name: 'refused', kind: 'count' },
  {
    name: 'refusals',
    kind: 'rows',
    columns: refusalColumns as readonly Column<never>[],
    table: false,
  },
  { name: 'runs', kind: 'count' },
  { name: 'runsOpen', kind: 'count' },
  { name: 'steps', kind: 'count' },
  { name: 'stepsUnpriced', kind: 'count' },
  { name: 'totalTokens', kind: 'count' },
  { name: 'totalCost', kind: 'amount' },
  { name: 'failed', kind: 'count' },
  {
    name: 'unread',
    kind: 'rows',
    columns: unreadColumns as readonly Column<never>[],
    table: false,
  },
  { name: 'unreadCount', kind: 'count' },
]

/** '3,208 spans: 12 runs, 80 steps, 1,604 tokens, $0.0381' */
export function summaryLine(result: IngestResult, cost: string): string {
  const { accepted, runs, steps, totalTokens } = result
  const counts = [plural(runs, 'run'), plural(steps, 'step'), plural(totalTokens, 'token')]
  return `${plural(accepted, 'span')}: ${[...counts, cost].join(', ')}`
}

/** Lines that are not traces. */
export function ignoredLine({ linesIgnored }: IngestResult): string | undefined {
  const verb = linesIgnored === 1 ? 'has' : 'have'
  return linesIgnored === 0
    ? undefined
    : `${plural(linesIgnored, 'line')} ${verb} logs or metrics, and no traces`
}

/** Runs that are not ended. Another process may be about to end them. */
export function openLine({ runsOpen }: IngestResult): string | undefined {
  const verb = runsOpen === 1 ? 'is still open: it waits' : 'are still open: they wait'
  return runsOpen === 0 ? undefined : `${plural(runsOpen, 'run')} ${verb} for more spans`
}

/** What the cost does not contain. */
export function unpricedLine({ stepsUnpriced }: IngestResult): string | undefined {
  if (stepsUnpriced === 0) return undefined
  const [have, their] = stepsUnpriced === 1 ? ['has', 'its'] : ['have', 'their']
  return `${plural(stepsUnpriced, 'step')} ${have} no tokens or no price, so ${their} cost is not included; run \`wfstore prices check\``
}

/** What is refused, in one line; undefined if nothing is. */
export function refusedText(result: IngestResult): string | undefined {
  const { refused, refusals, failed, unread, unreadCount } = result
  const reasons = Object.fromEntries(refusals.map(({ reason, spans }) => [reason, spans]))
  const [first] = unread
  const more = unreadCount > 1 ? ` (and ${plural(unreadCount - 1, 'more line')})` : ''
  const are = failed === 1 ? 'is' : 'are'
  const parts = [
    ...(refused > 0 ? [rejectedText({ count: refused, reasons })] : []),
    ...(failed > 0
      ? [`${plural(failed, 'trace')} ${are} not stored: see \`wfstore ingest check\``]
      : []),
    ...(first ? [`${first.file}:${first.line} ${first.reason}${more}`] : []),
  ]
  return parts.length === 0 ? undefined : parts.join('; ')
}
