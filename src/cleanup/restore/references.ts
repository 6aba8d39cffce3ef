import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { quote, raw, sql } from '../../db/query/sql.ts'
import { type Staged, stagedField, stageOf } from '../../transfer/lines/staged.ts'
import { type Effect, readEffects } from '../effects.ts'
import type { RestoredReferences } from '../types.ts'

/** Adds the results of another archive. */
export function addReferences(to: RestoredReferences[], more: readonly RestoredReferences[]): void {
  for (const one of more) {
    const same = to.find(
      ({ table, columns }) => table === one.table && `${columns}` === `${one.columns}`,
    )
    if (!same) {
      to.push({ ...one })
      continue
    }
    same.restored += one.restored
    same.changed += one.changed
  }
}

/** Only a row that this restore brings back gets its references back. Call it before the rows are inserted. */
export async function keepNewReferences(client: pg.ClientBase, staged: Staged): Promise<void> {
  const { table } = staged
  const key = table.fields.filter(({ name }) => table.key.includes(name))
  const same = key.map(({ name, column }) => `t.${column} = s.${stagedField(staged, name)}`)
  await query(
    client,
    `update ${stageOf(table)} s set refs = null
     where refs is not null and exists (select from ${table.name} t where ${same.join(' and ')})`,
    {},
  )
}

const shapeShape = { table: d.text(), key: d.jsonText(), columns: d.jsonText() }

/** Sets the columns of the application again that are still NULL. Call it after the rows are inserted. */
export async function restoreReferences(
  client: pg.ClientBase,
  staged: Staged,
): Promise<RestoredReferences[]> {
  const names = (part: string) =>
    `(select jsonb_agg(k order by k) from jsonb_object_keys(r -> '${part}') as k)`
  const shapes = await query(
    client,
    `select distinct r ->> 'table' as table, ${names('key')}::text as key, ${names('columns')}::text as columns
     from ${stageOf(staged.table)} s cross join lateral jsonb_array_elements(s.refs) as r order by 1, 3`,
    shapeShape,
  )
  const results: RestoredReferences[] = []
  if (shapes.length === 0) return results
  const effects = (await readEffects(client)).filter(({ kind }) => kind === staged.table.kind)
  for (const { table, key, columns } of shapes)
    results.push(
      await restoreOne(client, staged, effects, { table, key: list(key), columns: list(columns) }),
    )
  return results
}

const list = (text: string) => JSON.parse(text) as string[]

interface Shape {
  table: string
  key: string[]
  columns: string[]
}

async function restoreOne(
  client: pg.ClientBase,
  staged: Staged,
  effects: readonly Effect[],
  shape: Shape,
): Promise<RestoredReferences> {
  const { table, key, columns } = shape
  const known = await typesOf(client, shape)
  const own = await tableOf(client, effects, shape)
  const types = typeof known === 'string' || own !== undefined ? known : NO_KEY
  const given = sql`from ${raw(stageOf(staged.table))} s cross join lateral jsonb_array_elements(s.refs) as r
    where r ->> 'table' = ${table}
      and (select array_agg(k order by k) from jsonb_object_keys(r -> 'key') as k) = ${key}::text[]
      and (select array_agg(k order by k) from jsonb_object_keys(r -> 'columns') as k) = ${columns}::text[]`
  if (typeof types === 'string') {
    const [row] = await query(client, sql`select count(distinct r) as rows ${given}`, {
      rows: d.count(),
    })
    return { table, columns, restored: 0, changed: row?.rows ?? 0, problem: types }
  }
  const value = (part: 'key' | 'columns', name: string) =>
    sql`(r -> ${raw(`'${part}'`)} ->> ${name})::${raw(types.get(name) as string)}`
  const keys = key.map((name, n) => sql`${value('key', name)} as ${raw(`k${n}`)}`)
  const values = columns.map((name, n) => sql`${value('columns', name)} as ${raw(`v${n}`)}`)
  const listed = [...keys, ...values].reduce((all, one) => sql`${all}, ${one}`)
  const at = (alias: string) =>
    key.map((name, n) => `${alias}.${quote(name)} = g.k${n}`).join(' and ')
  const each = (text: (column: string, n: number) => string, between: string) =>
    columns.map((name, n) => text(quote(name), n)).join(between)
  const [row] = await query(
    client,
    sql`with given as materialized (select distinct ${listed} ${given}),
       same as (select count(*) as rows from given g join ${raw(own as string)} x on ${raw(at('x'))}
         where ${raw(each((name, n) => `x.${name} = g.v${n}`, ' and '))}),
       set_again as (update ${raw(own as string)} x set ${raw(each((name, n) => `${name} = g.v${n}`, ', '))}
         from given g where ${raw(at('x'))} and ${raw(each((name) => `x.${name} is null`, ' and '))} returning 1)
     select (select count(*) from set_again) as restored,
            (select count(*) from given) - (select rows from same) - (select count(*) from set_again) as changed`,
    { restored: d.count(), changed: d.count() },
  )
  return { table, columns, restored: row?.restored ?? 0, changed: row?.changed ?? 0, problem: null }
}

const NO_KEY = 'no foreign key of this table clears these columns'

/**
 * An archive may be forged, and the role of a restore may change every table. So only columns that a cleanup clears are set.
 * @returns the table as the server writes its name
 */
async function tableOf(
  client: pg.ClientBase,
  effects: readonly Effect[],
  { table, columns }: Shape,
): Promise<string | undefined> {
  const [found] = await query(client, sql`select to_regclass(${table})::text as name`, {
    name: d.nullable(d.text()),
  })
  const of = effects.filter(({ action, table }) => action === 'set null' && table === found?.name)
  const fits = of.some(({ nulled }) => columns.every((column) => nulled.includes(column)))
  return fits ? of[0]?.table : undefined
}

/** The types of the columns, or why the table cannot be changed. */
async function typesOf(
  client: pg.ClientBase,
  { table, key, columns }: Shape,
): Promise<Map<string, string> | string> {
  const wanted = [...key, ...columns]
  const found = await query(
    client,
    sql`select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
          has_table_privilege(a.attrelid, 'select') and has_any_column_privilege(a.attrelid, 'update')
            and not row_security_active(a.attrelid) as writable
     from pg_attribute a where a.attrelid = to_regclass(${table}) and a.attnum > 0 and not a.attisdropped
       and a.attname = any(${wanted}::text[])`,
    { name: d.text(), type: d.text(), writable: d.boolean() },
  )
  if (found.length < new Set(wanted).size) return `${table} or one of these columns does not exist`
  if (!found.every(({ writable }) => writable))
    return `this role may not change all rows of ${table}`
  return new Map(found.map(({ name, type }) => [name, type]))
}
