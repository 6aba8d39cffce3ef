import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { KEYS } from './legacy.ts'
import { missingTables, type Obstacle } from './obstacles.ts'
import type { Survey } from './survey.ts'

/**
 * Tables that are missing here but are in another schema, where no workflow_executions is. An application finds both
 * through its search path. An empty table here would hide the rows of the other.
 */
export function splitObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  const missing = missingTables(survey)
  if (missing.length === 0 || !survey.tables.includes('workflow_executions'))
    return Promise.resolve([])
  return query(
    client,
    sql`select format('table %s of the old application is in schema %I, not in %I', c.relname, n.nspname, ${survey.schema}::text) as what,
            format('alter table %I.%I set schema %I', n.nspname, c.relname, ${survey.schema}::text) as fix
     from unnest(${missing}::text[], ${missing.map((table) => KEYS[table] as string)}::text[]) as missing (tab, key)
     join pg_class c on c.relname = missing.tab and c.relkind in ('r', 'p') and c.relpersistence <> 't'
     join pg_namespace n on n.oid = c.relnamespace and n.nspname <> ${survey.schema}
     where not exists (select from pg_class e where e.relnamespace = n.oid and e.relname = 'workflow_executions')
       and (select count(*) from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
              and a.attname in (missing.key, 'created_at')) = 2
     order by 1`,
    { what: d.text(), fix: d.text() },
  )
}
