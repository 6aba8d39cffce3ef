import { shellWord } from '../shell-word.ts'
import type { Queryable } from './query/connection.ts'
import * as d from './query/decode.ts'
import { query } from './query/query.ts'

const homeShape = {
  schema: d.text(),
  quoted: d.text(),
  /** False if wfstore has not adopted the tables yet. */
  adopted: d.boolean(),
  /** True if the role may use the schema. */
  usable: d.boolean(),
  /** The search path of the session, which finds no workflow tables. */
  path: d.text(),
}
/** A schema with workflow tables. */
export type Home = d.RowOf<typeof homeShape>

/**
 * The schemas with workflow tables, ours first, if the search path finds none. A table of another product may be named
 * workflow_executions too, so it needs the columns of ours.
 */
export function readHomes(db: Queryable): Promise<Home[]> {
  return query(
    db,
    `select n.nspname as schema, quote_ident(n.nspname) as quoted, has_schema_privilege(n.oid, 'usage') as usable,
            current_setting('search_path') as path,
            exists (select from pg_class h where h.relnamespace = n.oid and h.relname = 'wfstore_migrations') as adopted
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'workflow_executions' and c.relkind in ('r', 'p') and c.relpersistence <> 't'
       and to_regclass('workflow_executions') is null and to_regclass('wfstore_migrations') is null
       and (select count(*) from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
              and a.attname in ('execution_id', 'workflow_name', 'user_id', 'model_id', 'start_time')) = 5
     order by adopted desc, 1`,
    homeShape,
  )
}

export const USUAL_PATH = '"$user", public'

/** What is wrong if the tables are in another schema than the search path. */
export function elsewhere({ schema, adopted, path }: Home): string {
  const searched = path === USUAL_PATH ? 'the search path' : `the search path ${path}`
  return adopted
    ? `this database has no wfstore schema in ${searched}, but has one in schema ${schema}`
    : `${searched} has no workflow tables, but schema ${schema} has some that wfstore has not adopted yet`
}

export const schemaFlag = (schema: string): string => `--schema ${shellWord(schema)}`
