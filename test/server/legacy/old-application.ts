import pg from 'pg'
import type { TestDatabase } from '../../support/database.ts'

/**
 * What the old application answered, from its own tables by plain SQL: pg gives a numeric as text, and a time without a zone
 * is in UTC.
 */
export async function oldApplication(database: TestDatabase) {
  const client = await database.connect()
  const types = {
    getTypeParser: (oid: number, format?: 'text') =>
      oid === pg.types.builtins.TIMESTAMP
        ? (text: string) => new Date(`${text.replace(' ', 'T')}Z`)
        : pg.types.getTypeParser(oid, format),
  }
  const rows = async (text: string, values: unknown[]): Promise<Record<string, unknown>[]> =>
    (await client.query({ text, values, types: types as pg.CustomTypesConfig })).rows
  const listed = async (name: string, text: string, values: unknown[]) => {
    const found = await rows(text, values)
    return { [name]: found, count: found.length }
  }
  const list = (table: string, where: string, values: unknown[], rest = 'limit 50') => {
    // It left rows of the same time in any order; wfstore has the order of their ids.
    const order = ORDERS[table] as string
    return [`select * from ${table} where ${where} order by ${order} ${rest}`, values] as const
  }
  return {
    close: () => client.end(),
    executions: async (user: string, limit = 50) => {
      const answer = await listed(
        'executions',
        ...list('workflow_executions', 'user_id = $1', [user, limit], 'limit $2'),
      )
      for (const row of answer.executions as Record<string, unknown>[]) {
        delete row.created_at
        delete row.updated_at
      }
      return answer
    },
    execution: async (id: string) => ({
      execution: (await rows('select * from workflow_executions where execution_id = $1', [id]))[0],
      steps: await rows(
        'select * from workflow_steps where execution_id = $1 order by step_number',
        [id],
      ),
    }),
    auditOf: (id: string) =>
      listed(
        'logs',
        'select * from audit_logs where execution_id = $1 order by timestamp, created_at',
        [id],
      ),
    audit: (user: string, limit = 50) =>
      listed('logs', ...list('audit_logs', 'user_id = $1', [user, limit], 'limit $2')),
    errors: (user: string) =>
      listed('logs', ...list('audit_logs', 'user_id = $1 and not success', [user])),
    metrics: (where: string, values: unknown[], limit = 50) =>
      listed('metrics', ...list('observability_metrics', where, values, `limit ${limit}`)),
    running: (user: string) =>
      listed(
        'executions',
        ...list('workflow_executions', "user_id = $1 and status = 'running'", [user], ''),
      ),
    billing: async (user: string, period?: string) => {
      const inPeriod = period === undefined ? '' : ' and billing_period = $2'
      const values = period === undefined ? [user] : [user, period]
      const where = `user_id = $1${inPeriod}`
      const [sum] = await rows(
        `select coalesce(sum(cost), 0)::float8 as "totalCost", coalesce(sum(tokens_total), 0)::int as "totalTokens",
                count(*)::int as "recordCount" from billing_records where ${where}`,
        values,
      )
      const { records, count } = await listed(
        'records',
        ...list('billing_records', where, values, ''),
      )
      return { records, summary: period === undefined ? null : sum, count }
    },
    stats: async (user: string) => {
      const [stats] = await rows(
        `select count(*)::int as "totalExecutions",
                count(*) filter (where status = 'running')::int as "runningExecutions",
                count(*) filter (where status = 'success')::int as "successfulExecutions",
                count(*) filter (where status = 'failed')::int as "failedExecutions",
                coalesce(sum(total_cost), 0)::float8 as "totalCost", coalesce(sum(total_tokens), 0)::int as "totalTokens",
                (select count(*)::int from audit_logs where user_id = $1) as "totalAuditLogs",
                coalesce(avg(extract(epoch from end_time - start_time) * 1000), 0)::float8 as "averageExecutionTime"
         from workflow_executions where user_id = $1`,
        [user],
      )
      return { stats }
    },
    costByMode: async (user: string) => ({
      costByMode: await rows(
        `select mode, sum(total_cost)::float8 as "totalCost", sum(total_tokens)::int as "totalTokens",
                count(*)::int as "executionCount"
         from workflow_executions where user_id = $1 group by mode order by sum(total_cost) desc`,
        [user],
      ),
    }),
  }
}

const ORDERS: Record<string, string> = {
  workflow_executions: 'start_time desc, execution_id desc',
  audit_logs: 'timestamp desc, log_id desc',
  observability_metrics: 'timestamp desc, metric_id desc',
  billing_records: 'timestamp desc, billing_id desc',
}
