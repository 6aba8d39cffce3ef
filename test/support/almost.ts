import { createDatabase, loadLegacy, type TestDatabase } from './database.ts'
import { withClient } from './migrate.ts'

const RUN = '00000000-0000-4000-8000-000000000001'
const STEP = '00000000-0000-4000-8000-000000000002'

/** A run with a step, an audit row, a bill and a metric. */
const SOME_ROWS = `
  insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
    values ('${RUN}', 'w', 'u', 'Sales', 'm');
  insert into workflow_steps (step_id, execution_id, step_number, step_name) values ('${STEP}', '${RUN}', 1, 's');
  insert into audit_logs (execution_id, step_id, user_id, action_type, action_details) values ('${RUN}', '${STEP}', 'u', 'a', 'd');
  insert into billing_records (execution_id, user_id, model_id, billing_period) values ('${RUN}', 'u', 'm', '2026-11');
  insert into observability_metrics (user_id, metric_type, metric_value) values ('u', 'cost', 1)`

export interface AlmostLegacy {
  database: TestDatabase
  /** The id of its run. */
  run: string
  /** Creates the old schema with a few rows again; `setup` is the difference to the old application. */
  make: (setup: string) => Promise<void>
}

/** One database for many cases, because creating a schema is faster than creating a database. */
export async function almostLegacy(label: string): Promise<AlmostLegacy> {
  const database = await createDatabase(label)
  return {
    database,
    run: RUN,
    make: async (setup) => {
      await database.sql('drop schema public cascade; create schema public')
      await database.sql('drop publication if exists theirs')
      await loadLegacy(database, { data: false })
      await database.sql(`drop table migrations_log; ${SOME_ROWS}`)
      await withClient(database, (client) => client.query(setup))
    },
  }
}
