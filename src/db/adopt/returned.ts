import type pg from 'pg'
import { setLockTimeout, withLockRetries } from '../migrate/lock.ts'
import type { MigrationStep } from '../migrate/plan.ts'
import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { run, transaction } from '../query/transaction.ts'
import { recreateView } from '../verify/difference.ts'
import { triggerCreation } from '../verify/parts.ts'
import { readExpected } from '../verify/snapshot.ts'
import { OLD_FUNCTION, OLD_INDEXES, OLD_VIEWS, TABLES, TOUCHED_TABLES } from './legacy.ts'
import { viewLeftovers } from './privileges.ts'

const returnedShape = { kind: d.text(), name: d.text(), tableName: d.nullable(d.text()) }
/** An object of the old application that is there again after adoption. */
export type Returned = d.RowOf<typeof returnedShape>

/**
 * What the set-up of the old application created again on adopted tables: its indexes, its triggers in place of ours, its
 * views in place of ours. Both the name and the definition must be those of its set-up; other objects belong to the
 * application. A view that another view reads is not one of them, because it cannot be replaced.
 */
export function readReturned(db: Queryable, schema: string): Promise<Returned[]> {
  const indexes = TABLES.flatMap((table) =>
    Object.entries(OLD_INDEXES[table] ?? {}).map(([name, columns]) => ({ table, name, columns })),
  )
  return query(
    db,
    sql`with ours as (
       select c.oid, c.relname, c.relkind from pg_class c
       where c.relnamespace = (select oid from pg_namespace where nspname = ${schema})
     )
     select 'index' as kind, i.relname as name, ours.relname as table_name
     from unnest(${indexes.map(({ table }) => table)}::text[], ${indexes.map(({ name }) => name)}::text[],
       ${indexes.map(({ columns }) => columns)}::text[]) as old (tab, name, columns)
     join ours on ours.relname = old.tab
     join pg_index x on x.indrelid = ours.oid and not x.indisunique and not x.indisreplident
     join pg_class i on i.oid = x.indexrelid and i.relname = old.name
     where pg_get_indexdef(i.oid) like '% USING btree (' || old.columns || ')'
     union all
     select 'trigger', t.tgname, ours.relname from ours
     join pg_trigger t on t.tgrelid = ours.oid and not t.tgisinternal
     join pg_proc p on p.oid = t.tgfoid and p.proname = ${OLD_FUNCTION}
     where ours.relname = any(${TOUCHED_TABLES}::text[]) and t.tgname = 'update_' || ours.relname || '_updated_at'
       and t.tgtype = 19 and t.tgqual is null and t.tgattr = ''
     union all
     select 'view', ours.relname, null from ours
     where ours.relkind = 'v'
       and case ours.relname
         when 'user_workflow_summary' then pg_get_viewdef(ours.oid) not like '%usage_history%'
         when 'daily_cost_summary' then pg_get_viewdef(ours.oid) not like '%UTC%'
       end
       and (select string_agg(attname, ',' order by attnum) from pg_attribute where attrelid = ours.oid)
         = any(${Object.values(OLD_VIEWS).map((columns) => columns.join())}::text[])
       and not exists (select from pg_depend e join pg_rewrite r on r.oid = e.objid
         where e.classid = 'pg_rewrite'::regclass and e.refclassid = 'pg_class'::regclass and e.refobjid = ours.oid
           and r.ev_class <> ours.oid)
     order by 1, 3, 2`,
    returnedShape,
  )
}

/** 'index idx_audit_logs_user on audit_logs' */
export const describeReturned = ({ kind, name, tableName }: Returned): string =>
  `${kind} ${name}${tableName === null ? '' : ` on ${tableName}`}`

/** The steps that remove these objects and put ours in their place. No row changes. */
export async function undoSteps(
  client: pg.Client,
  schema: string,
  returned: readonly Returned[],
  notice: (line: string) => void,
): Promise<MigrationStep[]> {
  if (returned.length === 0) return []
  notice(
    `objects of the set-up of the old application are removed, because wfstore replaces them: ${returned.map(describeReturned).join(', ')}`,
  )
  const { triggers, views } = await readExpected()
  const of = (kind: string) => returned.filter((object) => object.kind === kind)
  const indexes = of('index').map(({ name }) => `drop index concurrently if exists ${name}`)
  const replaced: string[] = []
  for (const { name, tableName } of of('trigger')) {
    const wanted = triggers.filter((trigger) => trigger.name === name)
    replaced.push(`drop trigger ${name} on ${tableName}`, ...wanted.map(triggerCreation))
  }
  for (const view of views.filter(({ name }) => of('view').some((old) => old.name === name))) {
    const leftovers = new Map([[view.name, await viewLeftovers(client, schema, [view.name])]])
    replaced.push(...recreateView(view, { leftovers }))
  }
  const step = { migration: undefined, direction: 'up' as const }
  return [
    { ...step, transaction: true, statements: replaced },
    { ...step, transaction: false, statements: indexes },
  ].filter(({ statements }) => statements.length > 0)
}

/** Runs `undoSteps`, with bounded locks. */
export async function undoReturned(
  client: pg.Client,
  schema: string,
  returned: readonly Returned[],
  { lockTimeoutMs, notice }: { lockTimeoutMs: number; notice: (line: string) => void },
): Promise<void> {
  for (const step of await undoSteps(client, schema, returned, notice)) {
    const work = async () => {
      for (const statement of step.statements) await run(client, statement)
    }
    await setLockTimeout(client, step.transaction ? lockTimeoutMs : 0, 'session')
    if (!step.transaction) await work()
    else {
      const locking = { schema, tables: TOUCHED_TABLES, lockTimeoutMs, notice }
      await withLockRetries(client, locking, () => transaction(client, work))
    }
  }
  await setLockTimeout(client, 0, 'session')
}
