import type pg from 'pg'
import { byShard, shardOf } from '../db/distributed/at.ts'
import { query, runOn } from '../db/query/query.ts'
import { checkSchema } from '../db/schema.ts'
import { KEEPS_TOTALS_CONDITION } from '../db/totals.ts'
import { type DemoRun, type DemoStep, MODELS, makeHistory } from './history.ts'

/** Fills an empty store in one transaction. Does nothing and returns 0 if there are runs. */
export async function fillDemo(client: pg.Client, now: Date): Promise<number> {
  const { runs, steps } = makeHistory(now)
  // The totals are added below, for all runs at once.
  await client.query(`begin; set local wfstore.keeps_totals = 'on'`)
  try {
    // If two demos run at once, the second waits and then finds the runs of the first.
    await client.query('lock table workflow_executions in share row exclusive mode')
    const { rows } = await client.query(
      'select exists (select 1 from workflow_executions) as filled',
    )
    if (!rows[0].filled) {
      for (const { at, ids } of await placesOf(client, runs)) {
        const here = <T extends { run: string }>(rows: T[]) =>
          rows.filter(({ run }) => ids.has(run))
        for (const [text, data] of statements(here(runs), here(steps), runs[0]?.start))
          await query(at, { text, values: [JSON.stringify(data)] }, {})
      }
    }
    await client.query('commit')
    // Do what autovacuum would do in a minute, so that the planner and `doctor` have statistics.
    if (!rows[0].filled) {
      await client.query('select pg_stat_force_next_flush()')
      await client.query('vacuum (analyze)')
    }
    return rows[0].filled ? 0 : runs.length
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** Where the runs are written: those of each group of shards on its node. */
async function placesOf(client: pg.Client, runs: readonly DemoRun[]) {
  const all = runs.map(({ run }) => run)
  if ((await checkSchema(client)) === 'single') return [{ at: client, ids: new Set(all) }]
  const groups = await byShard(runOn(client), all)
  const places = groups.map((ids) => ({ at: shardOf(client, ids[0]), ids: new Set(ids) }))
  for (const { at } of places) await query(at, `select ${KEEPS_TOTALS_CONDITION}`, {})
  return places
}

/** SQL of a UUIDv7 of this instant, whose random bits are a hash of the text. */
const idAt = (at: string, text: string) =>
  `(select (lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid
    from md5(${text}::text) as h)`

function statements(
  runs: DemoRun[],
  steps: DemoStep[],
  newest: string | undefined,
): [text: string, data: unknown][] {
  return [
    [
      `insert into workflow_executions (execution_id, workflow_name, mode, user_id, model_id, start_time, end_time, status, steps_total,
         error_message, created_at, tags, session_id, parent_execution_id)
       select run, workflow, mode, "user", model, start, "end", status, total, error, start, tags, session, parent
       from json_to_recordset($1::json) as r (run uuid, workflow text, mode text, "user" text, model text, start timestamptz,
         "end" timestamptz, status text, total int, error text, tags jsonb, session text, parent uuid)`,
      runs,
    ],
    [
      `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time,
         end_time, duration_ms, tokens_used, tokens_input, tokens_output, tokens_cache_read, error_message, retry_count,
         created_at)
       select s.run, s.id, s.step, coalesce('call ' || s.tool, 'think'), s.tool,
         case when s.tool is not null then jsonb_build_object('limit', 10) end, s.status, s.start, s."end",
         round(extract(epoch from s."end" - s.start) * 1000), coalesce(s.input + s.output + s.cache, 0), s.input, s.output,
         s.cache, s.error, s.retries, coalesce(s.start, e.start_time)
       from json_to_recordset($1::json) as s (run uuid, id uuid, step int, tool text, status text, start timestamptz, "end" timestamptz,
         input bigint, output bigint, cache bigint, error text, retries int)
       join workflow_executions e on e.execution_id = s.run`,
      steps,
    ],
    [
      `update workflow_steps s set cost_source = 'given', cost =
         (s.tokens_input * m.input + s.tokens_output * m.output + s.tokens_cache_read * m.cache) * 0.000001
       from workflow_executions e, json_to_recordset($1::json) as m (id text, input numeric, output numeric, cache numeric)
       where e.execution_id = s.execution_id and m.id = e.model_id and s.tokens_input is not null`,
      MODELS,
    ],
    [
      `update workflow_executions e set total_cost = s.cost, total_tokens = s.tokens, steps_completed = s.done,
         steps_failed = s.failed
       from (select execution_id, sum(cost) as cost, sum(tokens_used) as tokens,
               count(*) filter (where status = 'success') as done, count(*) filter (where status = 'failed') as failed
             from workflow_steps group by execution_id) s
       where s.execution_id = e.execution_id and $1::json is not null`,
      [],
    ],
    [
      `insert into billing_records (billing_id, user_id, execution_id, timestamp, model_id, tokens_input, tokens_output,
         tokens_cache_read, tokens_total, cost, billing_period, paid, payment_id, tags)
       select ${idAt('e.end_time', 'e.execution_id')}, e.user_id, e.execution_id, e.end_time, e.model_id, s.input, s.output, s.cache, e.total_tokens, e.total_cost,
         to_char(e.end_time at time zone 'UTC', 'YYYY-MM'), b.paid,
         case when b.paid then 'pay_' || to_char(e.end_time at time zone 'UTC', 'YYYYMM') || '_' || e.user_id end, e.tags
       from workflow_executions e
       join (select execution_id, sum(tokens_input) as input, sum(tokens_output) as output,
               sum(tokens_cache_read) as cache from workflow_steps group by execution_id) s using (execution_id)
       cross join lateral (select e.end_time < date_trunc('month', ($1::json ->> 'now')::timestamptz, 'UTC') as paid) b
       where e.end_time is not null`,
      { now: newest },
    ],
    [
      `insert into wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, quantity, cost, cost_source)
       select b.execution_id, b.billing_id, wfstore_line_id(b.billing_id, null, b.model_id, l.meter, null, l.cost_source), b.model_id, l.meter,
         l.quantity, l.cost, l.cost_source
       from billing_records b, wfstore_lines_of(b.tokens_total, b.tokens_input, b.tokens_output, b.tokens_cache_read,
         b.tokens_cache_write, b.tokens_reasoning, b.cost, null) as l
       where $1::json is not null`,
      [],
    ],
    [
      `insert into audit_logs (log_id, execution_id, step_id, timestamp, user_id, action_type, action_details, tool_name, tool_input,
         tokens_used, cost, model_id, success, error_message, created_at)
       select ${idAt('a.at', 'concat(a.execution_id, a.step_id, a.action_type)')}, a.*, a.at from (
         select execution_id, null::uuid, start_time as at, user_id, 'workflow_start', 'Started workflow: ' || workflow_name,
           null, null::jsonb, 0::bigint, 0::numeric, model_id, true, null from workflow_executions
         union all
         select execution_id, null, end_time, user_id, 'workflow_end', 'Workflow ' || status || ': ' || workflow_name, null,
           null, 0, 0, model_id, status = 'success', error_message from workflow_executions where end_time is not null
         union all
         select s.execution_id, s.step_id, s.start_time, e.user_id, case when s.tool_name is null then 'ai_decision' else 'tool_call' end,
           coalesce('Tool call: ' || s.tool_name, 'Chose the next step'), s.tool_name, s.tool_parameters, 0, 0, e.model_id,
           s.tool_name is null or s.status <> 'failed', case when s.tool_name is not null then s.error_message end
         from workflow_steps s join workflow_executions e using (execution_id) where s.start_time is not null
         union all
         select s.execution_id, s.step_id, s.end_time, e.user_id, 'step_end',
           case s.status when 'success' then 'Step completed: ' else 'Step failed: ' end || s.step_name, s.tool_name, null,
           s.tokens_used, s.cost, e.model_id, s.status = 'success', s.error_message
         from workflow_steps s join workflow_executions e using (execution_id) where s.end_time is not null
       ) as a (execution_id, step_id, at, user_id, action_type, action_details, tool_name, tool_input, tokens_used, cost,
         model_id, success, error_message)
       where $1::json is not null`,
      [],
    ],
  ]
}
