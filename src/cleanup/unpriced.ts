import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import { plural } from '../numbers.ts'

/** What a cleanup makes impossible: without an archive, steps that it removes can never be priced. Undefined if there are none. */
export async function unpricedWords(
  client: pg.ClientBase,
  cutoff: string,
): Promise<string | undefined> {
  const [found] = await query(
    client,
    sql`select count(*) as steps from workflow_steps s join workflow_executions e using (execution_id)
     where s.cost_source = 'unpriced' and s.end_time < ${cutoff}::timestamptz and e.end_time < ${cutoff}::timestamptz`,
    { steps: d.count() },
  )
  const steps = found?.steps ?? 0
  return steps === 0
    ? undefined
    : `${plural(steps, 'step')} without a price can no longer be priced when they are removed; first run \`wfstore prices check\``
}
