import { formatDuration, plural } from '../../../numbers.ts'
import type { FailureGroup } from '../../../queries/errors/groups.ts'
import { STUCK_AFTER_MS } from '../../../queries/executions/running.ts'
import type { SlowWorkflow } from '../../../queries/executions/slow-workflows.ts'
import type { CostReport, CostRow, CostTotal } from '../../../queries/usage/cost.ts'
import { removedNote } from '../../options/report-filter.ts'
import { formatTime } from '../../output/text/format.ts'
import { shareBar } from './chart.ts'
import type { PageData } from './data.ts'
import { beginsIn, instantIn } from './dates.ts'
import { html, type Markup, name, nothing, readable } from './markup.ts'
import { bare, count, dollars, share } from './numbers.ts'
import { type Key, overTime } from './over-time.ts'
import { amountsOf, type Cells, numbers, table } from './table.ts'

const OTHERS = 'all others'
const NO_RUNS = nothing('No runs started in this time.')

/** The CSS class of a model. The rest always has the same one. */
const modelClass = (index: number, other: boolean) => (other ? 'm-other' : `m${index}`)

export function costSection(data: PageData): Markup {
  const { perModel, part, models, dates } = data
  const title = `Cost per ${part}`
  if (dates.length === 0) return section(title, [NO_RUNS])
  const keys: Key[] = perModel.keys.map((key, index) => ({
    key,
    label: readable(key),
    className: modelClass(index, false),
  }))
  if (perModel.points.some(({ other }) => other)) {
    keys.push({ key: null, label: OTHERS, className: modelClass(0, true) })
  }
  const about = `Cost of the runs of each ${part} by model, in US dollars`
  const chart = overTime(data, perModel, keys, {
    caption: about,
    unit: '$',
    value: ({ cost }) => Number(cost),
    text: ({ cost }) => dollars(bare(cost)),
    column: (head, of) => amountsOf(head, (row) => of(row)?.cost ?? '–'),
  })
  const mark: Cells<Line> = {
    head: '',
    kind: 'mark',
    cells: (rows) =>
      rows.map(({ other, total }, index) =>
        total ? '' : html`<i class="key ${modelClass(index, other)}"></i>`,
      ),
  }
  return section(title, [
    chart,
    cutNote(data),
    table('Cost by model', [mark, ...costColumns('Model', 'modelId')], ...lines(models)),
  ])
}

/** The first and last bar may cover only a part of their day, week or month. */
function cutNote({ part, since, end, until, timeZone }: PageData): Markup | false {
  return note([
    !beginsIn(part, since, timeZone) &&
      `The first ${part} starts at ${instantIn(since, timeZone)}.`,
    !beginsIn(part, until ?? end, timeZone) &&
      `The last ${part} ends at ${instantIn(end, timeZone)}.`,
  ])
}

export function spendingSection({ users, workflows, modes }: PageData): Markup {
  const tables = html`<div class="pair">${[
    breakdown('Users with the highest cost', 'User', 'userId', users),
    breakdown('Workflows with the highest cost', 'Workflow', 'workflowName', workflows),
    breakdown('Modes', 'Mode', 'mode', modes),
  ]}</div>`
  return section('Cost by user, workflow and mode', [users.rows.length > 0 ? tables : NO_RUNS])
}

const breakdown = (caption: string, head: string, field: Field, report: CostReport) =>
  html`<div>${table(caption, costColumns(head, field, true), ...lines(report))}</div>`

const STATUSES = ['success', 'partial', 'failed', 'cancelled', 'running']

export function runsSection(data: PageData): Markup {
  const { perStatus, part, statuses, dates } = data
  const title = 'Runs by status'
  if (dates.length === 0) return section(title, [NO_RUNS])
  const known = STATUSES.filter((status) => perStatus.keys.includes(status))
  const keys = known.map((key) => ({ key, label: key, className: `s-${key}` }))
  const about = `Runs of each ${part} by status`
  const chart = overTime(data, perStatus, keys, {
    caption: about,
    unit: '',
    value: ({ runs }) => runs,
    text: ({ runs }) => count(runs),
    column: (head, of) =>
      numbers(head, (row) => {
        const runs = of(row)?.runs
        return runs === undefined ? '–' : count(runs)
      }),
  })
  const [rows, total] = lines(statuses)
  const ordered = known.flatMap((status) => rows.find((row) => row.status === status) ?? [])
  const mark: Cells<Line> = {
    head: '',
    kind: 'mark',
    cells: (all) => all.map((row) => (row.total ? '' : html`<i class="key s-${row.status}"></i>`)),
  }
  return section(title, [
    chart,
    table('Runs by status', [mark, ...costColumns('Status', 'status')], ordered, total),
    note([stuckNote(data)]),
  ])
}

function stuckNote({ totals, stuckAfterMs = STUCK_AFTER_MS }: PageData): string | false {
  const { stuckExecutions: stuck } = totals
  return (
    stuck > 0 &&
    `${plural(stuck, 'running run')} ${stuck === 1 ? 'is' : 'are'} stuck: no write for at least ${formatDuration(stuckAfterMs)}.`
  )
}

export function errorsSection({ failures }: PageData): Markup {
  const { groups, total, removedRuns } = failures
  const removed = !!removedRuns && `${removedNote(removedRuns)}.`
  if (groups.length === 0) {
    const none = removed ? 'No errors in runs that are kept.' : 'No errors.'
    return section('Errors', [nothing(none), note([removed])])
  }
  const columns: Cells<FailureGroup>[] = [
    { head: 'Message', kind: 'message', cells: (rows) => rows.map(message) },
    numbers('Runs', (row) => count(row.runs)),
    numbers('Before', (row) => count(row.before)),
    numbers('Failed steps', (row) => count(row.stepsFailed)),
    { head: 'Trend', cells: (rows) => rows.map(({ trend }) => trend) },
    numbers('Share', (row) => share(row.share)),
    numbers('Users', (row) => count(row.users)),
  ]
  return section('Errors', [
    table('Similar errors, compared with the time before', columns, groups),
    note([
      'An error is a failed or partial run. Messages that differ only in ids, numbers and quoted text are counted together.',
      removed,
      total > groups.length && `${count(total - groups.length)} more groups are not shown.`,
    ]),
  ])
}

const message = ({ fingerprint }: FailureGroup) =>
  fingerprint === '' ? html`<em>no message</em>` : name(fingerprint)

export function slowSection({ slow, totals, timeZone }: PageData): Markup {
  const columns: Cells<SlowWorkflow>[] = [
    { head: 'Workflow', kind: 'name', cells: (rows) => rows.map((row) => name(row.workflowName)) },
    numbers('Runs', ({ runs }) => count(runs)),
    numbers('Median (p50)', (row) => formatDuration(row.p50ExecutionTime)),
    numbers('p95', (row) => formatDuration(row.p95ExecutionTime)),
    numbers('Longest', (row) => formatDuration(row.longestExecutionTime)),
  ]
  const { runs, since } = totals.percentilesOver
  const gone = totals.totalExecutions - totals.runningExecutions - runs
  return section('Slowest workflows', [
    slow.length > 0
      ? table('Workflows with the longest durations', columns, slow)
      : nothing('No finished runs.'),
    note([
      since !== null &&
        `Durations are from ${plural(runs, 'finished run')} since ${formatTime(since, timeZone, 'minutes')}.`,
      gone > 0 &&
        `${plural(gone, 'removed run')} ${gone === 1 ? 'is' : 'are'} not included: only totals are kept for removed runs.`,
    ]),
  ])
}

type Field = 'modelId' | 'userId' | 'workflowName' | 'mode' | 'status'
type Line = CostTotal & Partial<CostRow> & { other: boolean; total: boolean }

/** The rows of a report and its total. A share of a total of 0 or less has no meaning. */
function lines({ rows, total }: CostReport): [rows: Line[], total: Line] {
  const line = (row: CostTotal & Partial<CostRow>, isTotal: boolean): Line => ({
    ...row,
    share: Number(total.cost) > 0 ? row.share : null,
    other: row.other ?? false,
    total: isTotal,
  })
  return [rows.map((row) => line(row, false)), line(total, true)]
}

function costColumns(head: string, field: Field, bar = false): Cells<Line>[] {
  const nameOf = (row: Line) =>
    row.total ? 'total' : row.other ? html`<em>${OTHERS}</em>` : name(row[field] ?? '')
  const bars: Cells<Line> = {
    head: '',
    kind: 'bar',
    cells: (rows) => rows.map((row) => (row.total ? '' : shareBar(row.share, 'm0'))),
  }
  return [
    { head, kind: 'name', cells: (rows) => rows.map(nameOf) },
    amountsOf('Cost, USD', ({ cost }) => cost),
    ...(bar ? [bars] : []),
    numbers('Share', (row) => share(row.share)),
    numbers('Runs', ({ runs }) => count(runs)),
    ...(bar ? [] : [numbers<Line>('Tokens', ({ tokens }) => count(tokens))]),
  ]
}

const section = (title: string, content: (Markup | false)[]): Markup =>
  html`<section><h2>${title}</h2>${content}</section>`

const note = (texts: (string | false)[]): Markup | false => {
  const shown = texts.filter((text) => text !== false)
  return shown.length > 0 && html`<p class="note">${shown.join(' ')}</p>`
}
