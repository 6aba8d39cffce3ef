import { formatTime } from '../../cli/output/text/format.ts'
import { formatDuration, plural } from '../../numbers.ts'
import type { FailureGroup } from '../../queries/errors/groups.ts'
import { STUCK_AFTER_MS } from '../../queries/executions/running.ts'
import type { SlowWorkflow } from '../../queries/executions/slow-workflows.ts'
import type { CostReport, CostRow, CostTotal } from '../../queries/usage/cost.ts'
import { removedNote, unpricedText } from '../../queries/usage/notes.ts'
import { shareBar } from '../markup/chart.ts'
import { beginsIn, instantIn } from '../markup/dates.ts'
import { html, type Markup, name, nothing, readable } from '../markup/markup.ts'
import { count, dollars } from '../markup/numbers.ts'
import { amounts, type Cells, counts, durations, shares, table, texts } from '../markup/table.ts'
import type { PageData } from './data.ts'
import { anchorOf } from './executions.ts'
import { type Key, overTime } from './over-time.ts'
import { NO_RUNS, note, ofAll, section } from './section.ts'

const OTHERS = 'all others'

/** The CSS class of a model. The rest always has the same one. */
const modelClass = (index: number, other: boolean) => (other ? 'm-other' : `m${index}`)

export function costSection(data: PageData): Markup {
  const { perModel, part, models, dates } = data
  const title = `Cost per ${part}`
  if (dates.length === 0) return section(title, 'cost', [NO_RUNS])
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
    text: ({ cost }) => dollars(cost),
    column: (head, of) => amounts(head, head, (row) => of(row)?.cost ?? null),
    file: 'cost-by-model',
    field: 'modelId',
  })
  const mark: Cells<Line> = {
    head: '',
    kind: 'mark',
    cells: (rows) =>
      rows.map(({ other, total }, index) =>
        total ? '' : html`<i class="key ${modelClass(index, other)}"></i>`,
      ),
  }
  const shown = models.rows.filter(({ other }) => !other).length
  return section(title, 'cost', [
    chart,
    cutNote(data),
    unpricedNote(data),
    costTable(`${ofAll(shown, models.groups, 'model')}, the highest cost first`, 'models', models, [
      mark,
      ...costColumns('Model', 'modelId'),
    ]),
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

function unpricedNote({ totals }: PageData): Markup | false {
  const text = unpricedText(totals.unpriced)
  return note([text !== undefined && `${text}; run wfstore prices check.`])
}

export function spendingSection({ workflows, modes }: PageData): Markup {
  const tables = html`<div class="pair">${[
    breakdown('workflow', 'Workflow', 'workflowName', workflows),
    breakdown('mode', 'Mode', 'mode', modes),
  ]}</div>`
  return section('Cost by workflow and mode', 'spending', [
    workflows.rows.length > 0 ? tables : NO_RUNS,
  ])
}

function breakdown(what: string, head: string, field: Field, report: CostReport): Markup {
  const shown = report.rows.filter(({ other }) => !other).length
  const caption = `${ofAll(shown, report.groups, what)}, the highest cost first`
  return html`<div>${costTable(caption, `${what}s`, report, costColumns(head, field, true))}</div>`
}

function costTable(caption: string, file: string, report: CostReport, columns: Cells<Line>[]) {
  const [rows, total] = lines(report)
  return table({ caption, file, columns, rows, total, isLast: ({ other }) => other })
}

const STATUSES = ['success', 'partial', 'failed', 'cancelled', 'running']

export function runsSection(data: PageData): Markup {
  const { perStatus, part, statuses, dates } = data
  const title = 'Runs by status'
  if (dates.length === 0) return section(title, 'runs', [NO_RUNS])
  const known = STATUSES.filter((status) => perStatus.keys.includes(status))
  const keys = known.map((key) => ({ key, label: key, className: `s-${key}` }))
  const about = `Runs of each ${part} by status`
  const chart = overTime(data, perStatus, keys, {
    caption: about,
    unit: '',
    value: ({ runs }) => runs,
    text: ({ runs }) => count(runs),
    column: (head, of) => counts(head, head, (row) => of(row)?.runs ?? null),
    file: 'runs-by-status',
    field: 'status',
  })
  const [rows, total] = lines(statuses)
  const ordered = known.flatMap((status) => rows.find((row) => row.status === status) ?? [])
  const mark: Cells<Line> = {
    head: '',
    kind: 'mark',
    cells: (all) => all.map((row) => (row.total ? '' : html`<i class="key s-${row.status}"></i>`)),
  }
  return section(title, 'runs', [
    chart,
    table({
      caption: 'Runs by status',
      file: 'statuses',
      columns: [mark, ...costColumns('Status', 'status')],
      rows: ordered,
      total,
    }),
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

export function errorsSection(data: PageData): Markup {
  const { groups, total, removedRuns } = data.failures
  const removed = !!removedRuns && `${removedNote(removedRuns)}.`
  if (groups.length === 0) {
    const none = removed ? 'No errors in runs that are kept.' : 'No errors.'
    return section('Errors', 'errors', [nothing(none), note([removed])])
  }
  const newest: Cells<FailureGroup> = {
    head: 'Newest',
    data: { name: 'exampleExecutionId', kind: 'id' },
    cells: (rows) =>
      rows.map(({ exampleExecutionId: id }) => {
        const anchor = anchorOf(data, id)
        return anchor ? html`<a href="${anchor}">${id?.slice(0, 8)}</a>` : '–'
      }),
  }
  const columns: Cells<FailureGroup>[] = [
    texts('Message', 'fingerprint', ({ fingerprint }) => fingerprint, {
      kind: 'message',
      shown: ({ fingerprint }) =>
        fingerprint === '' ? html`<em>no message</em>` : name(fingerprint),
    }),
    counts('Runs', 'runs', (row) => row.runs),
    counts('Before', 'before', (row) => row.before),
    counts('Failed steps', 'stepsFailed', (row) => row.stepsFailed),
    texts('Trend', 'trend', (row) => row.trend),
    shares('Share', 'share', (row) => row.share),
    counts('Users', 'users', (row) => row.users),
    newest,
  ]
  return section('Errors', 'errors', [
    table({
      caption: `${ofAll(groups.length, total, 'group')} of similar errors, compared with the time before`,
      file: 'errors',
      columns,
      rows: groups,
    }),
    note([
      'An error is a failed or partial run. Messages that differ only in ids, numbers and quoted text are counted together.',
      removed,
    ]),
  ])
}

export function slowSection({ slow, totals, timeZone }: PageData): Markup {
  const { workflows, total } = slow
  const columns: Cells<SlowWorkflow>[] = [
    texts('Workflow', 'workflowName', (row) => row.workflowName, { kind: 'name' }),
    counts('Runs', 'runs', ({ runs }) => runs),
    durations('Median (p50)', 'p50ExecutionTimeMs', (row) => row.p50ExecutionTime),
    durations('p95', 'p95ExecutionTimeMs', (row) => row.p95ExecutionTime),
    durations('Longest', 'longestExecutionTimeMs', (row) => row.longestExecutionTime),
  ]
  const { runs, since } = totals.percentilesOver
  const gone = totals.totalExecutions - totals.runningExecutions - runs
  return section('Slowest workflows', 'slow', [
    workflows.length > 0
      ? table({
          caption: `${ofAll(workflows.length, total, 'workflow')}, the longest duration (p95) first`,
          file: 'slow-workflows',
          columns,
          rows: workflows,
        })
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
  const nameOf = (row: Line) => (row.total ? 'total' : row.other ? OTHERS : (row[field] ?? ''))
  const bars: Cells<Line> = {
    head: '',
    kind: 'bar',
    cells: (rows) => rows.map((row) => (row.total ? '' : shareBar(row.share, 'm0'))),
  }
  return [
    texts(head, field, nameOf, {
      kind: 'name',
      shown: (row) =>
        row.other ? html`<em>${OTHERS}</em>` : row.total ? 'total' : name(nameOf(row)),
    }),
    amounts('Cost, USD', 'cost', ({ cost }) => cost),
    ...(bar ? [bars] : []),
    shares('Share', 'share', (row) => row.share),
    counts('Runs', 'runs', ({ runs }) => runs),
    counts('Tokens', 'tokens', ({ tokens }) => tokens),
  ]
}
