import type { TestDatabase } from '../../../support/database.ts'

/** A store with fixed ids and times, for the pages of runs. */

const id = (kind: string, number = 1) =>
  `${kind}-0000-7000-8000-${String(number).padStart(12, '0')}`

/** A failed run with everything: parallel steps, sub-runs, a conversation, a bill with a correction, audit entries. */
export const FULL = id('0b000001')
export const CHILD = id('0b000002')
const GRANDCHILD = id('0b000003')
export const PARENT = id('0b000004')
/** A running run, one of whose steps is running. */
export const RUNNING = id('0b000005')
export const ONE = id('0b000006')
/** A run of 5,000 steps. */
export const MANY = id('0b000007')
/** Only its bill and its audit entries are kept. */
export const REMOVED = id('0b000008')
/** From OpenTelemetry, with findings. */
export const TRACED = id('0b000009')
/** Two runs whose ids begin with the same 8 characters; a removed one, too. */
export const TWINS = [id('0b00000a', 1), id('0b00000a', 2), id('0b00000a', 3)] as const
export const BILL = id('0b00000b')
export const CORRECTION = id('0b00000b', 2)

export const NOW = new Date('2026-11-20T12:00:00Z')

export const HOSTILE = `<script>window.hacked = 1</script>"'><img src=x onerror="window.hacked=2">\u202egnp`

export async function fillRuns(database: TestDatabase): Promise<void> {
  await database.sql('set session_replication_role = replica')
  await database.sql(RUNS)
  await database.sql(STEPS)
  await database.sql(ENTRIES)
  await database.sql('set session_replication_role = origin')
}

const RUNS = `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time,
    total_cost, total_tokens, steps_total, steps_completed, steps_failed, error_message, tags, session_id, parent_execution_id, metadata, created_at, updated_at)
  select e.id::uuid, e.workflow, 'user_7', 'Sales', 'gpt-4o', e.status, t, t + e.seconds * interval '1 s', e.cost, e.tokens, e.planned, e.done, e.failed,
    e.error, e.tags::jsonb, e.session, e.parent::uuid, e.metadata::jsonb, t, t + coalesce(e.seconds, 30) * interval '1 s'
  from (values
    ('${FULL}', 'Lead enrichment', 'failed', 0, 90, 0.0342105, 21234, 8, 6, 1, 'CRM answered 503 after 3 tries', '{"team": "sales", "a,b": "c=d"}', 'chat-7', '${PARENT}', '{"request": {"id": 12345678901234567890.5}}'),
    ('${CHILD}', 'Find contacts', 'success', 25, 20, 0.0050001, 1200, 1, 1, 0, null, '{}', null, '${FULL}', '{}'),
    ('${GRANDCHILD}', 'Translate', 'partial', 30, 8, 0.0000007, 90, 1, 0, 1, 'cut', '{}', null, '${CHILD}', '{}'),
    ('${PARENT}', 'Nightly sales', 'success', -60, 300, 0.5, 9000, 2, 2, 0, null, '{}', null, null, '{}'),
    ('${RUNNING}', 'Weekly digest', 'running', 7050, null, 0.01, 500, 4, 1, 0, null, '{}', 'chat-7', null, '{}'),
    ('${ONE}', 'Short one', 'success', -600, 2, 0.001, 10, 0, 1, 0, null, '{}', 'chat-7', null, '{}'),
    ('${MANY}', 'Batch of documents', 'partial', -3600, 3000, 12.345678, 5000000, 5000, 4990, 10, '10 documents failed', '{}', null, null, '{}'),
    ('${TRACED}', 'Traced agent', 'success', 600, 12, 0.02, 800, 0, 2, 0, null, '{}', null, null, '{"source": "opentelemetry"}'),
    ('${TWINS[0]}', 'First twin', 'success', 700, 1, 0, 0, 0, 0, 0, null, '{}', null, null, '{}'),
    ('${TWINS[1]}', 'Second twin', 'success', 701, 1, 0, 0, 0, 0, 0, null, '{}', null, null, '{}')
  ) as e (id, workflow, status, start, seconds, cost, tokens, planned, done, failed, error, tags, session, parent, metadata)
  cross join lateral (select '2026-11-20T10:00:00Z'::timestamptz + e.start * interval '1 s' as t) as t`

const STEPS = `insert into workflow_steps (execution_id, step_id, step_number, step_name, step_description, tool_name, tool_parameters, result, status, start_time, end_time,
    duration_ms, tokens_used, tokens_input, tokens_output, tokens_cache_read, cost, error_message, retry_count, provider, model_id, cost_source, cost_lines, created_at, updated_at)
  select s.run::uuid, s.id::uuid, s.number, s.name, s.about, s.tool, s.input::jsonb, s.output::jsonb, s.status, e.start_time + s.a * interval '1 s', e.start_time + s.b * interval '1 s',
    (s.b - s.a) * 1000, coalesce(s.tin, 0) + coalesce(s.tout, 0) + coalesce(s.cached, 0), s.tin, s.tout, s.cached, s.cost, s.error, s.retries, s.provider, s.model, s.source, s.lines::jsonb, e.start_time, e.start_time
  from (values
    ('${FULL}', '${id('0c000001', 1)}', 1, 'plan', 'Decide what to look up', null, null, '"three lookups"', 'success', 0.0, 5.0, 1000, 200, 500, 0.0042105, null, 0, 'openai', null, 'given', null),
    ('${FULL}', '${id('0c000001', 2)}', 2, 'search the web', null, 'web_search', '{"q": "acme", "limit": 10}', '{"hits": [1, 2, 3]}', 'success', 5.0, 20.0, null, null, null, 0, null, 2, null, null, null, null),
    ('${FULL}', '${id('0c000001', 3)}', 3, 'search the CRM', null, 'crm', '{"name": "<b>acme</b>"}', null, 'success', 5.0, 24.0, null, null, null, 0, null, 0, null, null, null, null),
    ('${FULL}', '${id('0c000001', 4)}', 4, 'find contacts', null, 'run_agent', '{"agent": "Find contacts"}', null, 'success', 24.0, 46.0, null, null, null, 0, null, 0, null, null, null, null),
    ('${FULL}', '${id('0c000001', 5)}', 5, 'summarise', null, null, null, '"${'long '.repeat(600)}"', 'success', 46.0, 60.0, 9000, 1000, null, 0.03, null, 0, 'openai', 'gpt-4o-mini', 'priced',
      '[{"meter": "input", "quantity": 9000, "unitPrice": "2.5", "cost": "0.0225", "attempt": 1}, {"meter": "output", "quantity": 1000, "unitPrice": "7.5", "cost": "0.0075", "attempt": 1}]'),
    ('${FULL}', '${id('0c000001', 6)}', 6, 'check', null, null, null, null, 'success', 60.0, 62.0, 500, 34, null, 0, null, 0, null, 'my-own-model', 'unpriced',
      '[{"meter": "input", "quantity": 500, "attempt": 1}, {"meter": "output", "quantity": 34, "attempt": 1}]'),
    ('${FULL}', '${id('0c000001', 7)}', 7, 'write to the CRM', null, 'crm', '{"id": 7}', null, 'failed', 62.0, 90.0, null, null, null, 0, 'CRM answered 503', 3, null, null, null, null),
    ('${FULL}', '${id('0c000001', 8)}', 8, 'notify', null, null, null, null, 'skipped', null, null, null, null, null, 0, null, 0, null, null, null, null),
    ('${ONE}', '${id('0c000006', 1)}', 1, 'only', null, null, null, null, 'success', 0.0, 2.0, 9, 1, null, 0.001, null, 0, null, null, 'given', null),
    ('${RUNNING}', '${id('0c000005', 1)}', 1, 'collect', null, null, null, null, 'success', 0.0, 20.0, 400, 100, null, 0.01, null, 0, null, null, 'given', null),
    ('${RUNNING}', '${id('0c000005', 2)}', 2, 'write', null, null, null, null, 'running', 21.0, null, null, null, null, 0, null, 0, null, null, null, null),
    ('${TRACED}', '${id('0c000009', 1)}', 1, 'chat gpt-4o', 'agent planner', null, null, null, 'success', 0.0, 5.0, 700, 100, null, 0.02, null, 0, 'openai', 'gpt-4o', 'priced', '[{"meter": "input", "quantity": 700, "unitPrice": "20", "cost": "0.014"}, {"meter": "output", "quantity": 100, "unitPrice": "60", "cost": "0.006"}]'),
    ('${TRACED}', '${id('0c000009', 2)}', 2, 'execute_tool search', 'agent researcher', 'search', null, null, 'success', 5.0, 12.0, null, null, null, 0, null, 0, null, null, null, null)
  ) as s (run, id, number, name, about, tool, input, output, status, a, b, tin, tout, cached, cost, error, retries, provider, model, source, lines)
  join workflow_executions e on e.execution_id = s.run::uuid
  union all
  select '${MANY}'::uuid, ('0c000007-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, n, 'document ' || n, null, case when n % 3 = 0 then 'read_file' end, jsonb_build_object('path', n || '.pdf', 'text', repeat('x', 300)), to_jsonb(repeat('result ', 40)),
    case when n % 500 = 0 then 'failed' else 'success' end, e.start_time + n * interval '0.59 s', e.start_time + n * interval '0.59 s' + (1 + n * 7919 % 50 * 0.1) * interval '1 s', 1000 + n * 7919 % 50 * 100,
    1000, 900, 100, null, 0.002, case when n % 500 = 0 then 'unreadable' end, 0, 'openai', case when n % 2 = 0 then 'gpt-4o-mini' end, 'given', null, e.start_time, e.start_time
  from generate_series(1, 5000) n, workflow_executions e where e.execution_id = '${MANY}'`

const ENTRIES = `
  insert into audit_logs (log_id, execution_id, step_id, timestamp, user_id, action_type, action_details, tool_name, tool_input, tool_output, tokens_used, cost, model_id, success, error_message, metadata)
    select ('0d000001-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '${FULL}'::uuid, null::uuid, '2026-11-20T10:00:00Z'::timestamptz + n * interval '1.5 s', 'user_7', case when n % 2 = 0 then 'tool_call' else 'step_end' end,
      'Entry ' || n, case when n % 2 = 0 then 'crm' end, case when n % 2 = 0 then '{"n": 1}'::jsonb end, null::jsonb, n, n * 0.00001, 'gpt-4o', n <> 60, case when n = 60 then 'CRM answered 503' end, '{}'::jsonb
    from generate_series(1, 60) n
    union all select ('0d000008-0000-7000-8000-00000000000' || n)::uuid, '${REMOVED}'::uuid, null::uuid, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 s', 'user_8', 'workflow_end', 'Workflow success', null, null::jsonb, null::jsonb, 0, 0, null, true, null, '{}'::jsonb from generate_series(1, 2) n
    union all select '0d00000a-0000-7000-8000-000000000001'::uuid, '${TWINS[2]}'::uuid, null::uuid, '2026-01-01T00:00:00Z'::timestamptz, 'user_8', 'workflow_end', 'Workflow success', null, null::jsonb, null::jsonb, 0, 0, null, true, null, '{}'::jsonb;
  insert into billing_records (billing_id, user_id, execution_id, timestamp, model_id, tokens_input, tokens_output, tokens_cache_read, tokens_total, cost, billing_period, paid, corrects, original_period, metadata)
    values ('${BILL}', 'user_7', '${FULL}', '2026-11-20T10:01:30Z', 'gpt-4o', 20500, 234, 500, 21234, 0.0342105, '2026-11', true, null, null, '{}'),
      ('${CORRECTION}', 'user_7', '${FULL}', '2026-11-20T11:00:00Z', 'gpt-4o', null, null, null, 0, -0.0042105, '2026-12', false, '${BILL}', '2026-11', '{"reason": "the plan was free", "by": "ada"}'),
      ('${id('0b00000b', 3)}', 'user_8', '${REMOVED}', '2026-01-01T00:00:10Z', 'gpt-4o', 10, 5, null, 15, 0.25, '2026-01', true, null, null, '{}');
  insert into wfstore_bill_lines (billing_id, line_id, provider, model_id, meter, quantity, unit_price, cost, cost_source)
    select b::uuid, wfstore_line_id(b::uuid, p, m, r, u, s), p, m, r, q, u, c, s from (values
      ('${BILL}', 'openai', 'gpt-4o', 'input', 1000, null, 0, 'given'), ('${BILL}', 'openai', 'gpt-4o', 'output', 200, null, 0, 'given'),
      ('${BILL}', 'openai', 'gpt-4o', 'cache_read', 500, null, 0, 'given'), ('${BILL}', 'openai', 'gpt-4o', 'given', null, null, 0.0042105, 'given'),
      ('${BILL}', 'openai', 'gpt-4o-mini', 'input', 9000, 2.5, 0.0225, 'priced'), ('${BILL}', 'openai', 'gpt-4o-mini', 'output', 1000, 7.5, 0.0075, 'priced'),
      ('${BILL}', null, 'my-own-model', 'input', 500, null, 0, 'unpriced'), ('${BILL}', null, 'my-own-model', 'output', 34, null, 0, 'unpriced'),
      ('${CORRECTION}', null, 'gpt-4o', 'given', null, null, -0.0042105, 'given'), ('${id('0b00000b', 3)}', null, 'gpt-4o', 'given', null, null, 0.25, 'given')
    ) as l (b, p, m, r, q, u, c, s);
  insert into wfstore_traces (trace_id, first_arrival, last_arrival, state, findings)
    values ('${TRACED}', '2026-11-20T10:10:00Z', '2026-11-20T10:10:20Z', 'abandoned', '[{"code": "no_root"}, {"code": "no_usage", "spanId": "00f067aa0ba902b7"}]')`
