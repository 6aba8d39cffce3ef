import type { TestDatabase } from '../../support/database.ts'

/**
 * Runs and bills of 2026-11 as another client writes them, so triggers write the lines: given, priced and unpriced steps of several
 * models and providers, paid and unpaid bills, bills with and without tags. Run 0 has no tokens and no cost.
 */
export async function fillLines(database: TestDatabase, runs = 30): Promise<void> {
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, tags)
     select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'w', 'user_' || n % 3, 'Sales', 'own_' || n % 2, 'success',
       timestamptz '2026-11-02Z' + n * interval '7 h', timestamptz '2026-11-02 01:00Z' + n * interval '7 h',
       case n % 3 when 0 then '{}' when 1 then '{"team": "sales"}' else '{"team": "total", "project": "x"}' end::jsonb
     from generate_series(0, ${runs - 1}) as n`,
  )
  await database.sql(
    `insert into workflow_steps (execution_id, step_number, step_name, status, provider, model_id, tokens_used, tokens_input, tokens_output,
       cost, cost_source, cost_lines)
     select execution_id, k, 's', 'success', provider, model, case kind when 3 then 7 else input + coalesce(output, 0) end, case kind when 3 then 0 else input end, output,
       case kind when 0 then 0.001 * n when 1 then input * 2.5 * 0.000001 + output * 10 * 0.000001 when 2 then 0.0001 * n else 0.5 end,
       case kind when 0 then 'given' when 1 then 'priced' when 2 then 'unpriced' end,
       case kind when 1 then jsonb_build_array(
              jsonb_build_object('meter', 'input', 'quantity', input, 'unitPrice', '2.5', 'cost', (input * 2.5 * 0.000001)::text),
              jsonb_build_object('meter', 'output', 'quantity', output, 'unitPrice', '10', 'cost', (output * 10 * 0.000001)::text))
            when 2 then jsonb_build_array(jsonb_build_object('meter', 'input', 'quantity', input - 3, 'attempt', 0)) end
     from (
       select e.execution_id, n, k, (n + k) % 4 as kind, 1000 + n * 7 as input, case when (n + k) % 4 in (0, 1) then n + 1 end as output,
              (array[null, 'small', 'large'])[1 + k % 3] as model, (array[null, 'openai', 'anthropic'])[1 + k % 3] as provider
       from workflow_executions e, lateral (select right(e.execution_id::text, 4)::integer as n) as number, generate_series(1, 4) as k
       where n > 0
     ) as step`,
  )
  await database.sql(
    `insert into billing_records (execution_id, user_id, model_id, timestamp, tokens_input, tokens_output, tokens_total, cost, billing_period, paid, tags)
     select e.execution_id, e.user_id, e.model_id, e.end_time, sum(s.tokens_input), sum(s.tokens_output), e.total_tokens, e.total_cost,
            '2026-11', right(e.execution_id::text, 2)::integer % 4 = 0, e.tags
     from workflow_executions e left join workflow_steps s using (execution_id) group by e.execution_id`,
  )
}
