import { addEntry, addRun, uuid } from '../cleanup/cleanup-support.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

export interface ValueStore {
  store: TestDatabase
  /** Drops the checks that refuse values that are not finite. */
  drop: () => Promise<void>
  restore: (rest?: string) => Promise<void>
  /** The rows of `fill`. The checks are missing, also those of the histories. */
  refill: () => Promise<void>
}

export async function createValueStore(label: string): Promise<ValueStore> {
  const store = await createMigrated(label)
  const checks = new Map<string, string>()
  const found = await store.sql(
    `select conrelid::regclass::text as table, pg_get_constraintdef(oid) as text from pg_constraint where conname like '%_finite'`,
  )
  for (const { table, text } of found) checks.set(String(table), String(text))
  const drop = async () => {
    for (const table of checks.keys())
      await store.sql(`alter table ${table} drop constraint if exists ${table}_finite`)
  }
  const restore = async (rest = '') => {
    for (const [table, text] of checks)
      await store.sql(`alter table ${table} add constraint ${table}_finite ${text} ${rest}`)
  }

  const refill = async () => {
    await drop()
    await fill(store, null)
  }
  return { store, drop, restore, refill }
}

/**
 * Three old runs with a step, an entry, a bill and a metric of January 2024, and no other rows.
 * @param entryOf the run of the entry
 */
export async function fill(store: TestDatabase, entryOf: string | null): Promise<void> {
  await store.sql(`truncate workflow_executions, workflow_steps, audit_logs, observability_metrics, billing_records,
    usage_history, audit_history, wfstore_cleanups cascade`)
  for (const n of [1, 2, 3])
    await addRun(store.sql, {
      id: uuid(n),
      label: 'w',
      start: `2024-01-1${n}T00:00Z`,
      end: `2024-01-1${n}T00:01Z`,
      steps: 1,
    })
  await addEntry(store.sql, { id: uuid(4), run: entryOf, at: '2024-01-14T00:00Z' })
  await store.sql(
    `insert into billing_records (billing_id, user_id, execution_id, model_id, timestamp, billing_period, cost)
     values ($1, 'u', $2, 'm', '2024-01-15Z', '2024-01', 1)`,
    [uuid(5), uuid(1)],
  )
  await store.sql(
    `insert into observability_metrics (metric_id, user_id, timestamp, metric_type, metric_value) values ($1, 'u', '2024-01-15Z', 'own', 1)`,
    [uuid(6)],
  )
}
