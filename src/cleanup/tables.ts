import type { Cleaned } from './types.ts'

/**
 * A table that a cleanup walks in the order of its time, from one key to the next, so that a batch costs what it looks
 * at and not what the table holds. Where a batch begins and ends are settings of its transaction (see batch.ts), since
 * COPY takes no parameters.
 */
export interface Walked {
  kind: Exclude<Cleaned, 'step'>
  table: string
  /** An index begins with these two. */
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

/** In the order in which they are cleaned: an entry goes when its run is gone. */
export const WALKED = [RUNS, ENTRIES, METRICS]

export const setting = (name: string, type: string): string =>
  `current_setting('wfstore.${name}')::${type}`

export const CUTOFF = setting('cutoff', 'timestamptz')

const AFTER_TIME = setting('after_time', 'timestamptz')
const UPTO_TIME = setting('upto_time', 'timestamptz')
const AFTER = `(${AFTER_TIME}, ${setting('after_id', 'uuid')})`
const UPTO = `(${UPTO_TIME}, ${setting('upto_id', 'uuid')})`

const key = ({ time, id }: Walked, alias: string) => `(${alias}.${time}, ${alias}.${id})`

/** All rows that are left to be looked at. */
export const ahead = (walked: Walked, alias: string): string =>
  `${key(walked, alias)} > ${AFTER} and ${alias}.${walked.time} < ${CUTOFF}`

/**
 * The rows that this batch looks at. The bounds of the time alone are for the planner, which does not see from keys of
 * two columns how few rows lie between them, and would read a whole index instead.
 */
export const inBatch = (walked: Walked, alias: string): string =>
  `${ahead(walked, alias)} and ${key(walked, alias)} <= ${UPTO}
   and ${alias}.${walked.time} between ${AFTER_TIME} and ${UPTO_TIME}`

/**
 * When a run ended. The old application left some without it: they ended at the latest when they were last written,
 * and began by then.
 */
const ended = (alias: string) =>
  `coalesce(${alias}.end_time, greatest(${alias}.start_time, ${alias}.created_at, ${alias}.updated_at))`

const isOver = (alias: string) => `${alias}.status <> 'running' and ${ended(alias)} < ${CUTOFF}`

/** Is the run older than the newest of its workflow that are kept? A workflow of fewer runs keeps them all. */
const isSuperseded = (alias: string) => `exists (
  select from jsonb_to_recordset(${setting('newest', 'jsonb')}) as n (workflow_name text, start_time timestamptz, execution_id uuid)
  where n.workflow_name = ${alias}.workflow_name
    and (${alias}.start_time, ${alias}.execution_id) < (n.start_time, n.execution_id))`

/** Of a run that began before the cutoff: does it go? */
export const goes = (alias: string, keepLast: boolean): string =>
  keepLast ? `${isOver(alias)} and ${isSuperseded(alias)}` : isOver(alias)

/** Counts, by reason, of runs that began before the cutoff and do not go. */
export const reasons = (alias: string): string => `
  count(*) filter (where ${alias}.status = 'running') as running,
  count(*) filter (where ${alias}.status <> 'running' and ${ended(alias)} >= ${CUTOFF}) as ended_later,
  count(*) filter (where ${isOver(alias)}) as newest`
