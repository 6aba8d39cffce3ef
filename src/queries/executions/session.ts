import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { type Execution, executionShape } from './executions.ts'

const { executionId, workflowName, status, startTime, durationMs, totalCost } = executionShape
const turnShape = { executionId, workflowName, status, startTime, durationMs, totalCost }
/** A run of a conversation. */
export type Turn = d.RowOf<typeof turnShape>

export interface Conversation {
  /** The run with the nearest ones before and after it, by start. */
  turns: Turn[]
  /** Whether the conversation has runs before or after these. */
  cut: boolean
}

/** The nearest runs of the conversation of a run. */
export async function conversation(
  run: Run,
  { sessionId, startTime, executionId }: Pick<Execution, 'sessionId' | 'startTime' | 'executionId'>,
  nearest: number,
): Promise<Conversation | null> {
  if (sessionId === null) return null
  const side = (comparison: string, order: string, limit: number) => sql`(
    select * from workflow_executions where session_id = ${sessionId}::text
      and (start_time, execution_id) ${raw(comparison)} (${startTime}::timestamptz, ${executionId}::uuid)
    order by start_time ${raw(order)}, execution_id ${raw(order)} limit ${limit}::bigint)`
  const rows = await run(
    sql`select ${raw(d.selectList(turnShape, 'e'))}
      from (${side('<=', 'desc', nearest + 2)} union all ${side('>', 'asc', nearest + 1)}) e
      order by e.start_time, e.execution_id`,
    turnShape,
  )
  const place = rows.findIndex((row) => row.executionId === executionId)
  const turns = rows.slice(Math.max(0, place - nearest), place + nearest + 1)
  return { turns, cut: turns.length < rows.length }
}
