import pg from 'pg'
import { isRunOrNone, type TableField } from '../../tables/column.ts'
import { textOf } from '../lines/line.ts'
import {
  isAbsent,
  type Staged,
  type StagedColumn,
  sourceOf,
  stagedColumns,
  stagedField,
  stageOf,
} from '../lines/staged.ts'

/** SQL that compares staged rows with the store, and holds what they belong to. */

/** A bill of a closed period has come into the open one, and says which period it was made for. */
const MOVED: Record<string, (period: string, original: string) => string> = {
  billingPeriod: (period) =>
    `${period} not in (t.billing_period, coalesce(t.original_period, t.billing_period))`,
  originalPeriod: (period, original) =>
    `t.original_period is distinct from coalesce(${original}, case when t.original_period = ${period} then t.original_period end)`,
}

/**
 * Lines whose row is in the store with other content, with the fields that differ: the first 100, and in each how many
 * there are. What a line leaves to a default is not compared. A row that the store no longer has was deleted meanwhile.
 */
export function differingRows(staged: Staged): string {
  const { table } = staged
  const differs = stagedColumns(staged)
    .filter(({ field }) => !field || !table.key.includes(field.name))
    .map((column) => differsOf(staged, column))
    .filter((condition) => condition !== undefined)
  const id = stagedField(staged, table.id)
  return `select line, id, fields, count(*) over () as all_of_them from (
      select s.line, s.${id} as id, case when t.${columnOf(table.fields, table.id)} is null then null
        else array_to_string(array[${differs.join(', ')}]::text[], ', ') end as fields
      from ${sourceOf(staged)} s left join ${table.name} t on ${sameKey(staged)}
    ) as compared
    where fields is distinct from '' order by line limit 100`
}

const columnOf = (fields: readonly TableField[], name: string) =>
  fields.find((field) => field.name === name)?.column as string

const sameKey = (staged: Staged): string =>
  staged.table.key
    .map((name) => `t.${columnOf(staged.table.fields, name)} = s.${stagedField(staged, name)}`)
    .join(' and ')

/** The name of the field where it differs; undefined where no line has it. */
function differsOf(staged: Staged, column: StagedColumn): string | undefined {
  const { field, name, quoted, absent } = column
  const isDefault = column.default !== null || !field
  if (absent === 'all' && isDefault) return undefined
  const given =
    field && isRunOrNone(field)
      ? `coalesce(s.${column.staged}, wfstore_no_run())`
      : `s.${column.staged}`
  const here = `t.${quoted}`
  const moved = staged.table.kind === 'bill' && field ? MOVED[field.name] : undefined
  const other = moved
    ? moved(stagedPeriod(staged, 'billingPeriod'), stagedPeriod(staged, 'originalPeriod'))
    : // A type of an application need not have an equality.
      field
      ? `${here} is distinct from ${given}`
      : `${textOf(here)} is distinct from ${textOf(given)}`
  const asked =
    absent === 'none' || !isDefault ? other : `(${isAbsent(column)}) is not true and ${other}`
  return `case when ${asked} then ${pg.escapeLiteral(field?.name ?? name)} end`
}

const stagedPeriod = (staged: Staged, name: string) => `s.${stagedField(staged, name)}`

export const removeLines = ({ table }: Staged): string =>
  `delete from ${stageOf(table)} where line = any ($1::bigint[])`

/** Takes out the steps whose run is neither in the file nor in the store. */
export const removeLostSteps = (steps: Staged): string => `
    with lost as (
      delete from ${stageOf(steps.table)} where line in (select line from (${lostSteps(steps)}) as l)
      returning line, ${stagedField(steps, 'executionId')} as run
    ), counted as (select line, run, count(*) over () as all_of_them from lost)
    select * from counted order by line limit 100`

/** The steps whose run is neither in the file nor in the store. */
export function lostSteps(steps: Staged): string {
  const run = stagedField(steps, 'executionId')
  return `select s.line, s.${run} as run from ${sourceOf(steps)} s
    where not exists (select from workflow_executions e where e.execution_id = s.${run})`
}

/** Whether the rows of this kind belong to runs. */
export const addsToRuns = ({ table }: Staged): boolean =>
  table.kind !== 'execution' && table.kind !== 'metric'

/**
 * Locks the runs in the store to which the file adds. An engine that works on one of them waits from here on, and the
 * import has not written anything yet: the engine locks its run first as well, so neither waits for the other in turn.
 */
export function lockRuns(all: readonly Staged[]): string | undefined {
  const added = all.filter(addsToRuns).map(
    (staged) => `select s.${stagedField(staged, 'executionId')} from ${sourceOf(staged)} s
        where not exists (select from ${staged.table.name} t where ${sameKey(staged)})`,
  )
  return added.length === 0 ? undefined : lockOf(added.join(' union '), 'no key update')
}

/** Keeps a cleanup from removing the run of a step between the inserts of the two. */
export const keepRuns = (steps: Staged): string =>
  lockOf(`select s.${stagedField(steps, 'executionId')} from ${sourceOf(steps)} s`, 'key share')

const lockOf = (ids: string, strength: string): string => `
  select count(*) from (
    select from workflow_executions e where e.execution_id in (${ids})
    order by e.execution_id for ${strength}
  ) as locked`

/** Imports into one database take turns: two with the same rows could otherwise wait for each other. */
export const IMPORT_TURN = `select pg_advisory_xact_lock(hashtextextended('wfstore import', 0))`

/** SQL of a boolean: takes the turn if no other import has it. */
export const TRY_IMPORT_TURN = `pg_try_advisory_xact_lock(hashtextextended('wfstore import', 0))`
