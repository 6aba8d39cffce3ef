-- drop view daily_cost_summary

view daily_cost_summary missing
  expected: SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC
  found: null
create view daily_cost_summary with (security_invoker = true) as SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC;

-- create or replace view daily_cost_summary as select user_id, null::date as date, model_id, cost as total_cost, 1::numeric as total_tokens, 1::bigint as record_count from billing_records

view daily_cost_summary differs
  expected: SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC
  found: SELECT user_id,
    NULL::date AS date,
    model_id,
    cost AS total_cost,
    (1)::numeric AS total_tokens,
    (1)::bigint AS record_count
   FROM billing_records
create or replace view daily_cost_summary with (security_invoker = true) as SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC;

-- drop view daily_cost_summary; create view daily_cost_summary as select user_id from billing_records

view daily_cost_summary differs
  expected: SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC
  found: SELECT user_id
   FROM billing_records
alter view daily_cost_summary rename to daily_cost_summary_own;
create view daily_cost_summary with (security_invoker = true) as SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC;

-- drop view daily_cost_summary; create materialized view daily_cost_summary as select user_id from billing_records

view daily_cost_summary differs
  expected: SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC
  found: materialized view
alter materialized view daily_cost_summary rename to daily_cost_summary_own;
create view daily_cost_summary with (security_invoker = true) as SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC;
