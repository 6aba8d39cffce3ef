import { formatTime, shortenIds } from '../../cli/output/text/format.ts'
import type { ListedExecution } from '../../queries/executions/listed.ts'
import { html, type Markup, name, nothing } from '../markup/markup.ts'
import { count } from '../markup/numbers.ts'
import { amounts, type Cells, durations, table, texts } from '../markup/table.ts'
import type { PageData } from './data.ts'
import { note, ofAll, section } from './section.ts'

/** The runs that the page names one by one: the most expensive ones, and the newest of each kind of error. */

/** The anchor of a run that the page lists; undefined if it does not. */
export const anchorOf = (data: PageData, id: string | null): string | undefined =>
  data.failed.some(({ executionId }) => executionId === id) ? `#f-${id}` : undefined

export function executionsSection(data: PageData): Markup {
  const { expensive, failed, totals, since, until } = data
  const { runs } = totals.percentilesOver
  const gone = totals.totalExecutions - totals.runningExecutions - runs
  const failures = totals.failedExecutions + totals.partialExecutions
  const kept = ofAll(expensive.length, totals.totalExecutions - gone, 'run')
  return section('Executions', 'executions', [
    expensive.length === 0
      ? nothing('No runs that are kept.')
      : list({
          caption: `${kept}, the highest cost first`,
          prefix: 'e',
          file: 'expensive',
          rows: expensive,
          columns: [texts('Model', 'modelId', (row) => row.modelId)],
          data,
        }),
    failed.length > 0 &&
      list({
        caption: `The runs with the newest error of each group below: ${count(failed.length)}`,
        prefix: 'f',
        file: 'failed',
        rows: failed,
        columns: [
          texts('Error', 'error', (row) => row.error, { shown: ({ error }) => errorOf(error) }),
        ],
        data,
      }),
    note([
      'A click on a command selects it to be copied. It shows all steps of the run.',
      gone > 0 && `Removed runs cannot be listed: ${count(gone)}.`,
    ]),
    failures > 0 &&
      html`<p class="note">To list all failed and partial runs: <code>wfstore executions list --status failed,partial --since ${short(since)} --until ${short(until)} --limit all</code></p>`,
  ])
}

const short = (instant: string) => instant.replace('.000Z', 'Z')
const errorOf = (error: string) => (error === '' ? html`<em>no message</em>` : name(error))

interface Listed {
  caption: string
  /** Of the anchors. */
  prefix: string
  file: string
  rows: readonly ListedExecution[]
  /** Before the cost. */
  columns: Cells<ListedExecution>[]
  data: PageData
}

function list({ caption, prefix, file, rows, columns, data }: Listed): Markup {
  const ids = shortenIds(rows.map(({ executionId }) => executionId))
  const command: Cells<ListedExecution> = {
    head: 'Execution',
    kind: 'name',
    data: { name: 'executionId', kind: 'id' },
    cells: (all) =>
      all.map(
        ({ executionId }, index) =>
          html`<code id="${prefix}-${executionId}">wfstore executions show ${ids[index]}</code>`,
      ),
  }
  const started: Cells<ListedExecution> = {
    head: 'Started',
    data: { name: 'startTime', kind: 'time' },
    cells: (all) =>
      all.map(
        ({ startTime }) =>
          html`<span class="time">${formatTime(startTime, data.timeZone, 'minutes')}</span>`,
      ),
  }
  return table({
    caption,
    file,
    rows,
    columns: [
      command,
      started,
      texts<ListedExecution>('Status', 'status', (row) => row.status),
      texts<ListedExecution>('User', 'userId', (row) => row.userId),
      texts<ListedExecution>('Workflow', 'workflowName', (row) => row.workflowName),
      ...columns,
      durations<ListedExecution>('Duration', 'executionTimeMs', (row) => row.executionTime),
      amounts<ListedExecution>('Cost, USD', 'totalCost', (row) => row.totalCost),
    ],
  })
}
