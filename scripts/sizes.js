// Measures the disk space of a run, and of its totals after a cleanup: the tables of docs/OPERATIONS.md.
// npm run sizes [-- RUNS]     creates a store in a temporary folder and removes it
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, wfstore } from '../bench/store.js'

const RUNS = Number(process.argv[2] ?? 100_000)
const STEPS = 3
const ENTRIES = 5
/** The number of concurrent runs, and the days over which all runs are spread. */
const AT_ONCE = 500
const DAYS = 90

/** The query is the one on the page. */
const page = fileURLToPath(new URL('../docs/OPERATIONS.md', import.meta.url))
const [, QUERY] = /```sql\n(select sizes\.relation[^`]+)```/.exec(readFileSync(page, 'utf8'))

const v7 = (at) =>
  `(lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0') || '7' || right(gen_random_uuid()::text, 21))::uuid`

/** The statements of a recorder: a run starts, its steps start and end and update the totals, and the end writes a bill. */
const LIFE = [
  `create temp table now_running as
   select ${v7('at')} as run, at, n from generate_series($1::bigint, $2::bigint) as n,
     lateral (select now() - interval '1 day' - (${RUNS} - n) * interval '${DAYS} days' / ${RUNS} as at) as t`,
  `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, status, steps_total, metadata)
   select run, 'workflow ' || n % 20, 'user_' || n * 7919 % 500, (array['Admin', 'Sales', 'Support'])[1 + n % 3],
     (array['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4'])[1 + n % 3], at, 'running', ${STEPS}, '{}' from now_running`,
  `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time)
   select run, ${v7("at + k * interval '1 s'")}, k, 'call the tool', 'web_search',
     '{"query": "companies like acme in Germany", "limit": 10}', 'running', at + k * interval '1 s'
   from now_running, generate_series(1, ${STEPS}) as k`,
  ...Array.from(
    { length: STEPS },
    (_, k) => `with done as (
     update workflow_steps s set status = 'success', end_time = start_time + interval '900 ms', duration_ms = 900,
       tokens_input = 800, tokens_output = 200, tokens_used = 1000, cost = 0.0024135,
       result = '{"rows": 10, "first": "Acme Handels GmbH, Hamburg", "next": "eyJvZmZzZXQiOjEwfQ"}'
     from now_running r where s.execution_id = r.run and step_number = ${k + 1} returning s.execution_id)
   update workflow_executions e set total_cost = total_cost + 0.0024135, total_tokens = total_tokens + 1000,
     steps_completed = steps_completed + 1 from done where e.execution_id = done.execution_id`,
  ),
  `insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, tool_name, tool_input, tool_output,
     tokens_used, cost, model_id)
   select ${v7("at + k * interval '1 s'")}, run, at + k * interval '1 s', 'user_' || n * 7919 % 500,
     (array['workflow_start', 'tool_call', 'tool_call', 'tool_call', 'workflow_end'])[k], 'Tool call: web_search',
     case when k between 2 and 4 then 'web_search' end,
     case when k between 2 and 4 then '{"query": "companies like acme in Germany", "limit": 10}'::jsonb end,
     case when k between 2 and 4 then '{"rows": 10, "first": "Acme Handels GmbH, Hamburg", "next": "eyJvZmZzZXQiOjEwfQ"}'::jsonb end,
     1000, 0.0024135, 'gpt-4o' from now_running, generate_series(1, ${ENTRIES}) as k`,
  `update workflow_executions set status = 'success', end_time = at + interval '5 s' from now_running where execution_id = run`,
  `insert into billing_records (billing_id, user_id, execution_id, timestamp, model_id, tokens_input, tokens_output, tokens_total, cost,
     billing_period)
   select ${v7("at + interval '5 s'")}, 'user_' || n * 7919 % 500, run, at + interval '5 s', 'gpt-4o', 2400, 600, 3000, 0.0072405,
     to_char(at at time zone 'UTC', 'YYYY-MM') from now_running`,
  'drop table now_running',
]

const say = (text) => process.stderr.write(`${text}\n`)
const folder = mkdtempSync(join(tmpdir(), 'wfstore-sizes-'))
try {
  wfstore(folder, 'migrate', 'up')
  const client = await connect(folder)
  say(`recording ${RUNS} runs`)
  await client.query('set synchronous_commit = off')
  for (let first = 1; first <= RUNS; first += AT_ONCE) {
    await client.query('begin')
    for (const text of LIFE)
      await client.query(
        text,
        text.includes('$2') ? [first, Math.min(first + AT_ONCE - 1, RUNS)] : [],
      )
    await client.query('commit')
  }
  await client.query('vacuum analyze')
  process.stdout.write(table((await client.query(QUERY)).rows))
  say('removing the runs')
  wfstore(folder, 'cleanup', '--days', '1', '--allow-all', '--pause', '0')
  await client.query('vacuum (analyze) usage_history, audit_history')
  const left = await client.query(
    `select relname as history, reltuples::bigint as rows, pg_total_relation_size(oid) as bytes,
       round(pg_total_relation_size(oid) / $1::numeric, 1) as "bytes per removed run"
     from pg_class where oid = any ('{usage_history, audit_history}'::regclass[])`,
    [RUNS],
  )
  process.stdout.write(table(left.rows))
  await client.end()
} finally {
  wfstore(folder, 'db', 'stop')
  rmSync(folder, { recursive: true, force: true })
}

function table(rows) {
  const names = Object.keys(rows[0])
  const line = (cells) => `| ${cells.join(' | ')} |\n`
  return `\n${line(names)}${line(names.map(() => '---'))}${rows.map((row) => line(Object.values(row))).join('')}`
}
