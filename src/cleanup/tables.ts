import type { Cleaned } from './types.ts'

/**
 * A table that a cleanup walks in the order of time and id, so that the cost of a batch does not depend on the size of the
 * table. The start and end of a batch are settings of its transaction (see batch.ts), because COPY has no parameters.
 */
export interface Walked {
  kind: Exclude<Cleaned, 'step'>
  table: string
  /** The first columns of an index. */
  time: string
  id: string
}

export const RUNS: Walked = {
  kind: 'execution',
  table: 'workflow_executions',
  time: 'start_time',
  id: 'execution_id',
}
export const ENTRIES: Walked = {
  kind: 'audit',
  table: 'audit_logs',
  time: 'timestamp',
  id: 'log_id',
}
export const METRICS: Walked = {
  kind: 'metric',
  table: 'observability_metrics',
  time: 'timestamp',
  id: 'metric_id',
}

/** In the order of the cleanup: an audit entry is removed after its run. */
export const WALKED = [RUNS, ENTRIES, METRICS]

export const setting = (name: string, type: string): string =>
  `current_setting('wfstore.${name}')::${type}`

export const CUTOFF = setting('cutoff', 'timestamptz')

const AFTER_TIME = setting('after_time', 'timestamptz')
const UPTO_TIME = setting('upto_time', 'timestamptz')
const AFTER = `(${AFTER_TIME}, ${setting('after_id', 'uuid')})`
const UPTO = `(${UPTO_TIME}, ${setting('upto_id', 'uuid')})`

const key = ({ time, id }: Walked, alias: string) => `(${alias}.${time}, ${alias}.${id})`

/** All rows that are not visited yet. */
export const ahead = (walked: Walked, alias: string): string =>
  `${key(walked, alias)} > ${AFTER} and ${alias}.${walked.time} < ${CUTOFF}`

/**
 * The rows of this batch. The additional time bounds are for the planner: from bounds on two columns it cannot estimate how
 * few rows match, and would read the whole index.
 */
export const inBatch = (walked: Walked, alias: string): string =>
  `${ahead(walked, alias)} and ${key(walked, alias)} <= ${UPTO}
   and ${alias}.${walked.time} between ${AFTER_TIME} and ${UPTO_TIME}`

/**
 * The end of a run. Some runs of the old application have no end time: they ended before their last write.
 */
const ended = (alias: string) =>
  `coalesce(${alias}.end_time, greatest(${alias}.start_time, ${alias}.created_at, ${alias}.updated_at))`

const isOver = (alias: string) => `${alias}.status <> 'running' and ${ended(alias)} < ${CUTOFF}`

/** Whether the run is older than the kept newest runs of its workflow. A workflow with fewer runs keeps all of them. */
const isSuperseded = (alias: string) => `exists (
  select from jsonb_to_recordset(${setting('newest', 'jsonb')}) as n (workflow_name text, start_time timestamptz, execution_id uuid)
  where n.workflow_name = ${alias}.workflow_name
    and (${alias}.start_time, ${alias}.execution_id) < (n.start_time, n.execution_id))`

/** Whether a run that started before the cutoff is removed. */
export const goes = (alias: string, keepLast: boolean): string =>
  keepLast ? `${isOver(alias)} and ${isSuperseded(alias)}` : isOver(alias)

/** Counts runs that started before the cutoff and are kept, by reason. */
export const reasons = (alias: string): string => `
  count(*) filter (where ${alias}.status = 'running') as running,
  count(*) filter (where ${alias}.status <> 'running' and ${ended(alias)} >= ${CUTOFF}) as ended_later,
  count(*) filter (where ${isOver(alias)}) as newest`
