import { DEFAULT_MAPPING } from '../../../../src/record/otel/mapping.ts'
import { receive } from '../../../../src/record/otel/store/receive.ts'
import { reconcileDue, settleTraces } from '../../../../src/record/otel/store/reconcile.ts'
import type { Span } from '../../../../src/record/otel/types.ts'
import type { Access } from '../../../../src/store/access.ts'
import type { TestDatabase } from '../../../support/database.ts'

/** Nothing more is expected: a run ends at once, with or without a root. */
export const AT_ONCE = { ...DEFAULT_MAPPING, quietMs: 0, abandonMs: 0 }
/** Spans are still expected. */
export const LATER = { ...DEFAULT_MAPPING, quietMs: 3_600_000, abandonMs: 7_200_000 }

export const take = ({ inTransaction }: Access, spans: readonly Span[]) =>
  receive(inTransaction, spans, DEFAULT_MAPPING)
export const view = ({ inTransaction }: Access) => reconcileDue(inTransaction, LATER)
export const settle = ({ inTransaction }: Access) => settleTraces(inTransaction, AT_ONCE)

/** Everything that is counted, without ids that are random and times of the writing. */
export async function counted({ sql }: Pick<TestDatabase, 'sql'>) {
  const without = (row: string, ...columns: string[]) =>
    `(to_jsonb(${row}) - array['created_at', 'updated_at', ${columns.map((name) => `'${name}'`).join(', ')}]::text[])`
  const rows = async (query: string) => (await sql(query)).map(({ row }) => row)
  return {
    executions: await rows(
      `select ${without('e')} as row from workflow_executions e order by execution_id`,
    ),
    steps: await rows(
      `select ${without('s')} as row from workflow_steps s order by execution_id, step_id`,
    ),
    bills: await rows(
      `select ${without('b', 'timestamp')} as row from billing_records b order by billing_id`,
    ),
    lines: await rows(
      `select ${without('l')} as row from wfstore_bill_lines l order by billing_id, line_id`,
    ),
    entries: await rows(
      `select ${without('a', 'timestamp')} as row from audit_logs a order by log_id`,
    ),
  }
}

/** Sums that the table of bills, of their lines, of runs and of steps each give; they are the same. */
export async function totals({ sql }: Pick<TestDatabase, 'sql'>) {
  const [row] = await sql(`
    select (select coalesce(sum(tokens_used), 0)::int from workflow_steps) as steps,
           (select coalesce(sum(total_tokens), 0)::int from workflow_executions) as executions,
           (select coalesce(sum(tokens_total), 0)::int from billing_records) as bills,
           (select coalesce(sum(quantity) filter (where meter <> 'request'), 0)::int from wfstore_bill_lines) as lines,
           (select coalesce(sum(cost), 0)::text from workflow_steps) as step_cost,
           (select coalesce(sum(total_cost), 0)::text from workflow_executions) as cost,
           (select coalesce(sum(cost), 0)::text from billing_records) as bill_cost,
           (select coalesce(sum(cost), 0)::text from wfstore_bill_lines) as line_cost`)
  return row
}
