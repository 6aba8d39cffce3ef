import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { raw, sql } from '../query/sql.ts'
import { changes } from './changed.ts'
import { OLD_VIEWS } from './legacy.ts'
import { leftovers, mayGiveTo } from './privileges.ts'
import { type Recreated, recreatedShape } from './recreated.ts'
import type { Survey } from './survey.ts'

/** Views that must be dropped for the change. Those of the old application are created again by 001_tables. */
export interface Views {
  /** The views of the application, in the order in which they can be created. */
  views: Recreated[]
  /** Drops them and the old views. A view comes before those that it reads. */
  drop: string[]
  /** Restores the owners, privileges, options, defaults and comments. */
  rest: string[]
}

/**
 * The views that read a column whose type changes, or a view that is dropped. PostgreSQL refuses the change while they
 * exist. Their text comes from the catalog.
 */
export async function readViews(client: pg.Client, survey: Survey): Promise<Views> {
  const found = await query(
    client,
    sql`with recursive ${changes(survey)}
     select 'view ' || v.oid::regclass as what, pg_get_userbyid(v.relowner) as owner,
            pg_has_role(v.relowner, 'USAGE') and has_schema_privilege(v.relnamespace, 'CREATE')
              and (v.relowner = quote_ident(current_user)::regrole or ${mayGiveTo('v.relowner', raw('v.relnamespace'))}) as ours,
            exists (select from ours where ours.oid = v.oid and ours.relname = any(${Object.keys(OLD_VIEWS)}::text[])) as old,
            v.oid::text as oid, 'drop view ' || v.oid::regclass as drop,
            json_build_array('create view ' || v.oid::regclass || ' as ' || btrim(pg_get_viewdef(v.oid), E' ;\n')) as create,
            case when v.relnamespace = (select oid from pg_namespace where nspname = ${survey.schema})
              then 'create temporary view ' || quote_ident(v.relname) || ' as ' || btrim(pg_get_viewdef(v.oid), E' ;\n') end as rehearsal
     from stale join pg_class v using (oid)
     order by depth, v.oid::regclass::text`,
    { ...recreatedShape, oid: d.text(), old: d.boolean() },
  )
  const views = found.filter(({ old }) => !old)
  const drop = found.map((view) => view.drop).reverse()
  return {
    views,
    drop,
    rest: await leftovers(
      client,
      views.map(({ oid }) => oid),
    ),
  }
}
