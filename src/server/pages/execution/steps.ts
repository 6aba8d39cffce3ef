import { WfstoreError } from '../../../error.ts'
import { formatNumber, plural } from '../../../numbers.ts'
import { agentOf, knownCost, knownTokens, modelOf } from '../../../queries/executions/known.ts'
import type { ExecutionOutline, OutlinedStep } from '../../../queries/executions/outline.ts'
import { type StepData, stepData } from '../../../queries/executions/step-data.ts'
import { STEP_STATUSES } from '../../../tables/steps.ts'
import { classWords, TOKEN_FIELDS } from '../../../tables/tokens.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { count, money } from '../../markup/numbers.ts'
import { duration, status, time, UNKNOWN } from '../cells.ts'
import { hrefHere } from '../links.ts'
import { wholeNumberOf } from '../parameters.ts'
import type { PageView } from '../view.ts'
import { cut, payload } from './payload.ts'
import { anchorOf, STEPS } from './places.ts'

/** The steps that the page shows: some of all, or of those with a status. */
interface Shown {
  /** All that match, with their places among all steps. */
  found: { step: OutlinedStep; place: number }[]
  /** The first that is shown, from 0. */
  first: number
  /** The chosen status. */
  only: string | null
  /** The chosen step. */
  chosen: string | undefined
}

/** @throws WfstoreError usage for an invalid parameter, not_found for a step of another run */
function shownOf(view: PageView, { steps, executionId }: ExecutionOutline): Shown {
  const [only, id] = [view.parameters.get('status'), view.parameters.get('step')]
  if (only !== null && !(STEP_STATUSES as readonly string[]).includes(only)) {
    throw new WfstoreError('usage', `status is ${JSON.stringify(only)}, not the status of a step`, {
      hint: `use ${STEP_STATUSES.join(', ')}`,
    })
  }
  const found = steps
    .map((step, place) => ({ step, place }))
    .filter(({ step }) => only === null || step.status === only)
  if (id !== null) {
    const at = found.findIndex(({ step }) => step.stepId === id.toLowerCase())
    if (at < 0) throw new WfstoreError('not_found', `step ${id} is not in run ${executionId}`)
    return { found, only, first: Math.floor(at / STEPS) * STEPS, chosen: found[at]?.step.stepId }
  }
  const number = wholeNumberOf(view, 'from', 1, 1_000_000) ?? 1
  return { found, only, first: number - 1, chosen: undefined }
}

/** The list of steps with the beginning of their input and output. */
export async function stepsSection(
  view: PageView,
  run: ExecutionOutline,
  whole: string,
): Promise<Markup> {
  const { found, first, only, chosen } = shownOf(view, run)
  const rows = found.slice(first, first + STEPS)
  const data = await stepData(
    view.run,
    run.executionId,
    rows.map(({ step }) => step.stepId),
  )
  const byId = new Map(data.map((row) => [row.stepId, row]))
  return html`<section id="steps"><h2>Steps</h2>
${choice(view, run, only)}
${
  rows.length === 0
    ? nothing(
        only === null ? (found.length === 0 ? 'No steps' : 'No more steps') : `No step is ${only}`,
      )
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Steps" data-key="steps-table"><table class="steps reflow">
<caption><span>${captionOf(run, found.length, first, rows.length, only)}</span></caption>
<thead><tr><th scope="col" class="number">#</th><th scope="col">Step</th><th scope="col">Status</th><th scope="col">Started</th><th scope="col" class="number">Time</th><th scope="col" class="number">Tokens</th><th scope="col" class="number">Cost</th><th scope="col">Model</th></tr></thead>
${rows.map(({ step }) => {
  const found = byId.get(step.stepId)
  return found !== undefined && stepRows(view, run, found, found.stepId === chosen, whole)
})}
</table></div>`
}
${pager(view, found.length, first)}
${run.stepCount > run.steps.length && html`<p class="notice">The run has ${count(run.stepCount)} steps. This page knows the first ${count(run.steps.length)}; <a href="${whole}">all in JSON</a>.</p>`}
</section>`
}

function captionOf(
  run: ExecutionOutline,
  found: number,
  first: number,
  shown: number,
  only: string | null,
): string {
  const of =
    only === null ? plural(run.stepCount, 'step') : `${plural(found, 'step')} with status ${only}`
  return shown === found
    ? of
    : `${formatNumber(first + 1)} to ${formatNumber(first + shown)} of ${of}`
}

/** Links to the steps of each status, if there are several. */
function choice(view: PageView, { steps }: ExecutionOutline, only: string | null): Markup | false {
  const counts = new Map<string, number>()
  for (const step of steps) counts.set(step.status, (counts.get(step.status) ?? 0) + 1)
  if (counts.size < 2 && only === null) return false
  const link = (label: string, number: number, value: string | null) =>
    html`<li><a href="${hrefHere(view, { status: value, from: null, step: null })}#steps"${value === only && html` aria-current="true"`}>${label} <span class="soft">${count(number)}</span></a></li>`
  return html`<ul class="tabs" aria-label="Steps by status">${link('all', steps.length, null)}${[...counts].map(([word, number]) => link(word, number, word))}</ul>`
}

function pager(view: PageView, found: number, first: number): Markup | false {
  if (found <= STEPS && first === 0) return false
  const to = (label: string, place: number) =>
    html`<a class="button" href="${hrefHere(view, { from: place === 0 ? null : place + 1, step: null })}#steps">${label}</a>`
  const last = Math.floor((found - 1) / STEPS) * STEPS
  return html`<nav class="pager" aria-label="Pages of steps">
${first > 0 && to('First', 0)}${first > 0 && to('Previous', Math.max(0, first - STEPS))}
${first + STEPS < found && to('Next', first + STEPS)}${first + STEPS < found && to('Last', last)}
</nav>`
}

/** A row with the numbers, and one with texts and data. */
function stepRows(
  view: PageView,
  run: ExecutionOutline,
  step: StepData,
  isChosen: boolean,
  whole: string,
): Markup {
  const [cost, tokens, model, agent] = [
    knownCost(step),
    knownTokens(step),
    modelOf(step, run),
    run.isTraced ? agentOf(step) : null,
  ]
  const about = [
    step.toolName !== null && html`tool ${name(step.toolName)}`,
    agent !== null && html`agent ${name(agent)}`,
    step.retryCount > 0 && html`${plural(step.retryCount, 'retry')}`,
  ].filter((part) => part !== false)
  const more = details(step, isChosen, whole)
  return html`<tbody id="${anchorOf(step)}" data-key="${anchorOf(step)}"${isChosen && html` class="chosen"`}>
<tr${more && html` class="has-more"`}><td class="number" data-label="#">${step.stepNumber}</td><th scope="row" class="name" data-number="${step.stepNumber}">${name(step.stepName)}${about.length > 0 && html`<br><span class="soft">${about.map((part, place) => html`${place > 0 && ' · '}${part}`)}</span>`}</th>
<td data-label="Status">${status(step.status)}</td><td data-label="Started">${time(view, step.startTime)}</td><td class="number" data-label="Time">${duration(step.durationMs === null ? null : Number(step.durationMs))}</td>
<td class="number" data-label="Tokens">${tokens === null ? UNKNOWN : count(tokens)}</td><td class="number" data-label="Cost">${cost === null ? html`<em>unpriced</em>` : money(cost)}${step.costSource === 'unpriced' && cost !== null && html` <em>in part</em>`}</td><td data-label="Model">${model === null ? UNKNOWN : name(model)}${step.provider !== null && html` <span class="soft">${name(step.provider)}</span>`}</td></tr>
${more && html`<tr class="more-row"><td></td><td colspan="7">${more}</td></tr>`}</tbody>`
}

/** The error, and what is folded: description, tokens by class, input and output. */
function details(step: StepData, isChosen: boolean, whole: string): Markup | false {
  const { stepNumber, stepDescription, toolParameters, result, errorMessage } = step
  const tokens = TOKEN_FIELDS.flatMap((field) =>
    step[field] === null ? [] : [`${classWords(field)} ${formatNumber(step[field])}`],
  )
  const parts = [
    stepDescription !== null &&
      !stepDescription.startsWith('agent ') &&
      html`<p>${cut(stepDescription)}</p>`,
    tokens.length > 0 && html`<p class="payload-head">Tokens: ${tokens.join(', ')}</p>`,
    payload('Input', toolParameters, whole),
    payload('Output', result, whole),
  ].filter((part) => part !== false)
  if (parts.length === 0 && !errorMessage) return false
  const open = isChosen && html` open`
  return html`${errorMessage && html`<p class="error">${cut(errorMessage)}</p>`}${
    parts.length > 0 &&
    html`<details${open}><summary>Details<span class="hidden"> of step ${stepNumber}</span></summary>${parts}</details>`
  }`
}
