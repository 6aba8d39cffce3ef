import { formatNumber } from '../../../numbers.ts'
import type { ShortEntry } from '../../../queries/executions/entries.ts'
import type { Page } from '../../../queries/table/page.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { count, money } from '../../markup/numbers.ts'
import { status, time } from '../cells.ts'
import { apiHref, hrefHere } from '../links.ts'
import type { PageView } from '../view.ts'
import { cut, isEmpty, payload } from './payload.ts'

/** The audit entries of a run, newest first. */
export function auditSection(
  view: PageView,
  executionId: string,
  { rows, nextCursor, hasMore }: Page<ShortEntry>,
): Markup {
  const isFirst = !view.parameters.has('cursor')
  const all = apiHref({ ...view, parameters: new URLSearchParams() }, '/audit', {
    execution: executionId,
  })
  return html`<section id="audit"><h2>Audit entries <span class="more"><a href="${all}">JSON</a></span></h2>
${
  rows.length === 0
    ? nothing(isFirst ? 'No audit entries' : 'No more audit entries')
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Audit entries" data-key="audit-table"><table class="audit reflow">
<caption><span>${hasMore || !isFirst ? `${formatNumber(rows.length)} entries, newest first` : `All ${formatNumber(rows.length)} entries, newest first`}</span></caption>
<thead><tr><th scope="col">Time</th><th scope="col">Action</th><th scope="col">Details</th><th scope="col">Result</th><th scope="col" class="number">Tokens</th><th scope="col" class="number">Cost</th></tr></thead>
<tbody>${rows.map((entry) => row(view, entry))}</tbody></table></div>`
}
${(hasMore || !isFirst) && html`<nav class="pager" aria-label="Pages of audit entries">${!isFirst && html`<a class="button" href="${hrefHere(view, { cursor: null })}#audit">Newest</a>`}${nextCursor !== null && html`<a class="button" href="${hrefHere(view, { cursor: nextCursor })}#audit">Older</a>`}</nav>`}
</section>`
}

function row(view: PageView, entry: ShortEntry): Markup {
  const whole = apiHref({ ...view, parameters: new URLSearchParams() }, `/audit/${entry.logId}`)
  const { toolInput, toolOutput, metadata, errorMessage } = entry
  const parts = [
    payload('Input', toolInput, whole),
    payload('Output', toolOutput, whole),
    !isEmpty(metadata) && payload('Metadata', metadata, whole),
  ].filter((part) => part !== false)
  return html`<tr data-key="${entry.logId}"><td data-label="Time">${time(view, entry.timestamp)}</td><td data-label="Action">${name(entry.actionType)}${entry.toolName !== null && html`<br><span class="soft">${name(entry.toolName)}</span>`}</td>
<th scope="row" class="message name">${cut(entry.actionDetails)}${errorMessage && html`<p class="error">${cut(errorMessage)}</p>`}${parts.length > 0 && html`<details><summary>Data</summary>${parts}</details>`}</th>
<td data-label="Result">${status(entry.success ? 'success' : 'failed')}</td><td class="number" data-label="Tokens">${count(entry.tokensUsed)}</td><td class="number" data-label="Cost">${money(entry.cost)}</td></tr>`
}
