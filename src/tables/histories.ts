import type { ColumnType } from './column.ts'
import { runTime } from './executions.ts'
import { stepParts } from './models.ts'

/** A column of a history. */
export interface HistoryColumn {
  column: string
  type: ColumnType
  /** SQL of its value for a removed row `r`. */
  value: string
  /** The columns of a removed row that the value needs. */
  needs: readonly string[]
  /** How several rows with the same key become one; a column without it is part of the key. */
  merge?: 'sum' | 'max' | 'any'
  /** SQL of its value for a part `m` of a step of the run `r` (default: 0 for a sum, else the value of the run). */
  ofStep?: string
}

/** Sums by key of the rows that cleanup has removed, so that totals never change. A key may have several rows. */
export interface HistoryDescription {
  name: string
  /** The kind of the removed rows. */
  kind: 'execution' | 'audit'
  /** What it counts, in messages. */
  noun: string
  columns: readonly HistoryColumn[]
}

/** SQL of the quarter of an hour in which a removed row is counted. */
export const quarterOf = (time: string): string =>
  `date_bin('15 minutes', ${time}, 'epoch'::timestamptz)`

const quarter = (time: string): HistoryColumn => ({
  column: 'quarter_start',
  type: 'time',
  value: quarterOf(`r.${time}`),
  needs: [time],
})

const same = (column: string, type: ColumnType = 'text'): HistoryColumn => ({
  column,
  type,
  value: `r.${column}`,
  needs: [column],
})

const rows = (column: string): HistoryColumn => ({
  column,
  type: 'count',
  value: '1',
  needs: [],
  merge: 'sum',
})

const total = (column: string, type: ColumnType = 'count'): HistoryColumn => ({
  column,
  type,
  value: `r.${column}`,
  needs: [column],
  merge: 'sum',
})

/** What is counted of removed executions. */
export const usageHistory: HistoryDescription = {
  name: 'usage_history',
  kind: 'execution',
  noun: 'runs',
  columns: [
    quarter('start_time'),
    same('user_id'),
    same('workflow_name'),
    same('mode'),
    { ...same('model_id'), ofStep: 'm.model_id' },
    same('status'),
    rows('runs'),
    { ...total('total_cost', 'amount'), ofStep: 'm.cost' },
    { ...total('total_tokens'), ofStep: 'm.tokens' },
    total('steps_total'),
    total('steps_completed'),
    total('steps_failed'),
    {
      column: 'timed_runs',
      type: 'count',
      value: '(r.end_time is not null)::int',
      needs: ['end_time'],
      merge: 'sum',
    },
    {
      column: 'duration_ms',
      type: 'number',
      value: `coalesce(extract(epoch from ${runTime('r')}) * 1000, 0)`,
      needs: ['start_time', 'end_time'],
      merge: 'sum',
    },
    {
      column: 'last_start_time',
      type: 'time',
      value: 'r.start_time',
      needs: ['start_time'],
      merge: 'max',
    },
    {
      column: 'tags',
      type: 'json',
      // Without cost tags the server does not look at each row.
      value: `case when (select current_setting('wfstore.cost_tags')) = '{}' then '{}'::jsonb else
        (select coalesce(jsonb_object_agg(t, r.tags -> t), '{}') from unnest((select current_setting('wfstore.cost_tags')::text[])) as t) end`,
      needs: ['tags'],
    },
    {
      column: 'steps_unpriced',
      type: 'count',
      value: '0',
      needs: ['execution_id'],
      merge: 'sum',
      ofStep: 'm.unpriced',
    },
  ],
}

/** What is counted of removed audit entries. */
export const auditHistory: HistoryDescription = {
  name: 'audit_history',
  kind: 'audit',
  noun: 'audit entries',
  columns: [quarter('timestamp'), same('user_id'), rows('entries')],
}

const names = (columns: readonly HistoryColumn[]): string[] => columns.map(({ column }) => column)

export const historyColumns = ({ columns }: HistoryDescription): string[] => names(columns)

export const historyKey = ({ columns }: HistoryDescription): string[] =>
  names(columns.filter(({ merge }) => merge === undefined))

/** SQL of a column of several rows with the same key. */
export const mergedColumn = ({ column, merge }: HistoryColumn): string => {
  if (merge === undefined) return column
  return merge === 'any' ? `(array_agg(${column}))[1]` : `${merge}(${column})`
}

/** SQL that inserts rows into a history, or into a table like it. Rows with the same key become one. */
export function insertMerged(history: HistoryDescription, from: string, into: string): string {
  const values = history.columns.map(mergedColumn)
  return `insert into ${into} (${historyColumns(history).join(', ')}) select ${values.join(', ')} from ${from} group by ${historyKey(history).join(', ')}`
}

/** A history of a distributed store: a row has the id of one of the runs that it counts, so that it is on their shard. */
export const onShard = (history: HistoryDescription): HistoryDescription => ({
  ...history,
  columns: [
    ...history.columns,
    {
      column: 'execution_id',
      type: 'uuid',
      value: 'r.execution_id',
      needs: ['execution_id'],
      merge: 'any',
    },
  ],
})

/** The columns of a removed row that a history needs. */
export const neededColumns = ({ columns }: HistoryDescription): string[] => [
  ...new Set(columns.flatMap(({ needs }) => needs)),
]

/** SQL of what removed rows add, before it is summed up. @param gone a relation with the needed columns */
export const ofRows = ({ columns }: HistoryDescription, gone: string): string =>
  `select ${columns.map(({ value, column }) => `${value} as ${column}`).join(', ')} from ${gone} r`

/** The same of their steps: the cost of other models, and what has no price. @param steps the steps, and maybe others */
export const ofSteps = ({ columns }: HistoryDescription, gone: string, steps: string): string =>
  `select ${columns
    .map(
      ({ column, value, merge, ofStep }) =>
        `${ofStep ?? (merge === 'sum' ? '0' : value)} as ${column}`,
    )
    .join(', ')} from ${gone} r ${stepParts('r', steps)}`
