import type pg from 'pg'
import { query } from '../query/query.ts'
import { raw, sql } from '../query/sql.ts'
import { changes } from './changed.ts'
import { type Recreated, recreatedShape } from './recreated.ts'
import type { Survey } from './survey.ts'

/** The statement that enables a trigger or a rule as before; NULL if that is the default. */
const enabling = (kind: string, name: string, state: string) =>
  raw(`(select format('alter table %s ' || word || ' ${kind} %I', c.oid::regclass, ${name})
    from (values ('D', 'disable'), ('R', 'enable replica'), ('A', 'enable always')) as states (state, word) where state = ${state})`)

const commenting = (kind: string, name: string, oid: string, catalog: string) =>
  raw(
    `format('comment on ${kind} %I on %s is ', ${name}, c.oid::regclass) || quote_literal(obj_description(${oid}, '${catalog}'))`,
  )

/**
 * The functions with a parsed body, rules, triggers, and tables of publications that depend on a column whose type changes
 * or on a view that is dropped, or that belong to such a view. A function gets an empty body for a moment, so that it keeps
 * its privileges and what depends on it.
 */
export function readAttached(client: pg.Client, survey: Survey): Promise<Recreated[]> {
  return query(
    client,
    sql`with recursive ${changes(survey)}, here (oid) as (
       select oid from ours where relname = any(${survey.tables}::text[]) or oid in (select oid from stale)
     ), found (class, oid) as (
       select classid, objid from dependent
       union select 'pg_rewrite'::regclass, r.oid from stale join pg_rewrite r on r.ev_class = stale.oid
       union select 'pg_trigger'::regclass, t.oid from stale join pg_trigger t on t.tgrelid = stale.oid
     )
     select 1 as place, 'function ' || p.oid::regprocedure as what, pg_get_userbyid(p.proowner) as owner,
            pg_has_role(p.proowner, 'USAGE') as ours,
            format('create or replace %s %I.%I(%s)%s language sql as %L', kind.word, n.nspname, p.proname,
              pg_get_function_arguments(p.oid), ' returns ' || pg_get_function_result(p.oid), '') as drop,
            json_build_array(rtrim(pg_get_functiondef(p.oid), E'\n')) as create, pg_get_functiondef(p.oid) as rehearsal
     from found join pg_proc p using (oid) join pg_namespace n on n.oid = p.pronamespace
     join lateral (select case p.prokind when 'p' then 'procedure' else 'function' end) as kind (word) on true
     where class = 'pg_proc'::regclass and p.prosqlbody is not null
     union all
     select 2, format('rule %I on %s', r.rulename, c.oid::regclass), pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE'),
            format('drop rule %I on %s', r.rulename, c.oid::regclass),
            to_json(array_remove(array[rtrim(pg_get_ruledef(r.oid, true), ';'), ${enabling('rule', 'r.rulename', 'r.ev_enabled')},
              ${commenting('rule', 'r.rulename', 'r.oid', 'pg_rewrite')}], null)),
            case when c.oid in (select oid from here) then pg_get_ruledef(r.oid, true) end
     from found join pg_rewrite r using (oid) join pg_class c on c.oid = r.ev_class
     where class = 'pg_rewrite'::regclass and r.rulename <> '_RETURN'
     union all
     select 3, format('trigger %I on %s', t.tgname, c.oid::regclass), pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE'),
            format('drop trigger %I on %s', t.tgname, c.oid::regclass),
            to_json(array_remove(array[pg_get_triggerdef(t.oid, true), ${enabling('trigger', 't.tgname', 't.tgenabled')},
              ${commenting('trigger', 't.tgname', 't.oid', 'pg_trigger')}], null)),
            case when c.oid in (select oid from here) then pg_get_triggerdef(t.oid, true) end
     from found join pg_trigger t using (oid) join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
     where class = 'pg_trigger'::regclass and not t.tgisinternal and p.proname not like 'wfstore\\_%'
     union all
     select 4, format('table %s of publication %I', c.oid::regclass, b.pubname), pg_get_userbyid(b.pubowner), pg_has_role(b.pubowner, 'USAGE'),
            format('alter publication %I drop table %s', b.pubname, c.oid::regclass),
            json_build_array(format('alter publication %I add table %s', b.pubname, c.oid::regclass)
              || coalesce((select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')' from pg_attribute a
                   where a.attrelid = c.oid and a.attnum = any(m.prattrs::int2[])), '')
              || coalesce(' where (' || pg_get_expr(m.prqual, c.oid) || ')', '')), null
     from found join pg_publication_rel m using (oid) join pg_publication b on b.oid = m.prpubid join pg_class c on c.oid = m.prrelid
     where class = 'pg_publication_rel'::regclass
     order by place, what`,
    recreatedShape,
  )
}
