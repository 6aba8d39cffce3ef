import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { commandLine } from '../../../src/cli/commands/serve/command-line.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { createApp } from '../../../src/server/app.ts'
import { siteDatabase } from '../../../src/server/database.ts'
import type { Site } from '../../../src/server/site.ts'
import { NOW, runCli } from '../../support/cli.ts'
import { createFilled, openPool, type TestDatabase } from '../../support/database.ts'

/** The sample data of `demo`, with metrics, prices, a closed month, a cleanup, and something to find for each check. */
export const createDemo = (label: string): Promise<TestDatabase> =>
  createFilled(label, 'api_demo', async ({ url, sql }) => {
    for (const words of [
      ['demo'],
      ['metrics', 'rollup', '--period', 'day'],
      ['metrics', 'rollup', '--period', 'hour'],
      ['prices', 'set', 'own-model', 'input=1.25', 'output=10'],
      ['billing', 'close', '--period', '2026-09', '--yes', '--allow-earlier-open'],
      ['cleanup', '--days', '80', '--yes'],
    ]) {
      const { code, stderr } = await runCli([...words, '--database-url', url])
      if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
    }
    await sql(
      `insert into wfstore_traces (trace_id, first_arrival, last_arrival, state, error)
       values (gen_random_uuid(), '2026-11-25Z', '2026-11-25Z', 'received', 'value too long');
       with run as (
         insert into workflow_executions (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time, total_cost)
         values (gen_random_uuid(), 'user_1', 'Ünïcode, "quoted"', 'chat', 'no-such-model', 'success', '2026-11-20Z', '2026-11-20 00:01Z', 0.1)
         returning execution_id, start_time)
       insert into workflow_steps (execution_id, step_number, step_name, start_time, end_time, status, tokens_used, tokens_input, cost, cost_source)
       select execution_id, 1, 's', start_time, start_time, 'success', 10, 10, 0, 'unpriced' from run`,
    )
  })

export interface Tried {
  get: (path: string, headers?: Record<string, string>) => Promise<Response>
  /** An action, with a key of its own. */
  post: (path: string, body: object) => Promise<Response>
  errors: unknown[]
  site: Site
  close: () => Promise<void>
}

/** The routes over a database, without a listener. */
export function tried(database: TestDatabase, parts: Partial<Site> = {}): Tried {
  const pool: pg.Pool = openPool({ connectionString: database.url })
  const errors: unknown[] = []
  const now = () => new Date(NOW)
  const site: Site = {
    database: siteDatabase(pool),
    commandLine: commandLine({ createProgram, now }),
    access: { authenticate: async () => ({ name: 'test', can: 'write' }) },
    basePath: '',
    version: '0.0.0',
    allowWrites: true,
    now,
    stopping: new AbortController().signal,
    onError: (error) => errors.push(error),
    ...parts,
  }
  const app = createApp(site)
  return {
    get: async (path, headers = {}) => app.request(path, { headers }),
    post: async (path, body) =>
      app.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
        body: JSON.stringify(body),
      }),
    errors,
    site,
    close: () => pool.end(),
  }
}

/** The id of a row for each path that has one. */
export async function idsOf({ sql }: TestDatabase): Promise<Record<string, string>> {
  const first = async (text: string) => String((await sql(text))[0]?.id)
  return {
    '/executions/:id': await first('select min(execution_id::text) as id from workflow_executions'),
    '/audit/:id': await first('select min(log_id::text) as id from audit_logs'),
    '/billing/records/:id/lines': await first(
      'select min(billing_id::text) as id from wfstore_bill_lines',
    ),
  }
}

/** Parameters without which an endpoint answers nothing or an error. */
export const QUERY: Readonly<Record<string, string>> = {
  '/cost': 'by=user,model',
  '/billing': 'period=2026-10',
  '/billing/records': 'period=2026-10',
  '/billing/lines': 'period=2026-10',
  '/billing/reconcile': 'period=2026-11',
  // The other columns contain durations, which differ.
  '/doctor': 'columns=check,state,fix',
}
