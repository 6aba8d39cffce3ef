// Databases for the cleanup benchmark: a store, the same tables without foreign keys, and the old application's tables.
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { wfstore } from './store.js'

/** One run in ten is younger than the cutoff. */
const KEPT = 0.1
const SECONDS_PER_RUN = 63
export const CUTOFF = '2026-01-01T00:00:00Z'

/** The cutoff that removes this number of runs. */
export const cutoffOf = (runs, wanted) =>
  new Date(Date.parse(CUTOFF) - (runs - wanted) * SECONDS_PER_RUN * 1000 - 500).toISOString()

/** The start of run `n`: one run every 63 s, in the order of time, for every size. */
const startOf = (runs) =>
  `timestamptz '${CUTOFF}' + (n - ${runs}) * interval '${SECONDS_PER_RUN} seconds'`

const PREPARE = `set session_replication_role = replica; set synchronous_commit = off; set time zone 'UTC'; select setseed(0.5)`

/** UUIDv7 like those of the library, in the order of time, or UUIDv4. */
const idFunction = (random) =>
  random
    ? 'create function pg_temp.id(at timestamptz) returns uuid language sql volatile as $$ select gen_random_uuid() $$'
    : `create function pg_temp.id(at timestamptz) returns uuid language sql volatile as $$
     select (left(h, 8) || '-' || right(h, 4) || '-7' || substr(gen_random_uuid()::text, 16))::uuid
     from (select lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as h) as time $$`

/**
 * 2,000 users by Zipf's law. Four of five runs of a user have the same workflow, which has one mode and mostly one model.
 * 3 steps and 5 audit entries per run.
 */
const fillBusy = (runs) => [
  PREPARE,
  idFunction(false),
  `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost,
     total_tokens, steps_total, steps_completed, error_message, created_at, updated_at)
   select pg_temp.id(at), 'workflow ' || workflow, 'user_' || u, (array['Admin', 'Sales', 'Support'])[1 + workflow % 3],
     (array['gpt-4o', 'gpt-4o-mini', 'claude', 'llama', 'mistral'])[case when chance < 0.85 then 1 + workflow % 5 else 1 + n % 5 end],
     at, done, case when n % 20 = 0 then 'failed' when n % 33 = 0 then 'partial' else 'success' end,
     0.000001 * (n % 100000), n % 9000, 3, 3, case when n % 20 = 0 then 'timeout after ' || n % 90 || ' s' end, at, done
   from generate_series(1, ${Math.round(runs / (1 - KEPT))}) as n,
     lateral (select floor(2000 ^ random())::int as u, random() as chance, ${startOf(runs)} - interval '15 minutes' as at offset 0) as a,
     lateral (select case when chance < 0.8 then u * 7919 % 40 else floor(40 ^ random())::int end as workflow,
       at + random() * interval '10 minutes' as done offset 0) as b`,
  `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time, end_time,
     duration_ms, tokens_used, cost, tokens_input, tokens_output, created_at, updated_at)
   select execution_id, pg_temp.id(start_time), k, 'step ' || k, (array['SEARCH', 'MAIL', null])[k], '{"limit": 20}', 'success',
     start_time, end_time, 1000 + k, 100, total_cost / 3, 60, 40, start_time, end_time
   from (select * from workflow_executions order by start_time) as e, generate_series(1, 3) as k`,
  `insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, tool_name, tokens_used, cost, model_id,
     success, error_message, metadata, created_at)
   select pg_temp.id(at), execution_id, at, user_id, action, action || ' of a run', case when k = 2 then 'SEARCH' end, 100,
     total_cost / 3, model_id, not failed, case when failed then error_message end,
     '{"attempt": 0, "status": "success", "tokens": {"input": 60, "output": 40}}', at
   from (select * from workflow_executions order by start_time) as e, generate_series(1, 5) as k,
     lateral (select start_time + (end_time - start_time) * (k - 1) / 4 as at, k = 5 and status = 'failed' as failed,
       (array['workflow_start', 'step_end', 'step_end', 'step_end', 'workflow_end'])[k] as action) as t`,
]

/**
 * Many users and few runs in each quarter hour, so that few runs share a row of a history: 2,000 users at random, runs of 90 days for
 * 100,000 runs, half of them older than the cutoff. 5 steps and 10 audit entries per run.
 */
const fillSparse = (runs, random) => [
  PREPARE,
  idFunction(random),
  `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost,
     total_tokens, steps_total, steps_completed, error_message, created_at, updated_at)
   select pg_temp.id(at), 'workflow ' || n * 7919 % 40, 'user_' || floor(random() * 2000), (array['Admin', 'Sales', 'Support'])[1 + n % 3],
     (array['gpt-4o', 'gpt-4o-mini', 'claude', 'llama', 'mistral'])[1 + n % 5], at, at + random() * interval '10 minutes',
     case when n % 20 = 0 then 'failed' when n % 33 = 0 then 'partial' else 'success' end,
     0.000001 * (n % 100000), n % 9000, 5, 5, case when n % 20 = 0 then 'timeout after ' || n % 90 || ' s' end, at, at
   from generate_series(1, ${2 * runs}) as n,
     lateral (select timestamptz '${CUTOFF}' + (n - ${runs}) * interval '77.76 seconds' - interval '15 minutes' as at offset 0) as a`,
  `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time, end_time,
     duration_ms, tokens_used, cost, tokens_input, tokens_output, created_at, updated_at)
   select execution_id, pg_temp.id(start_time), k, 'step ' || k, (array['SEARCH', 'MAIL', 'QUERY', null, 'NOTE'])[k], '{"limit": 20}',
     'success', start_time, end_time, 1000 + k, 100, total_cost / 5, 60, 40, start_time, end_time
   from (select * from workflow_executions order by start_time) as e, generate_series(1, 5) as k`,
  `insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, tool_name, tokens_used, cost, model_id,
     success, error_message, metadata, created_at)
   select pg_temp.id(at), execution_id, at, user_id, action, action || ' of a run', case when action = 'tool_call' then 'SEARCH' end, 100,
     total_cost / 10, model_id, not failed, case when failed then error_message end,
     '{"attempt": 0, "status": "success", "tokens": {"input": 60, "output": 40}}', at
   from (select * from workflow_executions order by start_time) as e, generate_series(0, 9) as k,
     lateral (select start_time + (end_time - start_time) * k / 10 as at, k = 9 and status = 'failed' as failed,
       (array['workflow_start', 'step_start', 'tool_call', 'step_end', 'ai_decision'])[1 + k % 5] as action) as t`,
]

/** The stores, and the number of rows of a removed run: the run, its steps and audit entries. */
export const STORES = {
  busy: { fill: fillBusy, rowsPerRun: 9 },
  sparse: { fill: (runs) => fillSparse(runs, false), rowsPerRun: 16 },
  random: { fill: (runs) => fillSparse(runs, true), rowsPerRun: 16 },
}

const TABLES = ['workflow_executions', 'workflow_steps', 'audit_logs']

/** One bill per run: the statements of the old application also touch bills. */
const BILLS = `insert into billing_records (user_id, execution_id, timestamp, model_id, tokens_total, cost, billing_period)
  select user_id, execution_id, end_time, model_id, total_tokens, total_cost, to_char(end_time, 'YYYY-MM') from workflow_executions`

export function openServer(folder) {
  wfstore(folder, 'migrate', 'up')
  const url = new URL(wfstore(folder, 'db', 'url'))
  const urlOf = (database) => {
    const other = new URL(url)
    other.pathname = `/${database}`
    return other.href
  }
  const on = async (database, work) => {
    const client = new pg.Client({ connectionString: database ? urlOf(database) : url.href })
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }
  const make = async (name, from = 'template1') => {
    // file_copy, because a copy through the WAL would slow down the next measurement.
    await on(undefined, (client) =>
      client.query(`create database ${name} template ${from} strategy file_copy`),
    )
    return name
  }
  const drop = (name) =>
    on(undefined, (client) => client.query(`drop database if exists ${name} with (force)`))

  return {
    urlOf,
    on,
    make,
    drop,
    rename: (from, to) =>
      on(undefined, (client) => client.query(`alter database ${from} rename to ${to}`)),
    /** Runs `work` on a temporary copy of a database. */
    copied: async (from, work) => {
      await make('copy', from)
      try {
        return await work('copy')
      } finally {
        await drop('copy')
      }
    },
    /** The store. */
    makeStore: async (name, runs, { fill } = STORES.busy) => {
      await make(name)
      wfstore(folder, 'migrate', 'up', '--database-url', urlOf(name))
      await on(name, async (client) => {
        for (const statement of fill(runs)) await client.query(statement)
        await client.query('vacuum (freeze, analyze)')
      })
    },
    /** The same tables and indexes without foreign keys. */
    makeBare: async (name, store) => {
      await make(name, store)
      await on(name, async (client) => {
        const { rows } = await client.query(
          `select conrelid::regclass as table, conname from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`,
        )
        for (const { table, conname } of rows)
          await client.query(`alter table ${table} drop constraint ${conname}`)
      })
    },
    /** The old application's tables with the rows of a store. */
    makeLegacy: async (name, store) => {
      await make(name)
      await on(name, async (client) => {
        await client.query(
          readFileSync(new URL('../test/fixtures/legacy-schema.sql', import.meta.url), 'utf8'),
        )
        await on(store, async (source) => {
          for (const table of TABLES) await copyRows(source, client, table)
        })
        await client.query(BILLS)
        await client.query('vacuum analyze')
      })
    },
  }
}

async function copyRows(source, target, table) {
  const { rows: columns } = await target.query(
    `select string_agg(quote_ident(attname), ', ' order by attnum) as names from pg_attribute
     where attrelid = $1::regclass and attnum > 0`,
    [table],
  )
  const { names } = columns[0]
  const { rows } = await source.query(
    `select coalesce(json_agg(t), '[]')::text as rows from (select ${names} from ${table}) as t`,
  )
  await target.query(
    `insert into ${table} (${names}) select ${names} from json_populate_recordset(null::${table}, $1::json)`,
    [rows[0].rows],
  )
}
