import * as d from '../query/decode.ts'
import type { Run } from '../query/query.ts'
import { raw } from '../query/sql.ts'
import { FAULTS, notFinite, type ValueFault } from '../values/faults.ts'
import { type FaultyRows, findFaults, isChecked, type Rule } from '../values/find.ts'
import { findOrphans } from '../values/orphans.ts'
import { SAMPLED_RUNS, type Sampled, sampleOf } from './sample.ts'

export interface ValuesReport {
  /** The number of rows that were read. */
  read: number
  found: FaultyRows[]
  orphans: FaultyRows<Rule> | undefined
}

/** The tables with an index of their time. */
const BY_TIME: Sampled[] = [
  { table: 'audit_logs', time: 'timestamp', id: 'log_id' },
  { table: 'billing_records', time: 'timestamp', id: 'billing_id' },
  { table: 'observability_metrics', time: 'timestamp', id: 'metric_id' },
]

/** In the order of the fixes. */
const SAMPLES: Record<string, string> = {
  workflow_executions: `(select e.* from (${SAMPLED_RUNS}) sample join workflow_executions e using (execution_id)) as workflow_executions`,
  workflow_steps: `(select s.* from (${SAMPLED_RUNS}) sample join workflow_steps s using (execution_id)) as workflow_steps`,
  ...Object.fromEntries(
    BY_TIME.map((one) => [
      one.table,
      `(select r.* from (${sampleOf(one)}) sample join ${one.table} r using (${one.id})) as ${one.table}`,
    ]),
  ),
}

const ENDS = 500

/** The first and the last steps of the primary key, and those of the runs that sampled audit entries and bills name. */
const SOME_STEPS = `(select s.* from (
  (select execution_id, step_id from workflow_steps order by execution_id desc, step_id desc limit ${ENDS})
  union (select execution_id, step_id from workflow_steps order by execution_id, step_id limit ${ENDS})
  union select execution_id, step_id from (
    ${['audit_logs', 'billing_records'].map((table) => `select execution_id from ${SAMPLES[table]}`).join(' union ')}
  ) named join workflow_steps using (execution_id)
) chosen join workflow_steps s using (execution_id, step_id)) as workflow_steps`

/** Without an index of the time. They have few rows, which are read only if their check does not hold. */
const HISTORIES = ['usage_history', 'audit_history']

/**
 * Finds rows with values that make reports wrong, or are probably wrong: in a sample of all ages, or in all rows. The schema is
 * in the search path.
 */
export async function inspectRows(run: Run, { full }: { full: boolean }): Promise<ValuesReport> {
  const report: ValuesReport = { read: 0, found: [], orphans: undefined }
  const look = async (faults: readonly ValueFault[], from: string) => {
    const [row] = await run(`select count(*) as read from ${from}`, { read: d.count() })
    report.read += row?.read ?? 0
    report.found.push(...(await findFaults(run, faults, raw(from))))
  }
  for (const [table, sample] of Object.entries(SAMPLES))
    await look(
      FAULTS.filter((fault) => fault.table === table),
      full ? table : sample,
    )
  for (const table of HISTORIES)
    await look(
      notFinite(table),
      `(select * from ${table} where not ${isChecked(table)}) as ${table}`,
    )
  report.orphans = await findOrphans(run, full ? undefined : SOME_STEPS)
  return report
}
