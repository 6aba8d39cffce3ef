import { type Field, FORMS, type Form, fieldOf, JSON_NULLS, type Kind } from '../export/form.ts'
import { STAGE } from './stage.ts'

/** SQL that takes the lines of one kind from where they wait to their table. */

/** Counts come as numeric, so that 100.0 and 1e2 are the hundred that JSON says they are. */
const RECORD_TYPES: Record<Field['type'], string> = {
  uuid: 'uuid',
  text: 'text',
  time: 'timestamptz',
  count: 'numeric',
  integer: 'numeric',
  amount: 'numeric',
  number: 'numeric',
  boolean: 'boolean',
  json: 'jsonb',
}

const from = ({ kind, fields }: Form): string =>
  `${STAGE} s cross join lateral jsonb_to_record(s.body -> '${kind}') as x(${fields
    .map(({ name, type }) => `"${name}" ${RECORD_TYPES[type]}`)
    .join(', ')})`

/** The value that a line gives to a column; its default where the field is left out. */
function insertedValue({ kind }: Form, field: Field): string {
  const { name, type, nullable, default: byDefault } = field
  const given = typed(name, type)
  if (byDefault === undefined) return given
  if (!nullable) return `coalesce(${given}, ${byDefault})`
  return `case when ${isGiven(kind, name)} then ${given} else ${byDefault} end`
}

function typed(name: string, type: Field['type']): string {
  const value = `x."${name}"`
  if (type === 'count') return `${value}::bigint`
  if (type === 'integer') return `${value}::integer`
  if (type !== 'json') return value
  return `case when s.body -> '${JSON_NULLS}' ? '${name}' then jsonb 'null' else ${value} end`
}

const isGiven = (kind: Kind, name: string): string => `s.body -> '${kind}' ? '${name}'`

/** The lines from $1 to $2, in order, so that of two with one id the first is taken. */
export function insertRows(kind: Kind): string {
  const form = FORMS[kind]
  const { table, fields, key } = form
  return `insert into ${table} (${fields.map(({ column }) => column).join(', ')})
    select ${fields.map((field) => insertedValue(form, field)).join(', ')}
    from ${from(form)}
    where s.kind = '${kind}' and s.line between $1 and $2
    order by s.line
    on conflict (${key.map((name) => fieldOf(form, name).column).join(', ')}) do nothing`
}

/** A bill of a closed period has come into the open one, and says which it was made for. */
const MOVED: Record<string, string> = {
  'bill.billingPeriod':
    'x."billingPeriod" not in (t.billing_period, coalesce(t.original_period, t.billing_period))',
  'bill.originalPeriod':
    't.original_period is distinct from coalesce(x."originalPeriod", case when t.original_period = x."billingPeriod" then t.original_period end)',
}

/**
 * Lines whose row is in the store otherwise, with the fields that differ: the first 100, and of each how many there are.
 * What a line leaves to a default is not compared. A row that is in the store no more has been deleted meanwhile.
 */
export function differingRows(kind: Kind): string {
  const form = FORMS[kind]
  const { table, fields, key } = form
  const differs = fields
    .filter(({ name }) => !key.includes(name))
    .map((field) => {
      const { name, column, type } = field
      const other = MOVED[`${kind}.${name}`] ?? `t.${column} is distinct from ${typed(name, type)}`
      const asked = field.default === undefined ? other : `${isGiven(kind, name)} and ${other}`
      return `case when ${asked} then '${name}' end`
    })
  const same = key
    .map((name) => `t.${fieldOf(form, name).column} = s.${name === form.id ? 'id' : 'run'}`)
    .join(' and ')
  return `select line, id, fields, count(*) over () as all_of_them from (
      select s.line, s.id, case when t.${fieldOf(form, form.id).column} is null then null
        else array_to_string(array[${differs.join(', ')}], ', ') end as fields
      from ${from(form)} left join ${table} t on ${same}
      where s.kind = '${kind}'
    ) as compared
    where fields is distinct from '' order by line limit 100`
}

export const COUNT_WAITING = `select count(*) as waiting from ${STAGE} where kind = $1`
export const REMOVE_LINE = `delete from ${STAGE} where line = $1`

/** Steps whose run is neither in the file nor in the store are taken out. */
export const REMOVE_LOST_STEPS = `
  with lost as (
    delete from ${STAGE} s
    where s.kind = 'step' and not exists (select from workflow_executions e where e.execution_id = s.run)
    returning s.line, s.run
  ), counted as (select line, run, count(*) over () as all_of_them from lost)
  select * from counted order by line limit 100`

/**
 * The runs of the store to which the file adds. An engine that works on one waits from here on, having written nothing
 * yet: it locks its run first, too, so that neither ever waits for the other in turn.
 */
export const LOCK_RUNS = `
  select count(*) from (
    select from workflow_executions e where e.execution_id in (
      select s.run from ${STAGE} s where s.kind = 'step'
        and not exists (select from workflow_steps t where t.execution_id = s.run and t.step_id = s.id)
      union
      select s.run from ${STAGE} s where s.kind = 'audit' and not exists (select from audit_logs t where t.log_id = s.id)
      union
      select s.run from ${STAGE} s where s.kind = 'bill'
        and not exists (select from billing_records t where t.billing_id = s.id))
    order by e.execution_id for no key update
  ) as locked`

/** No cleanup takes the run of a step away between the lines of the two. */
export const KEEP_RUNS = `
  select count(*) from (
    select from workflow_executions e where e.execution_id in (select s.run from ${STAGE} s where s.kind = 'step')
    order by e.execution_id for key share
  ) as kept`

/** Imports of one database follow one another: two with the same rows could otherwise wait for each other. */
export const IMPORT_TURN = `select pg_advisory_xact_lock(hashtextextended('wfstore import', 0))`
