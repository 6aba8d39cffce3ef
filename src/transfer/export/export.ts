import type pg from 'pg'
import { copyAt, shardOf, shardsOf } from '../../db/distributed/at.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import type { Connection } from '../../db/query/connection.ts'
import { databaseError } from '../../db/query/errors.ts'
import { query } from '../../db/query/query.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { checkSchema } from '../../db/schema.ts'
import { executionConditions } from '../../queries/executions/executions.ts'
import { type ExecutionFilter, where } from '../../queries/table/filter.ts'
import { copyOut, UNHURRIED, unpipelined } from '../lines/copy.ts'
import { copyLines, LINE_SETTINGS, LINE_VALUES, lineOf, selectLines } from '../lines/line.ts'
import { type LineTable, type LineTables, readTables } from '../lines/table.ts'

/**
 * The store as JSON lines, of one moment, in chunks of UTF-8 of any size: the form of docs/IMPORT.md. Each run, in the
 * order of their starts, is followed by its steps, audit entries and bills; then come the audit entries and bills whose
 * run is not in the store, then the metrics. In a distributed store each of these parts has the lines of one group of shards
 * after the other. A filter selects runs and what belongs to them.
 *
 * The connection is busy until the last chunk is read. If the reader leaves earlier, or the export fails, the connection
 * is ended.
 * @throws WfstoreError schema_missing, schema_behind, schema_ahead, and errors of the server
 */
export async function* exportLines(
  client: pg.ClientBase,
  filter: ExecutionFilter = {},
): AsyncGenerator<Buffer, void, undefined> {
  const layout = await checkSchema(client, { setsItsOwn: true })
  const conditions = executionConditions(filter)
  const pipelined = unpipelined(client)
  let complete = false
  try {
    await client.query(
      `begin isolation level repeatable read read only; ${UNHURRIED}; ${LINE_SETTINGS}; ${lockOf(conditions, layout)}`,
    )
    const shards = layout === 'single' ? [] : await shardsOf(client)
    for (const shard of shards) await query(shardOf(client, shard), settings(LINE_VALUES), {})
    for (const lines of await queries(client, shards, conditions)) {
      if (layout === 'single') yield* copyOut(client, copyLines(lines))
      for (const shard of shards) yield* copyOut(client, copyLines(copyAt(shard, lines)))
    }
    await client.query('commit')
    complete = true
  } catch (error) {
    throw databaseError(error, { connection: client })
  } finally {
    // Nothing else stops a COPY: while no chunk is read, the server does not hear of a cancel.
    if (complete) pipelined.restore()
    else await (client as pg.Client).end()
  }
}

const OF_RUNS = ['workflow_executions', 'workflow_steps', 'audit_logs', 'billing_records']

/** Before there is a snapshot: a column that is added later would be in no line. */
const lockOf = (conditions: readonly Sql[], layout: Layout): string => {
  const tables = conditions.length > 0 ? OF_RUNS : [...OF_RUNS, 'observability_metrics']
  const lock = `lock table ${tables.join(', ')} in access share mode`
  // Citus would lock all shards of all nodes.
  return layout === 'single' ? lock : `set local citus.enable_ddl_propagation = off; ${lock}`
}

async function queries(
  client: pg.ClientBase,
  shards: readonly string[],
  conditions: readonly Sql[],
): Promise<string[]> {
  const tables = await readTables(client)
  if (conditions.length > 0) {
    const connections = [client, ...shards.map((shard) => shardOf(client, shard))]
    return [runs(tables, await asSettings(connections, where(conditions)))]
  }
  const { audit, bill, metric } = tables
  return [
    runs(tables, ''),
    orphans(audit, 'log_id'),
    orphans(bill, 'billing_id'),
    selectLines(metric, metric.name, 'm', 'order by m.timestamp, m.metric_id'),
  ]
}

/**
 * Runs come in order from their index, and what belongs to a run from the index that begins with it, so that only the
 * lines of one run are sorted at a time.
 */
function runs(tables: LineTables, where: string): string {
  const execution = lineOf(tables.execution, 'e')
  const step = lineOf(tables.step, 's')
  const audit = lineOf(tables.audit, 'a')
  const bill = lineOf(tables.bill, 'b')
  return `
  select l.line from workflow_executions e cross join lateral (
    select 0 as part, null::integer as number, null::timestamptz as at, null::uuid as id, ${execution.line} as line
    from ${execution.row}
    union all
    select 1, s.step_number, null, s.step_id, ${step.line}
    from workflow_steps s cross join lateral ${step.row} where s.execution_id = e.execution_id
    union all
    select 2, null, a.timestamp, a.log_id, ${audit.line}
    from audit_logs a cross join lateral ${audit.row} where a.execution_id = e.execution_id
    union all
    select 3, null, b.timestamp, b.billing_id, ${bill.line}
    from billing_records b cross join lateral ${bill.row} where b.execution_id = e.execution_id
  ) l
  ${where}
  order by e.start_time, e.execution_id, l.part, l.number, l.at, l.id`
}

const orphans = (table: LineTable, id: string) =>
  selectLines(
    table,
    table.name,
    'o',
    `where not exists (select from workflow_executions e where e.execution_id = o.execution_id)
     order by o.timestamp, o.${id}`,
  )

/** COPY takes no parameters. The values are bound to settings of the transaction, which its query reads. */
async function asSettings(
  connections: readonly Connection[],
  { strings, values }: Sql,
): Promise<string> {
  for (const [index, value] of values.entries())
    for (const connection of connections)
      await query(connection, sql`select set_config(${setting(index)}, ${value}, true)`, {})
  return strings.reduce(
    (before, piece, index) => `${before}current_setting('${setting(index - 1)}')${piece}`,
  )
}

/** The session of another server has settings of its own. */
const settings = (values: Record<string, string>): Sql =>
  sql`select ${join(
    Object.entries(values).map(
      ([name, value], n) => sql`set_config(${name}, ${value}, true) as ${raw(`s${n}`)}`,
    ),
    ', ',
  )}`

const setting = (number: number) => `wfstore.export_${number}`
