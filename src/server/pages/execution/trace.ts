import type { TraceFinding } from '../../../queries/traces/check.ts'
import type { Trace } from '../../../queries/traces/trace.ts'
import { detailOf } from '../../../queries/traces/words.ts'
import { html, type Markup, name } from '../../markup/markup.ts'
import { type Cells, counts, table, texts } from '../../markup/table.ts'
import { time, UNKNOWN } from '../cells.ts'
import type { PageView } from '../view.ts'

const STATES: Record<Trace['state'], string> = {
  received: 'received, not yet written as a run',
  running: 'running: more spans may arrive',
  abandoned: 'ended without its root span',
  ended: 'ended',
  recorded: 'an engine records this run itself, so its spans do not count',
}

/** The trace of a run that came from OpenTelemetry, and what was found in it. */
export function traceSection(
  view: PageView,
  executionId: string,
  trace: Trace,
  findings: readonly TraceFinding[],
): Markup {
  return html`<section id="trace"><h2>OpenTelemetry</h2>
<dl class="facts"><dt>Trace</dt><dd><code class="id">${executionId.replaceAll('-', '')}</code></dd>
<dt>State</dt><dd>${STATES[trace.state] ?? trace.state}</dd>
<dt>Spans arrived</dt><dd>${time(view, trace.firstArrival)} to ${time(view, trace.lastArrival)}</dd></dl>
${trace.error !== null && html`<p class="notice bad">The run cannot be written, and is tried again: ${name(trace.error)}</p>`}
${findings.length > 0 ? table({ caption: 'Findings', file: `findings-${executionId}`, columns, rows: findings }) : html`<p class="note">Nothing is wrong with the trace.</p>`}
</section>`
}

const columns: Cells<TraceFinding>[] = [
  texts<TraceFinding>('Finding', 'finding', (row) => row.finding, { kind: 'name' }),
  counts<TraceFinding>('Spans', 'spans', (row) => row.spans || null),
  texts<TraceFinding>('Detail', 'detail', (row) => detailOf(row) ?? ''),
  texts<TraceFinding>('First span', 'spanId', (row) => row.spanId ?? '', {
    shown: (row) => (row.spanId === null ? UNKNOWN : html`<code>${row.spanId}</code>`),
  }),
]
