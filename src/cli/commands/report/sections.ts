import { formatDuration, plural } from '../../../numbers.ts'
import type { FailureGroup } from '../../../queries/errors/groups.ts'
import type { SlowWorkflow } from '../../../queries/executions/slow-workflows.ts'
import type { CostReport, CostRow, CostTotal } from '../../../queries/usage/cost.ts'
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

/** The class of a model: the rest has the last colour, whatever the number of models. */
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
  const about = `What the runs of each ${part} cost, by model, in US dollars`
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

/** A bar at an end of the chart is lower where the time of the report has only a part of it. */
function cutNote({ part, since, end, until, timeZone }: PageData): Markup | false {
  return note([
    !beginsIn(part, since, timeZone) &&
      `The first ${part} counts from ${instantIn(since, timeZone)} on.`,
    !beginsIn(part, until ?? end, timeZone) &&
      `The last ${part} counts until ${instantIn(end, timeZone)}.`,
  ])
}

export function spendingSection({ users, workflows, modes }: PageData): Markup {
  const tables = html`<div class="pair">${[
    breakdown('Users of the highest cost', 'User', 'userId', users),
    breakdown('Workflows of the highest cost', 'Workflow', 'workflowName', workflows),
    breakdown('Modes', 'Mode', 'mode', modes),
  ]}</div>`
  return section('What it was spent on', [users.rows.length > 0 ? tables : NO_RUNS])
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
  ])
}

export function errorsSection({ failures }: PageData): Markup {
  const { groups, total } = failures
  if (groups.length === 0) return section('What failed', [nothing('Nothing has failed.')])
  const columns: Cells<FailureGroup>[] = [
    { head: 'Message', kind: 'message', cells: (rows) => rows.map(message) },
    numbers('Failures', (row) => count(row.count)),
    numbers('Before', (row) => count(row.before)),
    { head: 'Trend', cells: (rows) => rows.map(({ trend }) => trend) },
    numbers('Share', (row) => share(row.share)),
    numbers('Users', (row) => count(row.users)),
  ]
  return section('What failed', [
    table('Errors that are alike, and how many there were in the time before', columns, groups),
    note([
      'Failed entries of the audit and failed or partial runs, as far as they are kept, in both times. What differs from one message to the next is taken out.',
      total > groups.length && `${count(total - groups.length)} more kinds are not shown.`,
    ]),
  ])
}

const message = ({ fingerprint }: FailureGroup) =>
  fingerprint === '' ? html`<em>no message</em>` : name(fingerprint)

export function slowSection({ slow, totals, timeZone }: PageData): Markup {
  const columns: Cells<SlowWorkflow>[] = [
    { head: 'Workflow', kind: 'name', cells: (rows) => rows.map((row) => name(row.workflowName)) },
    numbers('Runs', ({ runs }) => count(runs)),
    numbers('Half took at most', (row) => formatDuration(row.p50ExecutionTime)),
    numbers('95% took at most', (row) => formatDuration(row.p95ExecutionTime)),
    numbers('Longest', (row) => formatDuration(row.longestExecutionTime)),
  ]
  const { runs, since } = totals.percentilesOver
  const gone = totals.totalExecutions - totals.runningExecutions - runs
  return section('Slowest workflows', [
    slow.length > 0
      ? table('Workflows whose runs take the longest', columns, slow)
      : nothing('No run that is kept has ended.'),
    note([
      since !== null &&
        `Durations are of ${plural(runs, 'run')} that ${runs === 1 ? 'is' : 'are'} kept and ${runs === 1 ? 'has' : 'have'} ended, since ${formatTime(since, timeZone, 'minutes')}.`,
      gone > 0 &&
        `How long ${plural(gone, 'other run')} took cannot be said one by one: cleanup has removed them, and only sums are kept.`,
    ]),
  ])
}

type Field = 'modelId' | 'userId' | 'workflowName' | 'mode' | 'status'
type Line = CostTotal & Partial<CostRow> & { other: boolean; total: boolean }

/** The rows of a report and its total. A share of what is not above 0 says nothing. */
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
  const called = (row: Line) =>
    row.total ? 'total' : row.other ? html`<em>${OTHERS}</em>` : name(row[field] ?? '')
  const bars: Cells<Line> = {
    head: '',
    kind: 'bar',
    cells: (rows) => rows.map((row) => (row.total ? '' : shareBar(row.share, 'm0'))),
  }
  return [
    { head, kind: 'name', cells: (rows) => rows.map(called) },
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
  const said = texts.filter((text) => text !== false)
  return said.length > 0 && html`<p class="note">${said.join(' ')}</p>`
}
