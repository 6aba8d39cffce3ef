import { constant, raw, sql } from '../../../db/query/sql.ts'
import { billDone, SUMS } from '../../recorder/ended.ts'

const GIVEN =
  'execution_id uuid, status text, error_message text, end_time timestamptz, bill uuid, entry uuid'
const given = (column: string) =>
  raw(`(select ${column} from given where given.execution_id = done.execution_id)`)

/**
 * Ends many runs, which the transaction has locked, as FINISH_EXECUTION ends one. A run whose totals are not the sums of its steps is
 * not ended, and not returned. `= any (array(…))` looks up rows in the index.
 */
export const END_RUNS = constant<'runs'>(
  (v) => sql`
with given as materialized (
  select * from jsonb_to_recordset(${v('runs')}::jsonb) as g (${raw(GIVEN)})
), sums as materialized (
  select given.execution_id, s.*
  from given cross join lateral (select ${SUMS} from workflow_steps where execution_id = given.execution_id) as s
), done as (
  update workflow_executions e
  set status = given.status, error_message = given.error_message, end_time = greatest(given.end_time, e.start_time)
  from given join sums using (execution_id)
  where e.execution_id = given.execution_id and e.execution_id = any (array(select execution_id from given)) and e.status = 'running'
    and (e.total_tokens, e.total_cost) = (sums.tokens, sums.cost)
  returning e.*
), ${billDone({ bill: given('bill'), entry: given('entry'), metadata: raw(`'{}'::jsonb`) })}
select execution_id from done`,
)
