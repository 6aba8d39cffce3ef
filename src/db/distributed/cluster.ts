import { WfstoreError } from '../../error.ts'
import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { COPIED, type Layout, SHARDED } from './layout.ts'

/** The layout of the store in this schema. */
export async function layoutOf(db: Queryable, schema: string): Promise<Layout> {
  const found = await query(
    db,
    sql`select from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema})
       and c.relname in ('audit_logs', 'billing_records', 'wfstore_bill_lines') and a.attname = 'execution_id' and a.attnotnull`,
    {},
  )
  return found.length > 0 ? 'distributed' : 'single'
}

const clusterShape = {
  /** The number of nodes that may have shards; 0 for a coordinator that knows no node yet. */
  nodes: d.count(),
  /** The number of shards if none is given. */
  shards: d.count(),
}
export type Cluster = d.RowOf<typeof clusterShape>

/** @throws WfstoreError failed if this database is not the coordinator of a Citus cluster with a node for shards */
export async function readCluster(db: Queryable): Promise<Cluster> {
  const [extension] = await query(
    db,
    `select exists (select from pg_extension where extname = 'citus') as created,
       exists (select from pg_available_extensions where name = 'citus') as available`,
    { created: d.boolean(), available: d.boolean() },
  )
  if (!extension?.created)
    throw new WfstoreError('failed', 'this database has no extension citus', {
      hint: extension?.available
        ? 'run `create extension citus` in this database on every node, then add the workers with citus_add_node'
        : 'install Citus on every node; see docs/SCALE.md',
    })
  const [coordinator] = await query(
    db,
    `select groupid = 0 as here, (select nodename || ':' || nodeport from pg_dist_node where groupid = 0) as place from pg_dist_local_group`,
    { here: d.boolean(), place: d.nullable(d.text()) },
  )
  if (!coordinator?.here)
    throw new WfstoreError('failed', 'this server is a worker of the Citus cluster', {
      hint: `connect to its coordinator${coordinator?.place ? ` ${coordinator.place}` : ''}`,
    })
  const [cluster] = await query(
    db,
    `select count(*) filter (where shouldhaveshards and isactive) as nodes, count(*) > 0 as known,
       current_setting('citus.shard_count') as shards
     from pg_dist_node where noderole = 'primary'`,
    { ...clusterShape, known: d.boolean() },
  )
  if (cluster?.known && cluster.nodes === 0)
    throw new WfstoreError('failed', 'no node of this cluster may have shards', {
      hint: "add a worker: select citus_add_node('host', 5432)",
    })
  return { nodes: cluster?.nodes ?? 0, shards: cluster?.shards ?? 0 }
}

/** A reason why a table cannot be distributed, with the statement that removes it. */
export interface DistributeObstacle {
  what: string
  fix: string
}

/** What the application added to our tables and Citus cannot distribute, or cannot keep. */
export async function readObstacles(db: Queryable, schema: string): Promise<DistributeObstacle[]> {
  const tables = [...SHARDED, ...COPIED]
  return query(
    db,
    sql`with ours as (
       select c.oid, c.relname, c.relowner from pg_class c
       where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${tables}::text[])
     )
     select what, fix from (
       select 1 as place, format('role %I is not the owner of %I', current_user, o.relname) as what, format('run it as %s', pg_get_userbyid(o.relowner)) as fix
       from ours o where not pg_has_role(o.relowner, 'usage')
       union all
       select 2, format('foreign key %I references %s', k.conname, k.confrelid::regclass), format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname)
       from pg_constraint k where k.contype = 'f' and k.conparentid = 0 and (k.conrelid in (select oid from ours) or k.confrelid in (select oid from ours))
         and k.conname <> 'workflow_steps_execution_id_fkey'
       union all
       select 3, format('trigger %I on %I belongs to the application', t.tgname, o.relname), format('drop trigger %I on %I', t.tgname, o.relname)
       from ours o join pg_trigger t on t.tgrelid = o.oid join pg_proc p on p.oid = t.tgfoid
       where not t.tgisinternal and not (p.proname like 'wfstore\\_%' and p.pronamespace = (select oid from pg_namespace where nspname = ${schema}))
       union all
       select 4, format('unique index %I of %I has no column execution_id', i.relname, o.relname),
         case when k.conname is null then format('drop index %I', i.relname) else format('alter table %I drop constraint %I', o.relname, k.conname) end
       from ours o join pg_index x on x.indrelid = o.oid join pg_class i on i.oid = x.indexrelid left join pg_constraint k on k.conindid = i.oid and k.conrelid = o.oid and k.contype in ('u', 'x')
       where x.indisunique and not x.indisprimary and o.relname = any(${SHARDED}::text[])
         and not exists (select from pg_attribute a where a.attrelid = o.oid and a.attnum = any(x.indkey)
           and a.attname = case when o.relname like 'wfstore\\_traces' or o.relname = 'wfstore_spans' then 'trace_id' when o.relname = 'observability_metrics' then 'metric_id' else 'execution_id' end)
       union all
       select 5, format('policy %I hides rows of %I', p.polname, o.relname), format('drop policy %I on %I', p.polname, o.relname)
       from ours o join pg_policy p on p.polrelid = o.oid
       union all
       select 6, format('rule %I of %I belongs to the application', r.rulename, o.relname), format('drop rule %I on %I', r.rulename, o.relname)
       from ours o join pg_rewrite r on r.ev_class = o.oid
       union all
       select 7, format('%I is a parent or a child of %s', o.relname, case i.inhrelid when o.oid then i.inhparent else i.inhrelid end::regclass), format('alter table %s no inherit %s', i.inhrelid::regclass, i.inhparent::regclass)
       from ours o join pg_inherits i on o.oid in (i.inhrelid, i.inhparent)
     ) as found order by place, what`,
    { what: d.text(), fix: d.text() },
  )
}
