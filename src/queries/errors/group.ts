import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import type { List } from '../table/page.ts'
import { listConditions } from '../table/page.ts'
import { FAILURE_LIST, type FailureFilter, messageOf } from './errors.ts'
import { fingerprintOf } from './groups.ts'

/** The runs of one group. */
export interface OneGroupFilter extends FailureFilter {
  fingerprint: string
}

/** The failed and partial runs of one group, newest first. */
export const GROUP_RUNS: List<(typeof FAILURE_LIST)['shape'], OneGroupFilter> = {
  ...FAILURE_LIST,
  name: 'errors of a group',
  where: ({ fingerprint, ...filter }) => [
    ...FAILURE_LIST.where(filter),
    sql`${raw(fingerprintOf(messageOf('e')))} = ${fingerprint}::text`,
  ],
}

const failedShape = {
  workflowName: d.text(),
  /** This and the tool are null for runs in which no step failed, for example because the engine died. */
  stepName: d.nullable(d.text()),
  toolName: d.nullable(d.text()),
  /** Number of runs. */
  runs: d.count(),
  /** Number of failed steps. */
  steps: d.count(),
  lastTime: d.time(),
  /** The newest of these runs, and its failed step. */
  executionId: d.uuid(),
  stepId: d.nullable(d.uuid()),
}
/** The failed steps of a group with the same name. */
export type FailedSteps = d.RowOf<typeof failedShape>

/** Where the runs of a group failed, the most runs first. @throws WfstoreError usage */
export async function failedSteps(
  run: Run,
  filter: OneGroupFilter,
  limit: number,
): Promise<FailedSteps[]> {
  const { conditions } = listConditions(GROUP_RUNS, filter)
  return run(
    sql`with f as materialized (${failures(conditions)})
    select ${raw(d.selectList(failedShape, 'g'))} from (
      select f.workflow_name, s.step_name, s.tool_name, count(distinct f.execution_id) as runs, count(s.step_id) as steps,
             max(f.start_time) as last_time, (array_agg(f.execution_id order by f.start_time desc, f.execution_id desc))[1] as execution_id,
             (array_agg(s.step_id order by f.start_time desc, f.execution_id desc, s.step_number desc))[1] as step_id
      from f left join workflow_steps s on s.execution_id = f.execution_id and s.status = 'failed'
      group by 1, 2, 3) g
    order by runs desc, last_time desc, workflow_name, step_name limit ${limit}::bigint`,
    failedShape,
  )
}

/** Each status is read by its index, as in the list. */
const failures = (conditions: readonly Sql[]): Sql =>
  join(
    [FAILURE_LIST.table]
      .flat()
      .map(
        (table) =>
          sql`select e.execution_id, e.start_time, e.workflow_name from ${raw(table)} e where ${join(conditions, ' and ')}`,
      ),
    ' union all ',
  )
