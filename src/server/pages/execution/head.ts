import { formatNumber, plural } from '../../../numbers.ts'
import type { ExecutionOutline } from '../../../queries/executions/outline.ts'
import { classWords, TOKEN_FIELDS } from '../../../tables/tokens.ts'
import { html, type Markup, name } from '../../markup/markup.ts'
import { count, money } from '../../markup/numbers.ts'
import { duration, executionLink, filterLink, since, status, time, UNKNOWN } from '../cells.ts'
import { figure, figures } from '../figures.ts'
import { exactly, href } from '../links.ts'
import type { PageView } from '../view.ts'
import type { ExecutionData } from './data.ts'
import { cut, isEmpty, payload } from './payload.ts'

/** What one sees first: status, time, cost, tokens, error. */
export function headOf(view: PageView, data: ExecutionData, whole: string): Markup {
  const { run, tree, idle } = data
  return html`${idle?.stuck && html`<p class="notice">The run has had no write for ${since(view, idle.lastWriteTime)}: its engine may have died. <code>wfstore executions fail</code> closes it.</p>`}
${run.errorMessage && html`<div class="notice bad"><h2 class="hidden">Error</h2><p class="error">${cut(run.errorMessage)}</p></div>`}
${figures([
  figure('Status', status(idle?.stuck ? 'stuck' : run.status), statusAbout(view, data)),
  run.status === 'running'
    ? figure('Duration', since(view, run.startTime), 'so far')
    : figure('Duration', duration(run.durationMs)),
  figure(
    'Cost',
    money(run.totalCost),
    tree.childCount > 0
      ? html`${money(tree.costWithChildren)} with ${plural(tree.childCount, 'sub-run')}`
      : null,
  ),
  figure('Tokens', count(run.totalTokens), tokensAbout(data)),
  figure(
    'Steps',
    html`${count(run.stepsCompleted)}${run.stepsTotal > 0 && html`<span class="soft">/${count(run.stepsTotal)}</span>`}`,
    stepsAbout(run),
  ),
])}
<dl class="facts run-facts">
${fact('Run', html`<code class="id">${run.executionId}</code> <a href="${whole}">JSON</a>`)}
${fact('Workflow', filterLink(view, 'workflow', run.workflowName))}
${fact('User', filterLink(view, 'user', run.userId))}
${fact('Mode', filterLink(view, 'mode', run.mode))}
${fact('Model', filterLink(view, 'model', run.modelId))}
${fact('Type', name(run.workflowType))}
${fact('Started', time(view, run.startTime))}
${fact('Ended', run.endTime === null ? UNKNOWN : time(view, run.endTime))}
${idle && fact('Last write', html`${time(view, idle.lastWriteTime)} <span class="soft">${since(view, idle.lastWriteTime)} ago</span>`)}
${run.sessionId !== null && fact('Session', filterLink(view, 'session', run.sessionId))}
${run.parentExecutionId !== null && fact('Started by', tree.ancestors.length > 0 ? html`${tree.ancestors.map((parent, place) => html`${place > 0 && ' › '}${executionLink(view, parent.executionId)} ${name(parent.workflowName)}`)}` : executionLink(view, run.parentExecutionId))}
${tagsOf(view, run)}
</dl>
${metadataOf(run, whole)}`
}

const fact = (term: string, value: Markup | string): Markup =>
  html`<dt>${term}</dt><dd>${value}</dd>`

const statusAbout = (view: PageView, { run }: ExecutionData): Markup | string =>
  run.endTime === null
    ? html`since ${time(view, run.startTime)}`
    : html`ended ${time(view, run.endTime)}`

/** The tokens by class, as far as the steps report them. */
function tokensAbout({ models: { models } }: ExecutionData): string | null {
  const parts = TOKEN_FIELDS.flatMap((field) => {
    const known = models.flatMap((use) => use[field] ?? [])
    if (known.length === 0) return []
    return `${classWords(field)} ${formatNumber(known.reduce<bigint>((sum, value) => sum + BigInt(value), 0n))}`
  })
  return parts.length > 0 ? parts.join(', ') : null
}

function stepsAbout({ stepsFailed, stepCount }: ExecutionOutline): string {
  return [
    stepsFailed > 0 && `${formatNumber(stepsFailed)} failed`,
    `${formatNumber(stepCount)} recorded`,
  ]
    .filter(Boolean)
    .join(', ')
}

function tagsOf(view: PageView, { tags }: ExecutionOutline): Markup | false {
  // JSON is text here.
  const pairs = Object.entries(JSON.parse(String(tags)) as Record<string, unknown>)
  if (pairs.length === 0) return false
  const link = ([tag, value]: [string, unknown]) =>
    html`<li><a class="plain" href="${href(view, '/executions', { tag: exactly(`${tag}=${value}`) })}">${name(`${tag}=${value}`)}</a></li>`
  return html`<dt>Tags</dt><dd><ul class="chips tags">${pairs.map(link)}</ul></dd>`
}

/** Without what OpenTelemetry writes itself. */
function metadataOf({ metadata, isTraced }: ExecutionOutline, whole: string): Markup | false {
  if (isEmpty(metadata) || isTraced) return false
  return html`<details class="metadata"><summary>Metadata</summary>${payload('', metadata, whole)}</details>`
}
