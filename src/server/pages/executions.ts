import type { Hono } from 'hono'
import { plural } from '../../numbers.ts'
import { EXECUTIONS, type Execution } from '../../queries/executions/executions.ts'
import type { ExecutionFilter } from '../../queries/table/filter.ts'
import { type RowTotal, totalOf } from '../../queries/table/total.ts'
import { html, type Markup, name, nothing, readable } from '../markup/markup.ts'
import { count } from '../markup/numbers.ts'
import { amounts, type Cells, counts, table, texts } from '../markup/table.ts'
import type { Site, SiteEnv } from '../site.ts'
import { duration, executionColumn, filterLink, since, status, time } from './cells.ts'
import { FILTERS, filterForm } from './filters.ts'
import { apiHref, csvHref, executionHref } from './links.ts'
import { stepsOf } from './now.ts'
import { page } from './page.ts'
import { type Paged, pageOf } from './paging.ts'
import { sortingOf } from './sorting.ts'
import { filterOf, type PageView } from './view.ts'

const OWN = ['sort', 'limit', 'before']
/** The rows are counted again with each tenth update only. */
const COUNTED = 10

/** The runs, newest first, with the filters of `executions list`. */
export function addExecutions(app: Hono<SiteEnv>, site: Site): void {
  page(app, site, '/executions', async (view) => {
    const filter = await filterOf(view, OWN)
    const columns = executionColumns(view)
    const { sort, order } = sortingOf(view, columns, 'startTime:desc')
    const found = await pageOf(view, EXECUTIONS, filter, sort)
    const { rows, links } = found
    const caption = sort === undefined ? 'Runs, newest first' : 'Runs'
    // A sorted list would read all rows for each update.
    const live = sort === undefined ? view.live : (_id: string, content: Markup) => content
    const list = html`${
      rows.length > 0
        ? table({
            caption,
            columns,
            rows,
            order,
            csv: false,
            reflow: true,
            key: ({ executionId }) => executionId,
          })
        : nothing('No run matches.')
    }${links}`
    return {
      title: 'Executions',
      body: html`${filterForm(view, FILTERS)}
<div class="counted">${await counted(view, live, filter, found)}${saved(view)}</div>
${live('runs', list)}${sort !== undefined && html`<p class="note">A sorted list is not updated: load the page again for newer runs.</p>`}`,
    }
  })
}

async function counted(
  view: PageView,
  live: PageView['live'],
  filter: ExecutionFilter,
  found: Paged<Execution>,
): Promise<Markup | false> {
  if (view.update % COUNTED > 0) return false
  const total = await totalOf(view.run, EXECUTIONS, filter, found.rows.length)
  return live('total', html`<p>${totalText(found, total)}</p>`)
}

/** '163 runs', 'The first 50 of about 12,000 runs' */
function totalText({ rows, isFirst, hasMore }: Paged<Execution>, total: RowTotal): string {
  if (isFirst && !hasMore) return plural(rows.length, 'run')
  const shown = isFirst ? `The first ${count(rows.length)}` : count(rows.length)
  const most = { exact: '', about: 'about ', more: 'more than ' }[total.kind]
  return `${shown} of ${most}${plural(total.count, 'run')}`
}

/** Links to all rows of the filter. */
function saved(view: PageView): Markup {
  const all = { cursor: null, before: null, limit: null }
  return html`<p class="screen">All as <a href="${csvHref(view, '/executions', all)}" download="executions.csv">CSV</a> or <a href="${apiHref(view, '/executions', all)}">JSON</a></p>`
}

/** Of a running run the time so far. */
const took = (view: PageView, run: Execution) =>
  run.status === 'running' ? since(view, run.startTime) : duration(run.durationMs)

export const executionColumns = (view: PageView): Cells<Execution>[] => [
  {
    ...texts('Workflow', 'workflowName', ({ workflowName }: Execution) => workflowName, {
      kind: 'name',
      shown: (run) =>
        html`<a href="${executionHref(view, run.executionId)}">${name(run.workflowName)}</a>${run.errorMessage && html`<span class="why" title="${readable(run.errorMessage)}">${name(run.errorMessage)}</span>`}`,
    }),
    sortable: 'asc',
  },
  {
    ...texts('Status', 'status', (run: Execution) => run.status, {
      shown: (run) => status(run.status),
    }),
    sortable: 'asc',
  },
  {
    ...texts('Started', 'startTime', (run: Execution) => run.startTime, {
      shown: (run) => time(view, run.startTime),
    }),
    sortable: 'desc',
  },
  {
    ...texts('Duration', 'durationMs', (run: Execution) => String(run.durationMs), {
      kind: 'number',
      shown: (run) => took(view, run),
    }),
    sortable: 'desc',
  },
  { ...amounts('Cost', 'totalCost', (run: Execution) => run.totalCost), sortable: 'desc' },
  { ...counts('Tokens', 'totalTokens', (run: Execution) => run.totalTokens), sortable: 'desc' },
  texts('Steps', 'steps', stepsOf, { kind: 'number' }),
  {
    ...texts('User', 'userId', (run: Execution) => run.userId, {
      shown: (run) => filterLink(view, 'user', run.userId),
    }),
    sortable: 'asc',
  },
  { ...texts('Mode', 'mode', (run: Execution) => run.mode), sortable: 'asc' },
  { ...texts('Model', 'modelId', (run: Execution) => run.modelId), sortable: 'asc' },
  executionColumn(view, 'Run', ({ executionId }) => executionId),
]
