import { EXECUTIONS } from '../../../queries/executions/executions.ts'
import { executionsWithIds, type ListedExecution } from '../../../queries/executions/listed.ts'
import { CANDIDATES, matchingIds, missing } from '../../../queries/ids.ts'
import { page } from '../../../queries/table/page.ts'
import { isUuid } from '../../../uuid.ts'
import { html, readable } from '../../markup/markup.ts'
import { type Cells, table } from '../../markup/table.ts'
import type { Site, SiteConnection } from '../../site.ts'
import { executionLink, filterLink, status, time, UNKNOWN } from '../cells.ts'
import { framed, type PageContext } from '../frame.ts'
import { executionHref, type LinkBase } from '../links.ts'
import { problemPage } from '../problem.ts'

const LATEST = 'latest'

/** Whether it is the address of the page, and not the beginning of an id that leads to it. */
export const isWholeId = (id: string): boolean => isUuid(id) && id === id.toLowerCase()

/** Leads from the beginning of an id, or from `latest`, to the page of the run; several runs are listed. */
export async function leadToRun(context: PageContext, site: Site, id: string): Promise<Response> {
  const { searchParams } = new URL(context.req.url)
  const base: LinkBase = { site, path: context.req.path, parameters: searchParams }
  try {
    return await site.database.report(context.req.raw.signal, async (connection) => {
      const [first, ...others] = await idsOf(connection, id)
      if (first === undefined) throw missing('execution', id)
      if (others.length > 0)
        return candidates(context, base, site, connection, id, [first, ...others])
      return context.redirect(
        `${executionHref({ ...base, parameters: NONE }, first)}${queryOf(searchParams)}`,
        302,
      )
    })
  } catch (error) {
    return problemPage(context, site, error, { current: 'executions' })
  }
}

const NONE = new URLSearchParams()
const queryOf = (parameters: URLSearchParams) => (parameters.size > 0 ? `?${parameters}` : '')

async function idsOf({ run }: SiteConnection, id: string): Promise<string[]> {
  if (id !== LATEST) return matchingIds(run, 'execution', id, { removed: true })
  const { rows } = await page(run, EXECUTIONS, { limit: 1 })
  return rows.map(({ executionId }) => executionId)
}

/** The runs whose ids begin like this. */
async function candidates(
  context: PageContext,
  base: LinkBase,
  site: Site,
  { run }: SiteConnection,
  id: string,
  ids: readonly string[],
): Promise<Response> {
  const shown = ids.slice(0, CANDIDATES)
  const kept = new Map((await executionsWithIds(run, shown)).map((row) => [row.executionId, row]))
  type Candidate = { executionId: string; row: ListedExecution | undefined }
  const column = (
    head: string,
    cell: (row: ListedExecution) => ReturnType<typeof status> | string,
  ): Cells<Candidate> => ({
    head,
    cells: (rows) => rows.map(({ row }) => (row ? cell(row) : UNKNOWN)),
  })
  const columns: Cells<Candidate>[] = [
    {
      head: 'Run',
      kind: 'name',
      cells: (rows) => rows.map(({ executionId }) => executionLink(base, executionId, 'whole')),
    },
    column('Workflow', ({ workflowName }) => filterLink(base, 'workflow', workflowName)),
    { head: 'Status', cells: (rows) => rows.map(({ row }) => status(row?.status ?? 'removed')) },
    column('Started', ({ startTime }) => time({ timeZone: 'UTC' }, startTime)),
  ]
  const rows = shown.map((executionId) => ({ executionId, row: kept.get(executionId) }))
  return framed(context, site, {
    title: `Several runs begin with ${readable(id)}`,
    current: 'executions',
    status: 300,
    timeZone: 'UTC',
    body: html`${table({ caption: 'Runs', columns, rows, csv: false, reflow: true })}
${ids.length > shown.length && html`<p class="note">These are the first ${shown.length}. Use more characters.</p>`}`,
  })
}
