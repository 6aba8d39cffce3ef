import type { TestDatabase } from './database.ts'

/** Views on views, rules, functions, triggers, a policy and a publication that read the tables of the old application. */
export const OBJECTS = `
  create schema board;
  create view runs_of_users as select e.user_id, e.status, s.step_name, s.tokens_used + 1 as tokens, b.cost, m.metric_value, a.action_type
    from workflow_executions e left join workflow_steps s using (execution_id) left join audit_logs a using (execution_id, user_id)
    left join billing_records b on b.execution_id = e.execution_id left join observability_metrics m on m.user_id = e.user_id;
  create view board."Top 10" with (security_barrier = true) as
    select user_id, count(*) as rows, sum(cost) as cost from public.runs_of_users group by 1 order by 2 desc, 1 limit 10;
  create view summaries as select user_id, total_cost, total_tokens from user_workflow_summary;
  create view failures (run, who, old_name) with (security_invoker = true, check_option = local) as
    select execution_id, user_id, workflow_name from workflow_executions where status = 'failed';
  alter view failures rename column old_name to name;
  alter view failures alter column who set default 'nobody';
  create function add_failure() returns trigger language plpgsql as $$ begin return null; end $$;
  create trigger add_failure instead of insert on summaries for each row execute function add_failure();
  create rule keep as on delete to board."Top 10" do instead nothing;
  create function users_of(word text) returns table (who text) stable begin atomic
    select distinct user_id::text from audit_logs where action_type = word order by 1; end;
  create procedure forget(who text) begin atomic update billing_records set payment_id = null where user_id = who; end;
  create table charges (run uuid, cost numeric);
  create rule charge as on insert to charges where new.cost > (select max(cost) from billing_records) do also nothing;
  create trigger on_status after update of status on workflow_steps for each row when (old.status is distinct from new.status)
    execute function add_failure();
  create trigger on_cost after update on billing_records for each row when (new.cost > 1) execute function add_failure();
  alter table workflow_steps enable always trigger on_status;
  create policy seen on charges using (run in (select run from failures));
  alter table charges enable row level security;
  comment on view failures is 'it''s a list'; comment on column failures.who is 'the user';
  comment on trigger on_status on workflow_steps is 'for the board'; comment on rule charge on charges is 'free';
  create publication theirs for table audit_logs (log_id, user_id), workflow_steps where (status = 'failed') with (publish = insert)`

export const grants = (owner: string, reader: string) => `
  create role ${owner}; create role ${reader}; grant all on schema public to ${owner};
  grant select on all tables in schema public to ${owner};
  alter view failures owner to ${owner}; alter function users_of(text) owner to ${owner};
  grant select on failures to ${reader} with grant option; grant select (user_id) on summaries to ${reader};
  grant select on board."Top 10" to public; revoke all on function users_of(text) from public;
  grant execute on function users_of(text) to ${reader};
  revoke insert, update, delete on summaries from current_user`

const FACTS = `
  select 'view' as kind, c.oid::regclass::text as name, pg_get_userbyid(relowner) as owner, obj_description(c.oid) as comment, reloptions::text as options,
      (select string_agg(x.grantee::regrole || ' ' || x.privilege_type || ' ' || x.is_grantable, ',' order by x::text) from aclexplode(relacl) as x) as acl,
      (select json_agg(json_build_array(attname, attacl::text, col_description(attrelid, attnum), (select pg_get_expr(adbin, adrelid)
        from pg_attrdef where adrelid = attrelid and adnum = attnum)) order by attnum)::text from pg_attribute where attrelid = c.oid and attnum > 0) as parts
    from pg_class c where relkind = 'v' and c.oid::regclass::text in ('runs_of_users', 'board."Top 10"', 'summaries', 'failures')
  union all select 'trigger', tgrelid::regclass || '.' || tgname, tgenabled::text, obj_description(oid), null, null, tgtype::text || (tgqual is not null) || tgattr::text
    from pg_trigger where tgname in ('add_failure', 'on_status', 'on_cost')
  union all select 'rule', tablename || '.' || rulename, null, (select obj_description(r.oid) from pg_rewrite r where r.rulename = pg_rules.rulename), null, null,
      regexp_replace(definition, '\\s+', ' ', 'g') from pg_rules where rulename in ('keep', 'charge')
  union all select 'function', proname, pg_get_userbyid(proowner), provolatile::text, null, proacl::text,
      pg_get_functiondef(oid) from pg_proc where proname in ('users_of', 'forget')
  union all select 'publication', prrelid::regclass::text, null, null, null, prattrs::text, pg_get_expr(prqual, prrelid) from pg_publication_rel
  union all select 'policy', policyname, null, null, null, roles::text, qual from pg_policies where policyname = 'seen'
  order by 1, 2`

const NUMBERS = [
  'select user_id, status, step_name, tokens::text, cost::numeric(20, 6)::text, metric_value::text, action_type from runs_of_users order by 1, 2, 3, 4, 5, 6, 7',
  'select user_id, rows::text, cost::text from board."Top 10" order by 1',
  'select user_id, total_cost::numeric(20, 6)::text, total_tokens::text from summaries order by 1',
  'select * from failures order by 1',
  `select * from users_of('tool_call')`,
]

/** What the catalogs say about them. A column of type text needs no cast to text. */
export const factsOf = async (database: TestDatabase) =>
  JSON.parse(JSON.stringify(await database.sql(FACTS)).replaceAll(/::text|[()]| AS user_id/g, ''))

/** The rows of the views and of the function. */
export async function numbersOf(database: TestDatabase) {
  const rows = []
  for (const text of NUMBERS) rows.push(await database.sql(text))
  return rows
}
