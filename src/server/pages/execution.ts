import type { Hono } from 'hono'
import { missing } from '../../queries/ids.ts'
import { html, type Markup, readable } from '../markup/markup.ts'
import type { Site, SiteEnv } from '../site.ts'
import { auditSection } from './execution/audit.ts'
import { billsSection } from './execution/bills.ts'
import { costSection } from './execution/cost.ts'
import { type ExecutionData, executionData, remainsOf } from './execution/data.ts'
import { conversationSection, familySection } from './execution/family.ts'
import { headOf } from './execution/head.ts'
import { PARAMETERS } from './execution/places.ts'
import { isWholeId, leadToRun } from './execution/prefix.ts'
import { stepsSection } from './execution/steps.ts'
import { timelineSection } from './execution/timeline.ts'
import { traceSection } from './execution/trace.ts'
import { apiHref } from './links.ts'
import { type PageContent, page } from './page.ts'
import { checkParameters } from './parameters.ts'
import { inSnapshot, type PageView } from './view.ts'

/** One run. */
export function addExecution(app: Hono<SiteEnv>, site: Site): void {
  const path = '/executions/:id'
  app.get(path, (context, next) => {
    const id = context.req.param('id')
    return isWholeId(id) ? next() : leadToRun(context, site, id)
  })
  page(app, site, path, executionPage)
}

function executionPage(given: PageView): Promise<PageContent> {
  const view = { ...given, run: given.byId }
  const executionId = view.variables.id as string
  checkParameters(view, PARAMETERS)
  return inSnapshot(view, async () => {
    const data = await executionData(view.run, executionId, view.parameters.get('cursor'))
    return data ? keptPage(view, data) : removedPage(view, executionId)
  })
}

async function keptPage(view: PageView, data: ExecutionData): Promise<PageContent> {
  const { run, tree, models, conversation, trace, findings } = data
  const { executionId, status } = run
  const whole = apiHref(
    { ...view, parameters: new URLSearchParams() },
    `/executions/${executionId}`,
  )
  // A run that has ended changes no more; its last update is sent, too.
  const changes = status === 'running' || trace?.state === 'running' || view.update > 0
  const part = (id: string, content: Markup) => (changes ? view.live(id, content) : content)
  if (changes) view.news(`The run is ${status}`)
  return {
    title: readable(run.workflowName),
    body: html`${part('part-head', headOf(view, data, whole))}
${part('part-timeline', timelineSection(view, run, tree))}
${part('part-steps', await stepsSection(view, run, whole))}
${part('part-cost', html`${costSection(view, run, models)}${billsSection(view, status === 'running', data)}`)}
${part('part-family', html`${familySection(view, run, tree)}${conversation && run.sessionId !== null && conversationSection(view, executionId, run.sessionId, conversation)}`)}
${trace && part('part-trace', traceSection(view, executionId, trace, findings))}
${part('part-audit', auditSection(view, executionId, data.entries))}`,
  }
}

/** A run that cleanup has removed leaves its bills and, if they are kept, audit entries. @throws WfstoreError not_found */
async function removedPage(view: PageView, executionId: string): Promise<PageContent> {
  const remains = await remainsOf(view.run, executionId, view.parameters.get('cursor'))
  const { billed, entries } = remains
  if (billed.bills === 0 && entries.rows.length === 0) throw missing('execution', executionId)
  return {
    title: 'Removed run',
    about: html`<code class="id">${executionId}</code>`,
    body: html`<p class="notice">This run and its steps are removed: by a cleanup, or deleted. ${billed.bills > 0 ? 'Its bills remain' : 'Its audit entries remain'}${billed.bills > 0 && entries.rows.length > 0 && ', and audit entries'}.</p>
${billsSection(view, false, remains)}
${auditSection(view, executionId, entries)}`,
  }
}
