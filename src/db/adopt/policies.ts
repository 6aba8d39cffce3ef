import type pg from 'pg'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { changes } from './changed.ts'
import { type Recreated, recreatedShape } from './recreated.ts'
import type { Survey } from './survey.ts'

/** The policies, on any table, that read a column whose type changes or a view that is dropped. */
export function readPolicies(client: pg.Client, survey: Survey): Promise<Recreated[]> {
  return query(
    client,
    sql`with recursive ${changes(survey)}
     select format('policy %I on %s', l.polname, l.polrelid::regclass) as what, pg_get_userbyid(c.relowner) as owner,
            pg_has_role(c.relowner, 'USAGE') as ours,
            format('drop policy %I on %s', l.polname, l.polrelid::regclass) as drop,
            to_json(array_remove(array[text, 'comment on policy ' || quote_ident(l.polname) || ' on ' || l.polrelid::regclass || ' is '
              || quote_literal(obj_description(l.oid, 'pg_policy'))], null)) as create,
            case when c.relnamespace = (select oid from pg_namespace where nspname = ${survey.schema}) 
              then format('create temporary table if not exists %I (like %I.%I); ', c.relname, ${survey.schema}::text, c.relname) || text end as rehearsal
     from dependent join pg_policy l on l.oid = dependent.objid
     join pg_class c on c.oid = l.polrelid
     join lateral (select format('create policy %I on %s as %s for %s to %s', l.polname, l.polrelid::regclass,
              case when l.polpermissive then 'permissive' else 'restrictive' end,
              case l.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
              (select string_agg(case role when 0 then 'public' else quote_ident(pg_get_userbyid(role)) end, ', ' order by place)
               from unnest(l.polroles) with ordinality as roles (role, place)))
              || coalesce(' using (' || pg_get_expr(l.polqual, l.polrelid) || ')', '')
              || coalesce(' with check (' || pg_get_expr(l.polwithcheck, l.polrelid) || ')', '')) as made (text) on true
     where dependent.classid = 'pg_policy'::regclass
     group by l.oid, l.polname, l.polrelid, c.relowner, c.relnamespace, c.relname, text
     order by l.polrelid::regclass::text, l.polname`,
    recreatedShape,
  )
}
