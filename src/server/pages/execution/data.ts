import type { Run } from '../../../db/query/query.ts'
import { type BillLine, listLines } from '../../../queries/billing/bill-lines.ts'
import {
  type Billed,
  billedOf,
  SHORT_AUDIT,
  SHORT_BILLS,
  type ShortBill,
  type ShortEntry,
} from '../../../queries/executions/entries.ts'
import { type ModelUses, modelsOf } from '../../../queries/executions/models.ts'
import { type ExecutionOutline, executionOutline } from '../../../queries/executions/outline.ts'
import { runningList, STUCK_AFTER_MS } from '../../../queries/executions/running.ts'
import { type Conversation, conversation } from '../../../queries/executions/session.ts'
import { type ExecutionTree, executionTree } from '../../../queries/executions/tree.ts'
import { type Page, page } from '../../../queries/table/page.ts'
import { checkTraces, type TraceFinding } from '../../../queries/traces/check.ts'
import { type Trace, traceOf } from '../../../queries/traces/trace.ts'

/** The number of sub-runs, of runs of the conversation on each side, of audit entries, of bills and of their lines. */
const SUB_RUNS = 100
const NEAREST = 4
const ENTRIES = 25
const BILLS = 50
const LINES = 200

/** What remains of a run when it is removed. */
export interface Remains {
  billed: Billed
  bills: Page<ShortBill>
  lines: Page<BillLine>
  entries: Page<ShortEntry>
}

export interface ExecutionData extends Remains {
  run: ExecutionOutline
  tree: ExecutionTree
  models: ModelUses
  conversation: Conversation | null
  trace: Trace | undefined
  findings: TraceFinding[]
  /** Of a running run: its last write, and whether it is stuck. */
  idle: { lastWriteTime: string; stuck: boolean } | undefined
}

/** All that the page of a run shows, except the data of its steps; undefined if the run is not kept. */
export async function executionData(
  run: Run,
  executionId: string,
  cursor: string | null,
): Promise<ExecutionData | undefined> {
  const outline = await executionOutline(run, executionId)
  if (outline === undefined) return undefined
  const trace = await traceOf(run, executionId)
  const findings = trace && (await checkTraces(run, { executionId }))
  const idle =
    outline.status === 'running'
      ? await page(run, runningList(STUCK_AFTER_MS), { executionId, limit: 1 })
      : undefined
  return {
    run: outline,
    tree: await executionTree(run, executionId, { limit: SUB_RUNS }),
    models: await modelsOf(run, executionId),
    conversation: await conversation(run, outline, NEAREST),
    trace,
    findings: findings?.rows ?? [],
    idle: idle?.rows[0],
    ...(await remainsOf(run, executionId, cursor)),
  }
}

export async function remainsOf(
  run: Run,
  executionId: string,
  cursor: string | null,
): Promise<Remains> {
  const entries = await page(run, SHORT_AUDIT, { executionId, cursor, limit: ENTRIES })
  const bills = await page(run, SHORT_BILLS, { executionId, limit: BILLS })
  const ids = bills.rows.map(({ billingId }) => billingId)
  const lines =
    ids.length > 0
      ? await listLines(run, { billingId: ids, limit: LINES })
      : { rows: [], nextCursor: null, hasMore: false }
  return { entries, billed: await billedOf(run, executionId), bills, lines }
}
