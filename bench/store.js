// Creates the store for the benchmarks: runs with 5 steps and 10 audit entries each.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

const root = fileURLToPath(new URL('..', import.meta.url))
export const cache = join(root, 'node_modules/.cache')

/** Runs wfstore in the folder whose .wfstore/ contains the store, with an environment that names no other database. */
export function wfstore(folder, ...words) {
  return execFileSync(process.execPath, [join(root, 'bin/wfstore.js'), ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()
}

/** A store in its own folder in `within`, which is kept for the next run. `leave` stops its server. */
export async function embeddedStore(runs, within, say) {
  const folder = join(within, `bench-${runs}`)
  const done = join(folder, 'done')
  if (!existsSync(done)) {
    // Stop the server first: when it notices that its folder is gone, it removes the socket of the next server.
    if (existsSync(folder)) wfstore(folder, 'db', 'stop')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    await makeStore(folder, runs, say)
    writeFileSync(done, '')
  }
  wfstore(folder, 'migrate', 'up')
  return { folder, url: wfstore(folder, 'db', 'url'), leave: () => wfstore(folder, 'db', 'stop') }
}

/** A store in its own database on this server. `leave` drops it. */
export async function storeOn(server, runs, say) {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-bench-'))
  const database = `bench_${runs}`
  const url = new URL(server)
  url.pathname = `/${database}`
  const onServer = async (text) => {
    const client = new pg.Client({ connectionString: server })
    await client.connect()
    await client.query(text)
    await client.end()
  }
  await onServer(`create database ${database}`)
  const leave = async () => {
    rmSync(folder, { recursive: true })
    await onServer(`drop database ${database} with (force)`)
  }
  try {
    await makeStore(folder, runs, say, url.href)
    return { folder, url: url.href, leave }
  } catch (error) {
    await leave()
    throw error
  }
}

/** @param url of an empty database; default: the embedded database of the folder */
async function makeStore(folder, runs, say, url) {
  const words = url ? ['--database-url', url] : []
  say(`creating a store of ${runs} runs`)
  wfstore(folder, 'migrate', 'up', '1', ...words)
  const client = await connect(folder, url)
  for (const statement of fill(runs)) await client.query(statement)
  say('building the indexes')
  wfstore(folder, 'migrate', 'up', ...words)
  await client.query('vacuum analyze')
  await client.end()
}

/** @param url of a database; default: the embedded database of the folder */
export async function connect(folder, url = wfstore(folder, 'db', 'url')) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

const id = (kind, n) =>
  `(lpad(to_hex(${n}::bigint), 8, '0') || '-${kind}-7000-8000-' || lpad(to_hex((${n}::bigint * 7919) % 281474976710656), 12, '0'))::uuid`

/** Two years of runs of 2,000 users, 40 workflows and 5 models; 100 of them are still running. */
function fill(runs) {
  return [
    // The rows are consistent by construction, so the foreign keys need no checks.
    "set session_replication_role = replica; set synchronous_commit = off; set maintenance_work_mem = '512MB'",
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost,
       total_tokens, steps_total, steps_completed, steps_failed, error_message)
     select ${id('0000', 'n')}, 'workflow ' || n % 40, 'user_' || n * 7919 % 2000, (array['Admin', 'Sales', 'Support'])[1 + n % 3],
       (array['gpt-4o', 'gpt-4o-mini', 'claude', 'llama', 'mistral'])[1 + n % 5], at,
       case when n > 100 then at + n % 600 * interval '1 second' end,
       case when n <= 100 then 'running' when n % 20 = 0 then 'failed' when n % 33 = 0 then 'partial' else 'success' end,
       0.000001 * (n % 100000), n % 9000, 5, 5, 0, case when n % 20 = 0 then 'timeout after ' || n % 90 || ' s in step ' || n end
     from generate_series(1, ${runs}::bigint) as n, lateral (select now() - n * interval '63 seconds' as at) as t`,
    `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, status, start_time, end_time, duration_ms,
       tokens_used, cost)
     select e.execution_id, (lpad(to_hex(k), 8, '0') || right(e.execution_id::text, 28))::uuid, k, 'step ' || k,
       (array['SEARCH', 'MAIL', 'QUERY', null, 'NOTE'])[k], 'success', e.start_time, e.start_time, 1000 + k, e.total_tokens / 5,
       e.total_cost / 5
     from workflow_executions e, generate_series(1, 5) as k`,
    `insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, tool_name, tokens_used, cost, model_id,
       success, error_message)
     select gen_random_uuid(), e.execution_id, e.start_time + k * interval '1 second', e.user_id,
       (array['workflow_start', 'tool_call', 'step_start', 'step_end', 'ai_decision'])[1 + k % 5], 'entry ' || k || ' of a run',
       case when k % 5 = 1 then 'SEARCH' end, 10, 0.000001, e.model_id, e.status <> 'failed' or k < 10,
       case when e.status = 'failed' and k = 10 then e.error_message end
     from workflow_executions e, generate_series(1, 10) as k`,
    `insert into billing_records (user_id, execution_id, timestamp, model_id, tokens_total, cost, billing_period, paid)
     select user_id, execution_id, end_time, model_id, total_tokens, total_cost, to_char(end_time at time zone 'UTC', 'YYYY-MM'),
       end_time < now() - interval '60 days'
     from workflow_executions where end_time is not null`,
  ]
}
