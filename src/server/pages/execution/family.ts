import { plural } from '../../../numbers.ts'
import type { Conversation, Turn } from '../../../queries/executions/session.ts'
import type { ExecutionTree, TreeRun } from '../../../queries/executions/tree.ts'
import { html, type Markup, name } from '../../markup/markup.ts'
import { count, money } from '../../markup/numbers.ts'
import { amounts, type Cells, table } from '../../markup/table.ts'
import { duration, executionLink, status, time } from '../cells.ts'
import { exactly, executionHref, href } from '../links.ts'
import type { PageView } from '../view.ts'

type Relative = Turn & { depth?: number }

/** The runs above and below a run, if there are any. */
export function familySection(view: PageView, own: TreeRun, tree: ExecutionTree): Markup | false {
  const { ancestors, children, childCount, costWithChildren } = tree
  const hidden = hiddenParent(own, ancestors)
  if (ancestors.length === 0 && childCount === 0 && hidden === null) return false
  const rows: Relative[] = [
    ...ancestors.map((run, place) => ({ ...run, depth: place })),
    { ...own, depth: ancestors.length },
    ...children.map((run) => ({ ...run, depth: ancestors.length + run.depth })),
  ]
  return html`<section id="family"><h2>Parent and sub-runs</h2>
${hidden !== null && html`<p class="note">The run was started by <a class="id" href="${executionHref(view, hidden)}">${hidden.slice(0, 8)}</a>, which is removed or not in this store.</p>`}
${table({ caption: `${childCount === 0 ? 'No sub-run' : plural(childCount, 'sub-run')}, US dollars`, columns: columns(view, own.executionId), rows, csv: false, reflow: true })}
${childCount > 0 && html`<p class="note">The run costs ${money(own.totalCost)}; with its sub-runs that are kept, each once, ${money(costWithChildren)}.</p>`}
${childCount > children.length && html`<p class="note">These are ${children.length} of ${count(childCount)} sub-runs, the nearest first. <a href="${href(view, '/executions', { parent: own.executionId })}">All that this run started itself</a></p>`}
</section>`
}

/** A parent that is not in the store. */
function hiddenParent({ parentExecutionId }: TreeRun, [first]: readonly TreeRun[]): string | null {
  return first ? null : parentExecutionId
}

/** The runs before and after it in its conversation. */
export function conversationSection(
  view: PageView,
  own: string,
  sessionId: string,
  { turns, cut }: Conversation,
): Markup {
  const all = href(view, '/executions', { session: exactly(sessionId) })
  return html`<section id="conversation"><h2>Conversation <span class="more"><a href="${all}">${cut ? 'all runs' : 'as a list'}</a></span></h2>
${table({ caption: `${cut ? `The nearest ${plural(turns.length, 'run')}` : plural(turns.length, 'run')} of session ${sessionId}, by start, US dollars`, columns: columns(view, own), rows: turns, csv: false, reflow: true })}
</section>`
}

const columns = (view: PageView, own: string): Cells<Relative>[] => [
  {
    head: 'Workflow',
    kind: 'name',
    cells: (rows) =>
      rows.map(({ executionId, workflowName, depth = 0 }) =>
        executionId === own
          ? html`<span class="d${Math.min(depth, 6)}" aria-current="true"><strong>${name(workflowName)}</strong> <em>this run</em></span>`
          : html`<span class="d${Math.min(depth, 6)}">${name(workflowName)}</span>`,
      ),
  },
  { head: 'Run', cells: (rows) => rows.map(({ executionId }) => executionLink(view, executionId)) },
  { head: 'Status', cells: (rows) => rows.map((row) => status(row.status)) },
  { head: 'Started', cells: (rows) => rows.map((row) => time(view, row.startTime)) },
  {
    head: 'Duration',
    kind: 'number',
    cells: (rows) => rows.map((row) => duration(row.durationMs)),
  },
  amounts<Relative>('Cost', 'totalCost', (row) => row.totalCost),
]
