import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import type { Failure } from '../../../queries/errors/errors.ts'
import {
  type FailedSteps,
  failedSteps,
  GROUP_RUNS,
  type OneGroupFilter,
} from '../../../queries/errors/group.ts'
import { type FailureTrend, failureTrends } from '../../../queries/errors/groups.ts'
import { html, type Markup, name, nothing, readable } from '../../markup/markup.ts'
import { count } from '../../markup/numbers.ts'
import { type Cells, counts, table, texts } from '../../markup/table.ts'
import { executionLink, filterLink, status, time, UNKNOWN } from '../cells.ts'
import { figure, figures } from '../figures.ts'
import { executionHref, href } from '../links.ts'
import type { PageContent } from '../page.ts'
import { pageOf } from '../paging.ts'
import { inSnapshot, type PageView } from '../view.ts'
import { changeText, spark, trendMark } from './spark.ts'
import { failureFilter, lengthOf, PARTS, spanText, type Window } from './window.ts'

const OWN = ['fingerprint', 'limit', 'before']
const PLACES = 20
const CHOOSE = 'choose a group of the page Errors'

/** What is shown for messages without words. */
export const fingerprintText = (fingerprint: string): string =>
  fingerprint === '' ? '(no message)' : readable(fingerprint)

/** One group of errors: its runs and the steps that failed in them. */
export async function groupPage(view: PageView): Promise<PageContent> {
  const { run, parameters } = view
  const [fingerprint, ...others] = parameters.getAll('fingerprint')
  if (!parameters.has('since'))
    throw new WfstoreError('usage', 'since is missing', { hint: CHOOSE })
  if (fingerprint === undefined || others.length > 0) {
    throw new WfstoreError(
      'usage',
      `fingerprint is ${fingerprint === undefined ? 'missing' : 'given more than once'}`,
      {
        hint: CHOOSE,
      },
    )
  }
  const filter = {
    ...(await failureFilter(view, OWN)),
    fingerprint: NO_MESSAGE === fingerprint ? '' : fingerprint,
  }
  return inSnapshot(view, async () => {
    const { fingerprint: only, ...ofRuns } = filter
    const until = ofRuns.until ?? view.now
    const trends = await failureTrends(run, { ...ofRuns, until }, PARTS, only)
    const [group] = trends.groups
    const places = await failedSteps(run, filter, PLACES + 1)
    const list = await runsSection(view, filter)
    return {
      title: fingerprintText(only),
      about: html`${spanText(view, trends)}. <a href="${hrefOfGroups(view)}">All groups</a>`,
      body: html`${group ? numbers(group, trends) : nothing('No failed or partial run of this group in this time, nor in the time before.')}
${group?.example && html`<section><h2>Newest message</h2><p class="error">${readable(group.example)}</p><p class="note">Of run ${executionLink(view, group.exampleExecutionId)}</p></section>`}
${placesSection(view, places)}
${list}`,
    }
  })
}

/** In an address, where an empty parameter is left out. No fingerprint begins with a blank. */
const NO_MESSAGE = ' '

export const groupHref = (view: PageView, fingerprint: string, window: Window) => {
  const kept = Object.fromEntries(
    [...new Set(view.parameters.keys())]
      .filter((flag) => !['limit', 'cursor', 'before'].includes(flag))
      .map((flag) => [flag, view.parameters.getAll(flag)]),
  )
  return href(view, '/errors/group', {
    ...kept,
    fingerprint: fingerprint || NO_MESSAGE,
    since: window.since,
    until: window.until,
  })
}

function hrefOfGroups(view: PageView) {
  const kept = Object.fromEntries(
    [...new Set(view.parameters.keys())]
      .filter((flag) => ![...OWN, 'cursor'].includes(flag))
      .map((flag) => [flag, view.parameters.getAll(flag)]),
  )
  return href(view, '/errors', kept)
}

function numbers(group: FailureTrend, window: Window): Markup {
  const ms = Date.parse(window.until) - Date.parse(window.since)
  return html`${figures([
    figure(
      'Runs',
      count(group.runs),
      html`${count(group.before)} in the ${lengthOf(window)} before`,
    ),
    figure('Trend', trendMark(group.trend), changeText(group.runs, group.before)),
    figure('Over time', spark(group, ms)),
    figure('Users', count(group.users), plural(group.workflows, 'workflow')),
    figure('Failed steps', count(group.stepsFailed)),
  ])}`
}

function placesSection(view: PageView, found: readonly FailedSteps[]): Markup | false {
  if (found.length === 0) return false
  const rows = found.slice(0, PLACES)
  return html`<section><h2>Where it fails</h2>
${table({ caption: `${rows.length < found.length ? 'The most frequent failed' : 'Failed'} steps of these runs`, file: 'failed-steps', columns: placeColumns(view), rows, reflow: true })}
</section>`
}

/** The page of a run at its failed step. */
const stepHref = (view: PageView, executionId: string, stepId: string) =>
  `${href(view, `/executions/${executionId}`, { step: stepId })}#step-${stepId}`

const placeColumns = (view: PageView): Cells<FailedSteps>[] => [
  texts<FailedSteps>('Step', 'stepName', (row) => row.stepName ?? '', {
    kind: 'name',
    shown: ({ stepName, stepId, executionId }) =>
      stepName === null || stepId === null
        ? html`<em>no failed step</em>`
        : html`<a href="${stepHref(view, executionId, stepId)}">${name(stepName)}</a>`,
  }),
  texts<FailedSteps>('Tool', 'toolName', (row) => row.toolName ?? '', {
    shown: ({ toolName }) => (toolName === null ? UNKNOWN : name(toolName)),
  }),
  texts<FailedSteps>('Workflow', 'workflowName', (row) => row.workflowName, {
    shown: (row) => filterLink(view, 'workflow', row.workflowName),
  }),
  counts<FailedSteps>('Runs', 'runs', (row) => row.runs),
  counts<FailedSteps>('Failed steps', 'steps', (row) => row.steps),
  texts<FailedSteps>('Last', 'lastTime', (row) => row.lastTime, {
    shown: (row) => time(view, row.lastTime, 'minutes'),
  }),
  texts<FailedSteps>('Newest run', 'executionId', (row) => row.executionId, {
    shown: (row) => executionLink(view, row.executionId),
  }),
]

async function runsSection(view: PageView, filter: OneGroupFilter): Promise<Markup> {
  const { rows, links, hasMore, isFirst } = await pageOf(view, GROUP_RUNS, filter, undefined)
  const all = isFirst && !hasMore
  return html`<section id="runs"><h2>Runs</h2>
${rows.length === 0 ? nothing('No run in this time.') : table({ caption: all ? `All ${plural(rows.length, 'run')}, newest first` : `${plural(rows.length, 'run')}, newest first`, file: 'errors', columns: runColumns(view), rows, reflow: true })}
${links}</section>`
}

const runColumns = (view: PageView): Cells<Failure>[] => [
  texts<Failure>('Workflow', 'workflowName', (row) => row.workflowName, {
    kind: 'name',
    shown: (row) =>
      html`<a href="${executionHref(view, row.executionId)}">${name(row.workflowName)}</a>${row.message !== null && html`<span class="why" title="${readable(row.message)}">${name(row.message)}</span>`}`,
  }),
  texts<Failure>('Status', 'status', (row) => row.status, { shown: (row) => status(row.status) }),
  texts<Failure>('Started', 'startTime', (row) => row.startTime, {
    shown: (row) => time(view, row.startTime),
  }),
  texts<Failure>('User', 'userId', (row) => row.userId, {
    shown: (row) => filterLink(view, 'user', row.userId),
  }),
  texts<Failure>('Failed step', 'stepName', (row) => row.stepName ?? '', {
    shown: ({ stepName, stepId, executionId }) =>
      stepName === null || stepId === null
        ? UNKNOWN
        : html`<a href="${stepHref(view, executionId, stepId)}">${name(stepName)}</a>`,
  }),
  texts<Failure>('Tool', 'toolName', (row) => row.toolName ?? '', {
    shown: (row) => (row.toolName === null ? UNKNOWN : name(row.toolName)),
  }),
  counts<Failure>('Failed', 'stepsFailed', (row) => row.stepsFailed),
  texts<Failure>('Model', 'modelId', (row) => row.modelId),
  texts<Failure>('Run', 'executionId', (row) => row.executionId, {
    shown: (row) => executionLink(view, row.executionId),
  }),
]
