import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_COLUMN } from '../../db/totals.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'
import { addLines } from '../billing/lines.ts'
import { OPEN_PERIOD } from '../billing/periods.ts'
import { priceCall } from './pricing.ts'

/** The metadata of a correction whose cost is part of its run too. `applied` says so to a comparison of bills with runs. */
const APPLIED = `jsonb_build_object('reason', 'prices were added after the run was billed', 'applied', true)`

/** A UUIDv8 (RFC 9562) made of a text, so that the same change is written once. */
export const idOf = (text: string): string =>
  `overlay(overlay(md5(${text}) placing '8' from 13) placing 'a' from 17)::uuid`

/**
 * SQL of the calls in the lines of steps, one row for each attempt, as priceCall takes them.
 * @param steps the name of a relation of steps with `run_model`, the model of their run
 * @param priced true for the lines with a price, false for those without
 */
export const callsOf = (steps: string, priced: boolean): string => `
  select s.execution_id, s.step_id, s.provider, coalesce(s.model_id, s.run_model) as model_id, coalesce(l.at, s.end_time) as at, l.at as retried_at, l.attempt,
         ${TOKEN_COLUMNS.map((column) => `(sum(l.quantity) filter (where l.meter = '${column.replace('tokens_', '')}'))::bigint as ${column}`).join(', ')},
         coalesce(sum(l.quantity) filter (where l.meter <> 'request'), 0)::bigint as tokens, bool_or(l.meter = 'request') as is_call,
         jsonb_agg(l.line) as lines
  from ${steps} s cross join lateral (
    select line, line ->> 'meter' as meter, (line ->> 'quantity')::bigint as quantity, (line ->> 'attempt')::integer as attempt,
           (line ->> 'at')::timestamptz as at
    from jsonb_array_elements(s.cost_lines) as line where (line ->> 'unitPrice') is ${priced ? 'not null' : 'null'}
  ) as l
  group by s.execution_id, s.step_id, s.provider, s.model_id, s.run_model, s.end_time, l.attempt, l.at`

/** The lines of an attempt that was retried keep its time. */
const RETRIED = `jsonb_strip_nulls(jsonb_build_object('at', c.retried_at))`

/** The condition of steps that have no price and ended in a time. */
const unpricedIn = (
  since: string,
  until: string | null,
): Sql => sql`s.cost_source = 'unpriced' and s.end_time >= ${since}::timestamptz
  and (${until}::timestamptz is null or s.end_time < ${until}::timestamptz)`

/** The lines of a relation with the JSON column `lines`, as a FROM item `l`. */
const expanded = (relation: string, column: string): string => `${relation} cross join lateral (
    select line ->> 'meter' as meter, (line ->> 'quantity')::bigint as quantity, (line ->> 'unitPrice')::numeric as unit_price,
           coalesce((line ->> 'cost')::numeric, 0) as cost
    from jsonb_array_elements(${relation.split(' ').at(-1)}.${column}) as line) as l`

/**
 * Prices the steps without a price of some runs. As in the recorder, a run is locked before its bill and its steps. A bill that
 * is open and has the unpriced lines gets the cost; otherwise a correction gets it, whose lines take the tokens out of the unpriced
 * lines. A run without a bill only gets its cost.
 * If a run has changed since our snapshot, its bill and lines of now are not visible. Then nothing of it is written, and `stale` counts it.
 */
export const applyTo = (ids: readonly string[], since: string, until: string | null): Sql => sql`
with seen as materialized (
  select execution_id, xmin as version from workflow_executions where execution_id = any (${ids}::uuid[])
), locked as materialized (
  select execution_id, user_id, model_id, tags, xmin as version, ${raw(KEEPS_TOTALS_COLUMN)} from workflow_executions
  where execution_id = any (${ids}::uuid[]) order by execution_id for no key update
), run as materialized (
  select locked.* from locked join seen using (execution_id, version)
), open as materialized (
  select s.execution_id, s.step_id, s.provider, s.model_id, s.end_time, s.cost_lines, run.model_id as run_model
  from run join workflow_steps s on s.execution_id = run.execution_id and s.execution_id = any (${ids}::uuid[])
  where ${unpricedIn(since, until)}
  for no key update of s
), call as materialized (${raw(callsOf('open', false))}
), priced as materialized (
  select c.execution_id, c.step_id, c.provider, c.model_id, c.attempt, c.lines as before, priced.lines as after, priced.cost
  from call c cross join lateral ${raw(priceCall('c', 'c.attempt', RETRIED))}
  where priced.source = 'priced'
), step as (
  update workflow_steps s
  set cost = s.cost + n.cost, cost_lines = n.lines,
      cost_source = case when jsonb_path_exists(n.lines, '$[*] ? (!exists(@.unitPrice))') then 'unpriced' else 'priced' end
  from (
    select o.execution_id, o.step_id, p.cost, p.lines || coalesce((
      select jsonb_agg(line) from jsonb_array_elements(o.cost_lines) as line
      where (line ->> 'unitPrice') is not null or not (line ->> 'attempt')::integer = any (p.attempts)), '[]') as lines
    from open o join (
      select execution_id, step_id, sum(cost) as cost, array_agg(attempt) as attempts,
             (select jsonb_agg(line) from priced as q, jsonb_array_elements(q.after) as line
              where (q.execution_id, q.step_id) = (p.execution_id, p.step_id)) as lines
      from priced as p group by execution_id, step_id
    ) as p using (execution_id, step_id)
  ) as n
  where s.execution_id = n.execution_id and s.step_id = n.step_id and s.execution_id = any (${ids}::uuid[])
  returning s.execution_id
), change as materialized (
  select execution_id, provider, model_id, meter, sum(quantity)::bigint as quantity, unit_price, sum(cost) as cost, cost_source
  from (
    select p.execution_id, p.provider, p.model_id, l.meter, -l.quantity as quantity, l.unit_price, l.cost, 'unpriced' as cost_source
    from ${raw(expanded('priced p', 'before'))}
    union all
    select p.execution_id, p.provider, p.model_id, l.meter, l.quantity, l.unit_price, l.cost, 'priced'
    from ${raw(expanded('priced p', 'after'))}
  ) as part group by execution_id, provider, model_id, meter, unit_price, cost_source
), added as materialized (
  select execution_id, sum(cost) as cost from priced group by execution_id
), totals as (
  update workflow_executions e set total_cost = e.total_cost + a.cost
  from added a where e.execution_id = a.execution_id and e.execution_id = any (${ids}::uuid[])
), bill as materialized (
  select b.billing_id, b.execution_id from billing_records b
  where not b.paid and b.billing_id = any (array(
    select distinct on (b.execution_id) b.billing_id
    from billing_records b join added using (execution_id)
    where b.execution_id = any (${ids}::uuid[]) and not b.paid and not exists (
        select from wfstore_periods p where p.billing_period = b.billing_period and p.closed_at is not null)
      and not exists (
        select from change c left join wfstore_bill_lines k on k.billing_id = b.billing_id and k.cost_source = 'unpriced'
          and k.meter = c.meter and k.model_id = c.model_id and k.provider is not distinct from c.provider
        where c.execution_id = b.execution_id and c.cost_source = 'unpriced' and coalesce(k.quantity, 0) < -c.quantity)
    order by b.execution_id, b.corrects is not null, b.timestamp, b.billing_id))
  order by b.billing_id for no key update
), billed as (
  update billing_records b set cost = b.cost + a.cost
  from bill join added a using (execution_id) where b.billing_id = bill.billing_id
  returning b.billing_id
), first as materialized (
  select distinct on (b.execution_id) b.execution_id, b.billing_id, b.model_id, b.user_id
  from billing_records b join added using (execution_id)
  where b.execution_id = any (${ids}::uuid[]) and b.execution_id not in (select execution_id from bill)
  order by b.execution_id, b.corrects is not null, b.timestamp, b.billing_id
), correction as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, cost, billing_period, corrects, metadata, tags)
  select ${raw(idOf(`'wfstore applied ' || f.execution_id || (select string_agg(p.step_id || ' ' || p.attempt, ',' order by p.step_id, p.attempt) from priced p where p.execution_id = f.execution_id)`))},
         f.user_id, f.execution_id, f.model_id, a.cost, ${raw(OPEN_PERIOD)}, f.billing_id, ${raw(APPLIED)}, run.tags
  from first f join added a using (execution_id) join run using (execution_id)
  on conflict (billing_id) do nothing
  returning billing_id, execution_id
), target as (
  select billing_id, execution_id from bill union all select billing_id, execution_id from correction
), emptied as (
  delete from wfstore_bill_lines k using bill join change c using (execution_id)
  where k.billing_id = bill.billing_id and c.cost_source = 'unpriced' and k.cost_source = 'unpriced' and k.meter = c.meter
    and k.model_id = c.model_id and k.provider is not distinct from c.provider and k.quantity = -c.quantity
), lines as (${raw(
  addLines(`select execution_id, t.billing_id, c.provider, c.model_id, c.meter, c.quantity, c.unit_price, c.cost, c.cost_source
    from target t join change c using (execution_id)
    where c.cost_source = 'priced' or not exists (
      select from bill join wfstore_bill_lines k using (billing_id)
      where bill.billing_id = t.billing_id and k.cost_source = 'unpriced' and k.meter = c.meter and k.model_id = c.model_id
        and k.provider is not distinct from c.provider and k.quantity = -c.quantity)`),
)}
)
select (select count(*) from step) as steps, coalesce((select sum(cost) from added), 0) as cost,
       (select count(*) from billed) as bills, (select count(*) from correction) as corrections,
       (select count(*) from locked) - (select count(*) from run) as stale`

/** A correction by hand: `wfstore billing correct`. */
const BY_HAND = `k.metadata ? 'reason' and not k.metadata ?| array['step_id', 'applied', 'recalculated']`

/**
 * The lines that a recalculation changes, as `change`, for the runs of the relation `run`: the prices of now less those of the steps and
 * of earlier recalculations. The lines of the bill do not count, because the application may have changed it. Left out are runs without a
 * bill, runs with a correction by hand, which was made for the old prices, and runs with a call that has no price now.
 */
const RECALCULATED = `first as materialized (
  select distinct on (b.execution_id) b.execution_id, b.billing_id, b.model_id, b.user_id, b.billing_period, b.tags
  from run join billing_records b using (execution_id)
  where not exists (select 1 from billing_records k where k.execution_id = b.execution_id and k.corrects is not null and ${BY_HAND})
  order by b.execution_id, b.corrects is not null, b.timestamp, b.billing_id
), step as materialized (
  select s.execution_id, s.step_id, s.provider, s.model_id, s.end_time, s.cost_lines, run.model_id as run_model
  from run join first using (execution_id) join workflow_steps s using (execution_id) where s.cost_lines is not null
), call as materialized (${callsOf('step', true)}
), now as materialized (
  select c.execution_id, c.provider, c.model_id, c.lines as before, priced.lines as after, priced.source
  from call c cross join lateral ${priceCall('c', 'c.attempt')}
), known as materialized (
  select execution_id from now group by execution_id having bool_and(source = 'priced')
), part as materialized (
  select n.execution_id, n.provider, n.model_id, l.meter, l.quantity, l.unit_price, l.cost, 0::numeric as cost_before
  from ${expanded('now n', 'after')} where n.execution_id in (select execution_id from known)
  union all
  select n.execution_id, n.provider, n.model_id, l.meter, -l.quantity, l.unit_price, -l.cost, l.cost
  from ${expanded('now n', 'before')} where n.execution_id in (select execution_id from known)
  union all
  select b.execution_id, k.provider, k.model_id, k.meter, -k.quantity, k.unit_price, -k.cost, k.cost
  from known join billing_records b using (execution_id) join wfstore_bill_lines k on k.execution_id = b.execution_id and k.billing_id = b.billing_id
  where b.corrects is not null and b.metadata ? 'recalculated'
), change as materialized (
  select execution_id, provider, model_id, meter, sum(quantity)::bigint as quantity, unit_price, sum(cost) as cost, 'priced' as cost_source
  from part group by execution_id, provider, model_id, meter, unit_price
  having sum(quantity) <> 0 or sum(cost) <> 0
)`

/** Runs with a priced step that ended in a time. @param page the runs after this id, or null for all */
const pricedRuns = (since: string, until: string | null, ids: readonly string[] | null): Sql => sql`
  select e.execution_id, e.model_id from workflow_executions e
  where ${ids === null ? raw('true') : sql`e.execution_id = any (${ids}::uuid[])`} and exists (
    select 1 from workflow_steps s where s.execution_id = e.execution_id and s.cost_lines is not null
      and s.end_time >= ${since}::timestamptz and (${until}::timestamptz is null or s.end_time < ${until}::timestamptz))`

/** The number of runs that a recalculation leaves out, because they have a correction by hand. */
export const leftOutOfRecalculation = (since: string, until: string | null): Sql => sql`
with run as (${pricedRuns(since, until, null)})
select count(*) as runs from run where exists (
  select 1 from billing_records k where k.execution_id = run.execution_id and k.corrects is not null and ${raw(BY_HAND)})`

/** What a recalculation would change, by provider and model, and with nulls in the total. */
export const recalculationPlan = (since: string, until: string | null): Sql => sql`
with run as materialized (${pricedRuns(since, until, null)}), ${raw(RECALCULATED)}, changed as materialized (
  select distinct execution_id from change
)
select r.provider, r.model_id, grouping(r.model_id) = 1 as is_total, count(distinct r.execution_id) as runs,
       coalesce(sum(r.cost_before), 0) as cost_before, coalesce(sum(r.cost_before) + sum(r.cost), 0) as cost_after
from part r join changed using (execution_id)
group by grouping sets ((r.provider, r.model_id), ())
order by is_total, r.model_id collate "C", r.provider collate "C"`

/** Writes the corrections of some runs. A second one of the same state has the same id, so it is written once. */
export const recalculate = (
  ids: readonly string[],
  since: string,
  until: string | null,
  metadata: string,
): Sql => sql`
with run as materialized (${pricedRuns(since, until, ids)}), ${raw(RECALCULATED)}, correction as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, cost, billing_period, corrects, metadata, tags)
  select ${raw(idOf(`'wfstore recalculation ' || f.billing_id || ' ' || coalesce((select string_agg(b.billing_id || ' ' || b.cost, ',' order by b.billing_id) from billing_records b where b.execution_id = f.execution_id), '')`))},
         f.user_id, f.execution_id, f.model_id, c.cost, f.billing_period, f.billing_id, ${metadata}::jsonb, f.tags
  from first f join (select execution_id, sum(cost) as cost from change group by execution_id) as c using (execution_id)
  where (select set_config('wfstore.keeps_totals', 'on', true)) = 'on'
  on conflict (billing_id) do nothing
  returning billing_id, execution_id, cost
), lines as (${raw(
  addLines(`select execution_id, t.billing_id, c.provider, c.model_id, c.meter, c.quantity, c.unit_price, c.cost, c.cost_source
    from correction t join change c using (execution_id)`),
)}
)
select count(*) as corrections, coalesce(sum(cost), 0) as cost from correction`

/** What would be priced, by provider and model, with nulls in the total. Steps of which a part has no price stay unpriced. */
export const applyPlan = (since: string, until: string | null): Sql => sql`
with step as materialized (
  select s.execution_id, s.step_id, s.provider, s.model_id, s.end_time, s.cost_lines, e.model_id as run_model
  from workflow_steps s join workflow_executions e using (execution_id) where ${unpricedIn(since, until)}
), call as (${raw(callsOf('step', false))}
), r as materialized (
  select c.execution_id, c.step_id, c.provider, c.model_id, priced.cost, priced.source = 'priced' as is_priced
  from call c cross join lateral ${raw(priceCall('c', 'c.attempt'))}
)
select r.provider, r.model_id, grouping(r.model_id) = 1 as is_total,
       count(distinct (r.execution_id, r.step_id)) filter (where r.is_priced) as steps,
       count(distinct (r.execution_id, r.step_id)) filter (where not r.is_priced) as steps_left,
       coalesce(sum(r.cost) filter (where r.is_priced), 0) as cost
from r group by grouping sets ((r.provider, r.model_id), ())
order by is_total, r.model_id collate "C", r.provider collate "C"`

/** A page of steps without a price, by their end. */
export const unpricedPage = (
  since: string,
  until: string | null,
  after: Sql,
  size: number,
): Sql => sql`
select to_json(s.end_time at time zone 'UTC') #>> '{}' as at, s.execution_id, s.step_id from workflow_steps s
where ${unpricedIn(since, until)} and ${after}
order by s.end_time, s.execution_id, s.step_id limit ${size}::bigint`

/** A page of runs with priced steps, by their ids. */
export const pricedPage = (
  since: string,
  until: string | null,
  after: string,
  size: number,
): Sql => sql`
select r.execution_id from (
  select distinct s.execution_id from workflow_steps s
  where s.execution_id > ${after}::uuid and s.cost_lines is not null and s.end_time >= ${since}::timestamptz
    and (${until}::timestamptz is null or s.end_time < ${until}::timestamptz)
  order by s.execution_id limit ${size}::bigint) as r`
