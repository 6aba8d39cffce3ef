import { formatDuration, plural } from '../../../numbers.ts'
import type { Count } from '../../../tables/types.ts'
import { roundedDollars } from '../text/amount.ts'
import { formatShare } from '../text/format.ts'
import { folded } from './fold.ts'
import type { TimelineRow } from './row.ts'

/** What a timeline needs of a step. */
export interface TimelineStep {
  stepNumber: number
  stepName: string
  status: string
  startTime: string | null
  endTime: string | null
  durationMs: Count | null
  retryCount: number
  /** Null if no part of it is known. */
  cost: string | null
}

/** What a timeline needs of a run. */
export interface TimelineRun {
  status: string
  startTime: string
  endTime: string | null
  totalCost: string
  steps: readonly TimelineStep[]
}

export interface Timeline {
  rows: TimelineRow[]
  /** Lines about the total time, the longest and the most expensive step. */
  summary: string[]
}

/** A wait shorter than this share of the run has no row of its own. */
const LONG_WAIT = 0.05
/** A step may exceed its run by this much because of rounding. */
const OUTSIDE_MS = 1

export function timelineOf(run: TimelineRun, now: Date): Timeline {
  if (run.steps.length === 0) return { rows: [], summary: [] }
  const span = spanOf(run, now)
  const rows = run.steps.map((step, place) => ({ ...rowOf(step, run, span, now), place }))
  const waits = waitsOf(rows, span.ms)
  const shown = withWaits(folded(rows), waits)
  return { rows: shown, summary: summaryOf(run, rows, waits, span.ms) }
}

interface Span {
  start: number
  ms: number
}

/** The time of the run; the time of its steps if the run has no duration. */
function spanOf(run: TimelineRun, now: Date): Span {
  const start = Date.parse(run.startTime)
  const running = run.status === 'running' ? now.getTime() : Number.NaN
  const end = run.endTime === null ? running : Date.parse(run.endTime)
  if (end > start) return { start, ms: end - start }
  const times = run.steps
    .flatMap((step) => [step.startTime, step.endTime])
    .flatMap((time) => (time === null ? [] : [Date.parse(time)]))
    .filter(Number.isFinite)
  const from = times.reduce((least, time) => Math.min(least, time), start)
  const till = times.reduce((most, time) => Math.max(most, time), from)
  return { start: from, ms: till - from }
}

function rowOf(
  step: TimelineStep,
  run: TimelineRun,
  span: Span,
  now: Date,
): Omit<TimelineRow, 'place'> {
  const notes: string[] = []
  if (step.status !== 'success') notes.push(step.status)
  const { startMs, endMs, open } = times(step, run, span, now, notes)
  if (step.retryCount > 0) notes.push(`retried${step.retryCount > 1 ? ` ${step.retryCount}x` : ''}`)
  const share = step.cost === null ? Number.NaN : Number(step.cost) / Number(run.totalCost)
  const length = startMs !== null && endMs !== null && endMs >= startMs ? endMs - startMs : null
  return {
    label: String(step.stepNumber),
    name: step.stepName,
    status: step.status,
    startMs,
    endMs,
    open,
    durationMs: tookOf(step) ?? length,
    costShare: Number.isFinite(share) ? share : null,
    note: notes.join(', '),
    spanMs: span.ms,
  }
}

/** A drawing needs no more than the precision of a double. */
const tookOf = ({ durationMs }: TimelineStep): number | null =>
  durationMs === null ? null : Number(durationMs)

/** The start and end of a step. A missing start, end or duration is computed from the other two. */
function times(step: TimelineStep, run: TimelineRun, span: Span, now: Date, notes: string[]) {
  const at = (time: string | null) => {
    const ms = time === null ? Number.NaN : Date.parse(time) - span.start
    return Number.isFinite(ms) ? ms : null
  }
  const [start, end] = [at(step.startTime), at(step.endTime)]
  const startMs = start ?? (end !== null ? end - (tookOf(step) ?? 0) : null)
  const unfinished = step.status === 'running' || step.status === 'pending'
  if (startMs === null || (start === null && unfinished)) {
    if (step.status !== 'pending') notes.push('no times')
    return { startMs: null, endMs: null, open: false }
  }
  const open = end === null && step.durationMs === null && unfinished
  if (open && run.status !== 'running') notes.push('unfinished')
  const until = run.status === 'running' ? now.getTime() - span.start : span.ms
  const endMs = open ? Math.max(until, startMs) : (end ?? startMs + (tookOf(step) ?? 0))
  if (endMs < startMs) notes.push(`ends ${formatDuration(startMs - endMs)} before start`)
  else if (startMs < -OUTSIDE_MS) notes.push(`starts ${formatDuration(-startMs)} early`)
  else if (endMs > span.ms + OUTSIDE_MS) notes.push(`ends ${formatDuration(endMs - span.ms)} late`)
  return { startMs, endMs, open }
}

interface Interval {
  from: number
  till: number
}

/** The times without an active step, from the start of the run to its end. */
function waitsOf(rows: readonly TimelineRow[], spanMs: number): Interval[] {
  const waits: Interval[] = []
  let busyTill = 0
  for (const { from, till } of intervals(rows, spanMs)) {
    if (from > busyTill) waits.push({ from: busyTill, till: from })
    busyTill = Math.max(busyTill, till)
  }
  return busyTill < spanMs ? [...waits, { from: busyTill, till: spanMs }] : waits
}

/** The steps, limited to the time of the run and sorted by start. */
const intervals = (rows: readonly TimelineRow[], spanMs: number): Interval[] =>
  rows
    .flatMap(({ startMs, endMs }) => {
      if (startMs === null || endMs === null) return []
      const from = Math.min(Math.max(startMs, 0), spanMs)
      return [{ from, till: Math.max(from, Math.min(endMs, spanMs)) }]
    })
    .sort((a, b) => a.from - b.from)

/** Adds a row for each long wait, before the step that ends it. */
function withWaits(rows: readonly TimelineRow[], waits: readonly Interval[]): TimelineRow[] {
  const spanMs = rows[0]?.spanMs ?? 0
  const left = waits.filter(({ from, till }) => till - from >= spanMs * LONG_WAIT)
  // Without times there are no waits.
  if (!rows.some(({ startMs }) => startMs !== null)) return [...rows]
  const shown = rows.flatMap((row) => {
    const before = left.findIndex(({ till }) => row.startMs !== null && row.startMs >= till)
    if (before < 0) return [row]
    return [...left.splice(0, before + 1).map((wait) => waiting(wait, spanMs)), row]
  })
  return [...shown, ...left.map((wait) => waiting(wait, spanMs))]
}

const waiting = ({ from, till }: Interval, spanMs: number): TimelineRow => ({
  label: '',
  place: null,
  name: 'waiting',
  status: 'waiting',
  startMs: from,
  endMs: till,
  open: false,
  durationMs: till - from,
  costShare: null,
  note: '',
  spanMs,
})

function summaryOf(
  run: TimelineRun,
  rows: readonly TimelineRow[],
  waits: readonly Interval[],
  spanMs: number,
): string[] {
  const lines: string[] = []
  const placed = intervals(rows, spanMs)
  if (placed.length > 0 && spanMs > 0) {
    const between = waits.reduce((sum, { from, till }) => sum + till - from, 0)
    const busy = `${formatDuration(spanMs - between)} in steps (${formatShare(1 - between / spanMs)})`
    const most = atOnce(placed)
    const overlap = most > 1 ? `, up to ${plural(most, 'step')} at once` : ''
    lines.push(
      `${formatDuration(spanMs)} ${run.status === 'running' ? 'so far' : 'in total'}: ` +
        `${busy}${overlap}, ${formatDuration(between)} between steps`,
    )
  }
  const longest = largest(rows, ({ durationMs }) => durationMs)
  if (longest) {
    const { label, name, durationMs } = longest
    const share = spanMs > 0 ? ` (${formatShare((durationMs ?? 0) / spanMs)} of the time)` : ''
    lines.push(`longest step: ${label} ${name}, ${formatDuration(durationMs)}${share}`)
  }
  const costliest = largest(rows, ({ costShare }) => costShare)
  if (costliest) {
    const { label, name, costShare } = costliest
    const cost = roundedDollars(run.steps[rows.indexOf(costliest)]?.cost ?? '')
    lines.push(
      `most expensive step: ${label} ${name}, ${cost} (${formatShare(costShare)} of the cost)`,
    )
  }
  return lines
}

function largest(
  rows: readonly TimelineRow[],
  of: (row: TimelineRow) => number | null,
): TimelineRow | undefined {
  return rows.reduce<TimelineRow | undefined>(
    (most, row) => ((of(row) ?? 0) > (most ? (of(most) ?? 0) : 0) ? row : most),
    undefined,
  )
}

/** The largest number of intervals that overlap. At the same instant one ends before another begins. */
function atOnce(sorted: readonly Interval[]): number {
  const long = sorted.filter(({ from, till }) => till > from)
  const ends = long.map(({ till }) => till).sort((a, b) => a - b)
  let ended = 0
  return long.reduce((most, { from }, index) => {
    while ((ends[ended] ?? Number.POSITIVE_INFINITY) <= from) ended++
    return Math.max(most, index + 1 - ended)
  }, 0)
}
