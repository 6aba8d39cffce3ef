import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { runTime } from '../../tables/executions.ts'
import { fingerprintOf } from '../errors/groups.ts'
import { countOf, uuidOf } from '../table/validate.ts'
import { type UsageFilter, usageWhere } from '../usage/filter.ts'

const listedShape = {
  executionId: d.uuid(),
  userId: d.text(),
  workflowName: d.text(),
  modelId: d.text(),
  status: d.text(),
  startTime: d.time(),
  /** Milliseconds from the start to the end; null for a running execution. */
  executionTime: d.nullable(
    d.number(`round((extract(epoch from ${runTime('r')}) * 1000)::numeric, 3)`),
  ),
  totalCost: d.amount(),
  totalTokens: d.total(),
  /** The error message without the parts that vary between failures, such as ids and quoted text. */
  error: d.text(fingerprintOf('r.error_message')),
}
/** A run in a report that may be forwarded: without its error message. */
export type ListedExecution = d.RowOf<typeof listedShape>

/** The runs with the highest cost, without removed runs. @throws WfstoreError usage for an invalid filter or limit */
export function expensiveExecutions(
  run: Run,
  { limit, ...filter }: UsageFilter & { limit?: number | undefined } = {},
): Promise<ListedExecution[]> {
  const most = countOf('limit', limit, 1) ?? 10
  return list(
    run,
    sql`select * from workflow_executions e ${usageWhere(filter).on('start_time')}
     order by e.total_cost desc, e.start_time desc, e.execution_id limit ${most}`,
    raw('r.total_cost desc, r.start_time desc, r.execution_id'),
  )
}

/** The runs with these ids that are not removed, newest first. @throws WfstoreError usage for an invalid id */
export function executionsWithIds(run: Run, ids: readonly string[]): Promise<ListedExecution[]> {
  const wanted = ids.map((id) => uuidOf('executionId', id))
  return list(
    run,
    sql`select * from workflow_executions e where e.execution_id = any(${wanted}::uuid[])`,
    raw('r.start_time desc, r.execution_id'),
  )
}

const list = (run: Run, rows: Sql, order: Sql): Promise<ListedExecution[]> =>
  run(
    sql`select ${raw(d.selectList(listedShape, 'r'))} from (${rows}) as r order by ${order}`,
    listedShape,
  )
