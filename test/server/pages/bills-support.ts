import { fillLines } from '../../queries/billing/lines-support.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

/** Names as an enemy would choose them, or an accident. */
export const ODD_USER = `o'brien, "<b>&`

/**
 * The bills of 30 runs in November with lines of several meters, a correction, a run without a bill and a bill of another cost
 * than its run; the bills of October, which is closed and differs; and a period of the old application, which is no month.
 */
export async function createBills(label: string): Promise<TestDatabase> {
  const database = await createMigrated(label)
  await fillLines(database)
  // The old application had names of periods of its own.
  await database.sql('alter table billing_records drop constraint billing_records_month')
  await database.sql(
    `insert into billing_records (billing_id, user_id, model_id, timestamp, billing_period, cost, tokens_total, paid)
     select ('00000000-0000-7000-9000-' || lpad(i::text, 12, '0'))::uuid, case when i = 1 then $1 else 'user_' || i % 3 end, 'model',
       timestamptz '2026-10-05Z' + i * interval '1 day', case when i = 9 then 'old period' else '2026-10' end, i * 1.000000000001, i, i % 2 = 0
     from generate_series(1, 9) as i`,
    [ODD_USER],
  )
  const [first] = await database.sql(
    `select billing_id from billing_records where billing_period = '2026-11' order by cost desc limit 1`,
  )
  const cli = async (...words: string[]) => {
    const { code, stderr } = await runCli([...words, '--database-url', database.url])
    if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
  }
  const id = String(first?.billing_id)
  await cli('billing', 'correct', id, '--cost', '0.25', '--reason', 'wrong <price>', '--yes')
  await cli('billing', 'close', '--period', '2026-10', '--yes')
  // Fixed times, and what the triggers prevent.
  await database.sql(`
    set session_replication_role = replica;
    update wfstore_periods set closed_at = '2026-11-02T09:30:00Z', closed_by = 'finance' where closed_at is not null;
    update billing_records set timestamp = '2026-11-25T10:00:00Z', created_at = '2026-11-25T10:00:00Z' where corrects is not null;
    update billing_records set cost = cost + 0.5 where billing_id = '00000000-0000-7000-9000-000000000003';
    update wfstore_bill_lines set cost = cost + 0.5 where billing_id = '00000000-0000-7000-9000-000000000003';
    update workflow_executions set total_cost = total_cost + 0.125 where execution_id = '00000000-0000-4000-8000-000000000007';
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
      values ('00000000-0000-4000-8000-000000000099', 'w', 'user_1', 'Sales', 'own_1', 'success', '2026-11-20Z', '2026-11-20 00:01Z', 0.75);
    set session_replication_role = origin`)
  return database
}
