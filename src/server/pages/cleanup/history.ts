import * as d from '../../../db/query/decode.ts'
import type { Run } from '../../../db/query/query.ts'
import { CLEANUPS, type PastCleanup } from '../../../queries/cleanups.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { type Cells, counts, table, texts } from '../../markup/table.ts'
import { duration, status, time, UNKNOWN } from '../cells.ts'
import { csvHref } from '../links.ts'
import { pageOf } from '../paging.ts'
import type { PageView } from '../view.ts'

/** Past cleanups, newest first. */
export async function historySection(view: PageView): Promise<Markup> {
  const { rows, links } = await pageOf(view, CLEANUPS, {}, undefined)
  const csv = html`<a class="csv" href="${csvHref(view, '/cleanups', { days: null, 'keep-last': null, cursor: null, before: null, limit: null })}">CSV of all</a>`
  const list = table({
    caption: 'Cleanups, newest first',
    columns: columnsOf(view),
    rows,
    csv,
    reflow: true,
  })
  return html`<section><h2>History</h2>${rows.length > 0 ? list : nothing('No cleanup has run.')}${links}</section>`
}

const columnsOf = (view: PageView): Cells<PastCleanup>[] => [
  texts('Started', 'startedAt', (row: PastCleanup) => row.startedAt, {
    kind: 'name',
    shown: (row) => time(view, row.startedAt),
  }),
  texts('Outcome', 'outcome', (row: PastCleanup) => row.outcome, {
    shown: ({ outcome, errorMessage }) =>
      html`${status(outcome)}${errorMessage !== null && html`<span class="why">${name(errorMessage)}</span>`}`,
  }),
  {
    head: 'Took',
    kind: 'number',
    cells: (rows) => rows.map(({ durationMs }) => duration(durationMs)),
  },
  texts('Older than', 'cutoff', (row: PastCleanup) => row.cutoff, {
    shown: (row) => time(view, row.cutoff, 'minutes'),
  }),
  counts('Runs', 'executionsRemoved', (row: PastCleanup) => row.executionsRemoved),
  counts('Steps', 'stepsRemoved', (row: PastCleanup) => row.stepsRemoved),
  counts('Audit entries', 'auditRemoved', (row: PastCleanup) => row.auditRemoved),
  counts('Metrics', 'metricsRemoved', (row: PastCleanup) => row.metricsRemoved),
  counts('Protected', 'rowsProtected', (row: PastCleanup) => row.rowsProtected),
  texts('Archive', 'archive', (row: PastCleanup) => row.archive ?? '', {
    shown: ({ archive }) =>
      archive === null ? UNKNOWN : archive === '-' ? 'a pipe' : html`<code>${name(archive)}</code>`,
  }),
]

const removedShape = {
  runs: d.count(),
  cost: d.amount(),
  archives: d.count(),
}
export type RemovedSoFar = d.RowOf<typeof removedShape>

/** What all cleanups have removed; the totals of reports include it. */
export async function removedSoFar(run: Run): Promise<RemovedSoFar> {
  const [row] = await run(
    `select removed.*, kept.archives
     from (select coalesce(sum(runs), 0) as runs, coalesce(sum(total_cost), 0) as cost from usage_history) as removed,
          (select count(*) as archives from wfstore_cleanups where archive is not null) as kept`,
    removedShape,
  )
  return row as RemovedSoFar
}
