import { formatShare } from '../../../cli/output/text/format.ts'
import type { TimelineRow } from '../../../cli/output/timeline/row.ts'
import { type TimelineRun, timelineOf } from '../../../cli/output/timeline/timeline.ts'
import { formatDuration, plural } from '../../../numbers.ts'
import { knownCost } from '../../../queries/executions/known.ts'
import type { ExecutionOutline } from '../../../queries/executions/outline.ts'
import type { ExecutionTree } from '../../../queries/executions/tree.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { executionHref } from '../links.ts'
import type { PageView } from '../view.ts'
import { nested, type TimelineBar } from './nesting.ts'
import { stepsHref } from './places.ts'

/** The width of a drawing. */
const WIDTH = 1000
/** The marks on the axis. */
const QUARTERS = [0, 0.25, 0.5, 0.75, 1]
/** The now of a running run moves in steps, because each change is sent to all who look at it. */
const NOW_STEP_MS = 10_000

/** The steps of a run as bars over its time, with the runs that they started. */
export function timelineSection(
  view: PageView,
  run: ExecutionOutline,
  tree: ExecutionTree,
): Markup {
  const { rows, summary } = timelineOf(drawn(run), nowOf(view, run))
  if (rows.length === 0)
    return html`<section id="timeline"><h2>Timeline</h2>${nothing(run.status === 'running' ? 'No steps yet' : 'No steps')}</section>`
  const { bars, left } = nested(rows, tree, run)
  const [spanMs, folded] = [rows[0]?.spanMs ?? 0, rows.some(isFolded)]
  return html`<section id="timeline"><h2>Timeline</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Timeline" data-key="timeline-table"><table class="timeline">
<caption><span>${run.steps.length === 1 ? '1 step' : `${plural(run.steps.length, 'step')}${folded ? '; steps in a row that are not notable share a line' : ''}`}</span></caption>
<thead><tr><th scope="col" class="number">#</th><th scope="col">Step</th><th scope="col" class="axis"><span>${QUARTERS.map((part) => html`<span>${part === 0 ? '0s' : formatDuration(spanMs * part)}</span>`)}</span></th>
<th scope="col" class="number">Start</th><th scope="col" class="number">Time</th><th scope="col" class="number">Cost</th><th scope="col">Note</th></tr></thead>
<tbody>${bars.map((bar) => line(view, run, bar))}</tbody>
</table></div>
<ul class="summary">${summary.map((text) => html`<li>${name(text)}</li>`)}</ul>
${left > 0 && html`<p class="note">${plural(left, 'sub-run')} more ${left === 1 ? 'is' : 'are'} in the list of sub-runs.</p>`}
</section>`
}

const drawn = (run: ExecutionOutline): TimelineRun => ({
  ...run,
  steps: run.steps.map((step) => ({ ...step, cost: knownCost(step) })),
})

/** Not before the last end of a step, which the clock of the engine may have set. */
function nowOf({ now }: PageView, { steps, startTime }: ExecutionOutline): Date {
  const floor = Math.floor(now.getTime() / NOW_STEP_MS) * NOW_STEP_MS
  const ends = steps.map(({ startTime, endTime }) => Date.parse(endTime ?? startTime ?? ''))
  return new Date(
    ends.reduce(
      (last, end) => (end > last && end <= now.getTime() ? end : last),
      Math.max(floor, Math.min(now.getTime(), Date.parse(startTime) + 1000)),
    ),
  )
}

const isFolded = ({ status }: TimelineRow) => status === 'folded'

function line(
  view: PageView,
  run: ExecutionOutline,
  { row, depth, executionId }: TimelineBar,
): Markup {
  const { label, place, status, startMs, durationMs, costShare, note } = row
  const title =
    executionId !== undefined
      ? html`<a href="${executionHref(view, executionId)}">${name(row.name)}</a> <em>sub-run</em>`
      : place === null
        ? html`<em>${row.name}</em>`
        : html`<a class="plain" href="${stepsHref(view, run, place)}">${name(row.name)}</a>`
  return html`<tr class="row-${status}" data-key="${executionId ?? `${status === 'waiting' ? `wait-${Math.round(startMs ?? 0)}` : `step-${label}`}`}"><td class="number">${label.replace('-', '–')}</td><th scope="row" class="name d${Math.min(depth, 4)}">${title}</th>
<td class="span">${drawing(row)}</td><td class="number">${startMs === null ? '–' : html`${startMs < 0 ? '−' : '+'}${formatDuration(Math.abs(startMs))}`}</td>
<td class="number">${durationMs === null ? '–' : html`<span title="${durationMs} ms">${formatDuration(durationMs)}</span>`}</td><td class="number">${costShare === null ? '–' : costShare === 0 ? '0%' : formatShare(costShare)}</td><td class="mark-note">${name(note)}</td></tr>`
}

/** A bar is at least as wide that it is seen; an early or late one ends at the edge. */
function drawing({ startMs, endMs, spanMs, status, open }: TimelineRow): Markup | false {
  if (startMs === null || endMs === null) return false
  const at = (ms: number) => Math.min(WIDTH, Math.max(0, spanMs > 0 ? (ms / spanMs) * WIDTH : 0))
  const width = Math.max(3, at(endMs) - at(startMs))
  const x = Math.min(at(startMs), WIDTH - width)
  const known = /^[a-z]+$/.test(status) ? status : 'other'
  return html`<svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true"><rect class="t-${known}${open && ' t-open'}" x="${round(x)}" width="${round(width)}" height="10"/></svg>`
}

const round = (value: number) => Number(value.toFixed(1))
