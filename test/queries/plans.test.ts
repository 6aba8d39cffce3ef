// @module-tag slow
import { readFileSync } from 'node:fs'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readMigration } from '../../src/db/migrate/files.ts'
import { createHistory, recordApplied } from '../../src/db/migrate/history.ts'
import { MIGRATIONS } from '../../src/db/schema.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { migrateOn } from '../support/migrate.ts'

/** Every row of the table of indexes in docs/SCHEMA.md. */
const documented = [
  ...readFileSync(new URL('../../docs/SCHEMA.md', import.meta.url), 'utf8').matchAll(
    /^\| `(\w+)` +\| `(.+)` +\| (.+?) +\|$/gm,
  ),
].map(([, index = '', query = '', use = '']) => ({ index, query, use }))

let database: TestDatabase
let client: pg.Client
let values: Record<string, unknown>

beforeAll(async () => {
  database = await createDatabase('plans')
  client = await database.connect()
  await client.query((await readMigration('001_tables')).up)
  await createHistory(client)
  await recordApplied(client, '001_tables', 0)
  await load(client)
  // Indexes are built faster over rows than with them.
  expect((await migrateOn(client)).applied).toEqual(MIGRATIONS.slice(1))
  await client.query(`
    insert into wfstore_periods (billing_period) select 'period ' || i from generate_series(1, 10000) as i;
    insert into wfstore_cleanups (started_at, cutoff) select now() - i * interval '1 hour', now() from generate_series(1, 10000) as i;
    set session_replication_role = replica;
    update workflow_executions set session_id = 'session_' || total_tokens % 100, tags = jsonb_build_object('team', 'team_' || total_tokens % 500),
      parent_execution_id = (lpad(to_hex(total_tokens / 3), 8, '0') || '-0000-7000-8000-000000000000')::uuid where total_tokens % 2 = 0;
    update billing_records set corrects = gen_random_uuid() where billing_id < '00001000-0000-7000-8000-000000000000';
    update workflow_steps s set cost_source = 'unpriced', end_time = e.end_time from workflow_executions e
      where e.execution_id = s.execution_id and e.total_tokens % 100 = 0;
    insert into wfstore_prices (model, meter, price, valid_from, source)
      select 'model ' || i % 2000, 'input', i, '2026-01-01Z'::timestamptz + i * interval '1 minute', 'own' from generate_series(1, 20000) as i;
    insert into wfstore_model_rules (subject, provider, model, position, kind, pattern)
      select 'model', 'provider ' || i % 50, 'model ' || i, i, 'equals', 'model ' || i from generate_series(1, 5000) as i;
    insert into wfstore_traces (trace_id, first_arrival, last_arrival, due_at, findings)
      select execution_id, start_time, start_time, case when total_tokens % 10 = 0 then start_time end,
        case when total_tokens % 20 = 0 then '[{"code": "no_root"}]'::jsonb else '[]' end
      from workflow_executions;
    insert into wfstore_spans (trace_id, span_id, end_time, response_id, facts)
      select execution_id, to_hex(i), start_time, 'response ' || total_tokens % 1000, '{}'
      from workflow_executions, generate_series(1, 2) as i;
    insert into wfstore_tokens (token_id, name, hash, can)
      select execution_id, 'token ' || total_tokens, encode(sha256(execution_id::text::bytea), 'hex'), 'read' from workflow_executions;
    insert into wfstore_requests (caller, key, hash, started_at, log_id)
      select 'token ' || total_tokens % 100, execution_id, '', start_time, execution_id from workflow_executions;
    set session_replication_role = origin`)
  // The updates above leave dead rows, which an index scan counts.
  await client.query('vacuum analyze')
  values = await sampleValues(client)
})

afterAll(async () => {
  await client.end()
  await database.drop()
})

it('docs/SCHEMA.md names every index of the schema and no other', async () => {
  const { rows } = await client.query(
    `select c.relname as name from pg_index x join pg_class c on c.oid = x.indexrelid
     where c.relnamespace = 'public'::regnamespace and x.indrelid <> all ('{wfstore_migrations, wfstore_settings}'::regclass[])
       and c.relname <> all ('{wfstore_prices_pkey, wfstore_model_rules_pkey}')
     order by 1`,
  )
  expect([...new Set(documented.map(({ index }) => index))].sort()).toEqual(
    rows.map(({ name }) => name),
  )
})

it.each(documented)('$index serves $use: $query', async ({ index, query }) => {
  const plan = await explain(query)
  expect(plan.text).toContain(`"${index}"`)
  expect(plan.nodes).not.toContain('Seq Scan')
  if (!query.includes(' limit ')) return

  expect(plan.nodes).not.toContain('Sort')
  const deep = await explain(await deepPage(query))
  expect(deep.text).toContain(`"${index}"`)
  expect(deep.nodes).not.toContain('Sort')
  expect(deep.nodes).not.toContain('Incremental Sort')
  // The page begins where the cursor says: nothing before it is read and thrown away.
  expect(deep.text).not.toContain('Rows Removed by Filter')
})

it('the summary of one user reads only the rows of that user, live and removed', async () => {
  // An index still counts the rows that the cleanup has merged.
  await client.query('vacuum workflow_executions, usage_history')
  const { text } = await explain(
    'select * from user_workflow_summary where user_id = :user',
    'analyze, ',
  )
  const read = [...text.matchAll(/"Actual Rows": (\d+)/g)].map(([, rows]) => Number(rows))
  const { rows } = await client.query(
    `select (select count(*) from workflow_executions where user_id = $1)::int as live,
            (select count(*) from usage_history where user_id = $1)::int as removed`,
    [values.user],
  )
  const { live, removed } = rows[0]
  expect(live).toBeGreaterThan(10)
  expect(removed).toBeGreaterThan(10)
  expect(Math.max(...read)).toBeLessThanOrEqual(live + removed)
  expect(text).not.toContain('Rows Removed by Filter')
})

/** The plan with the values bound as the product binds them. */
async function explain(query: string, options = ''): Promise<{ text: string; nodes: string[] }> {
  const bound: unknown[] = []
  const text = query.replace(/(?<!:):([a-z]+)/g, (_, name: string) => {
    if (!(name in values)) throw new Error(`no sample value for :${name}`)
    return `$${bound.push(values[name])}`
  })
  const { rows } = await client.query(`explain (${options}format json) ${text}`, bound)
  const plan = JSON.stringify(rows[0]['QUERY PLAN'], null, 1)
  return {
    text: plan,
    nodes: [...plan.matchAll(/"Node Type": "([^"]+)"/g)].map(([, node]) => node ?? ''),
  }
}

/** The same list behind its 2,000th row, or its middle where it is shorter, by keyset as the product pages. */
async function deepPage(query: string): Promise<string> {
  const [, from, where, time, descending, id] =
    /^select \* from (\w+)( where .+)? order by (\w+)( desc)?, (\w+)(?: desc)? limit/.exec(query) ??
    []
  const names: string[] = []
  const bound = (where ?? '').replace(/:([a-z]+)/g, (_, name: string) => `$${names.push(name)}`)
  const order = `order by ${time}${descending ?? ''}, ${id}${descending ?? ''}`
  const { rows } = await client.query(
    `with list as (select ${time}::text as time, ${id} as id, row_number() over (${order}) as place from ${from}${bound})
     select time, id from list where place = (select least(2000, max(place) / 2) from list)`,
    names.map((name) => values[name]),
  )
  values.cursortime = rows[0].time
  values.cursorid = rows[0].id
  const beyond = `(${time}, ${id}) ${descending ? '<' : '>'} (:cursortime, :cursorid)`
  return query.replace(/ order by /, `${where ? ' and' : ' where'} ${beyond} order by `)
}

/**
 * 100,000 runs and what belongs to them: some users, workflows and outcomes are frequent, most are rare. Ids grow, as
 * those of the library do.
 */
async function load(on: pg.Client): Promise<void> {
  const id = (number: string) =>
    `(lpad(to_hex(${number}), 8, '0') || '-0000-7000-8000-000000000000')::uuid`
  await on.query(`
    set session_replication_role = replica;
    create temporary table run as
      select i, ${id('i')} as id, '2026-01-01Z'::timestamptz + i * interval '2 minutes' as start, r,
             'user_' || (1000 * r ^ 2)::int as user_id, 'workflow ' || (100 * r ^ 3)::int as workflow,
             case when i % 1000 = 0 then 'running' when i % 20 = 0 then 'failed' else 'success' end as status
      from (select i, random() as r from generate_series(1, 100000) as i) as n;
    insert into workflow_executions
      (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens)
      select id, workflow, user_id, 'Sales', 'model ' || i % 5, start, start + interval '2 minutes', status, r, i from run;
    insert into workflow_steps (execution_id, step_id, step_number, step_name, status)
      select id, ${id('i * 2 + s')}, s, 'step', 'success' from run, generate_series(0, 1) as s;
    insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, success)
      select ${id('i * 2 + s')}, id, start, user_id, 'tool_call', 'called', status <> 'failed' from run, generate_series(0, 1) as s;
    insert into billing_records (billing_id, user_id, execution_id, timestamp, model_id, cost, billing_period)
      select id, user_id, id, start, 'model 1', r, to_char(start, 'YYYY-MM') from run where i % 2 = 0;
    insert into observability_metrics (metric_id, timestamp, user_id, metric_type, metric_value)
      select id, start, user_id, case i % 4 when 0 then 'cost' else 'token_usage' end, r from run where i % 2 = 0;
    insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost,
        total_tokens, steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
      select date_trunc('hour', start), user_id, workflow, 'Sales', 'model 1', status, 1, r, i, 2, 2, 0, 1, 120000, start
      from run where i % 4 = 0;
    insert into audit_history (quarter_start, user_id, action_type, success, entries)
      select date_trunc('hour', start), user_id, 'tool_call', true, 2 from run where i % 4 = 0;
    drop table run;
    set session_replication_role = origin`)
}

async function sampleValues(on: pg.Client): Promise<Record<string, unknown>> {
  const one = async (text: string) => (await on.query({ text, rowMode: 'array' })).rows[0]?.[0]
  const execution = await one(
    'select execution_id from workflow_executions where total_tokens = 50000',
  )
  return {
    execution,
    trace: execution,
    response: 'response 10',
    first: `${execution.slice(0, 8)}-0000-0000-0000-000000000000`,
    last: `${execution.slice(0, 8)}-ffff-ffff-ffff-ffffffffffff`,
    user: 'user_1',
    session: 'session_10',
    tags: { team: 'team_10' },
    workflow: 'workflow 50',
    provider: 'provider 5',
    model: 'model 5',
    since: '2026-02-01T00:00:00Z',
    until: '2026-03-01T00:00:00Z',
    period: '2026-03',
    step: await one(`select step_id from workflow_steps where execution_id = '${execution}'`),
    log: await one('select log_id from audit_logs limit 1'),
    metric: await one('select metric_id from observability_metrics limit 1'),
    bill: await one('select billing_id from billing_records limit 1'),
    histories: [1, 2, 3],
    token: 'token 10',
    hash: await one('select hash from wfstore_tokens limit 1'),
    key: execution,
    cleanup: await one('select cleanup_id from wfstore_cleanups limit 1'),
  }
}
