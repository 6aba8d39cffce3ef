import { WfstoreError } from '../error.ts'
import { plural } from '../numbers.ts'
import { columnOf } from '../tables/column.ts'
import { auditHistory, usageHistory } from '../tables/histories.ts'
import { KINDS, tableOf } from '../tables/tables.ts'
import * as d from './query/decode.ts'
import type { Run } from './query/query.ts'
import { raw, sql } from './query/sql.ts'

/**
 * The values that make a report wrong or fail, and those that are probably wrong. The checks of the tables refuse the former,
 * but an old application had no checks, and a check can be missing or not validated.
 */
export interface ValueFault {
  table: string
  /** The column that names a row in messages. */
  key: string
  /** The columns that the condition reads. */
  columns: readonly string[]
  /** Their types, of those of the old tables too, that can have such a value. */
  types: readonly string[]
  /** After the number of rows: 'where cost is NaN or infinite'. */
  what: string
  /** SQL about a row of the table. */
  condition: string
  /** True if reports are wrong or fail. The other values are probably wrong. */
  harmful: boolean
  /** The statement that changes these rows. It has `...` where only a person knows the right value. */
  fix: (place: FixPlace) => string
}

/** Where a fix runs. */
export interface FixPlace {
  /** Before the name of each table: quoted, with a dot, or empty. */
  prefix: string
  /** SQL of the month of a bill. */
  month: string
}

const NOT_FINITE = `in ('NaN', 'Infinity', '-Infinity')`
const TIMES = ['timestamptz', 'timestamp', 'date']
const AMOUNTS = ['numeric']
const COUNTS = ['int8', 'int4', 'int2']
const TEXTS = ['text', 'varchar', 'bpchar']

/** The time of a row whose own time is infinite. */
const CREATED = `coalesce(nullif(nullif(created_at, 'infinity'), '-infinity'), now())`
const MONTH = String.raw`^\d{4}-(0[1-9]|1[0-2])$`

interface Described {
  table: string
  key: string
  columns: readonly { column: string; type: string }[]
}

const DESCRIBED: readonly Described[] = [
  ...KINDS.map(tableOf).map(({ name, id, fields }) => ({
    table: name,
    key: columnOf(id),
    columns: fields,
  })),
  ...[usageHistory, auditHistory].map(({ name, columns }) => ({
    table: name,
    key: 'history_id',
    columns,
  })),
  {
    table: 'wfstore_periods',
    key: 'billing_period',
    columns: [
      { column: 'cost', type: 'amount' },
      { column: 'closed_at', type: 'time' },
    ],
  },
]

function finiteFaults({ table, key, columns }: Described): ValueFault[] {
  return columns.flatMap(({ column, type }): ValueFault[] => {
    const common = { table, key, columns: [column], harmful: true }
    if (type === 'time')
      return [
        {
          ...common,
          types: TIMES,
          what: `where ${column} is infinite`,
          condition: `not isfinite(${column})`,
          fix: ({ prefix }) =>
            `update ${prefix}${table} set ${column} = ${timeOf(table, column)} where not isfinite(${column})`,
        },
      ]
    if (type !== 'amount' && type !== 'number') return []
    return [
      {
        ...common,
        types: AMOUNTS,
        what: `where ${column} is NaN or infinite`,
        condition: `${column} ${NOT_FINITE}`,
        fix: ({ prefix }) =>
          `update ${prefix}${table} set ${column} = ${amountOf(table, prefix)} where ${column} ${NOT_FINITE}`,
      },
    ]
  })
}

/** The total of a run is the sum of its steps, and a bill is the cost of its run. Any other such amount counts as 0. */
function amountOf(table: string, prefix: string): string {
  return (
    {
      workflow_executions: `coalesce((select sum(cost) from ${prefix}workflow_steps s where s.execution_id = workflow_executions.execution_id and s.cost not ${NOT_FINITE}), 0)`,
      billing_records: `coalesce((select total_cost from ${prefix}workflow_executions e where e.execution_id = billing_records.execution_id and e.total_cost not ${NOT_FINITE}), 0)`,
    }[table] ?? '0'
  )
}

/** A row without an end time has no duration, which is true: it is not known. */
const timeOf = (table: string, column: string): string =>
  /^(start_time|timestamp)$/.test(column) && table !== 'workflow_steps' ? CREATED : 'null'

const negative = (
  table: string,
  key: string,
  columns: readonly string[],
  rest = '',
): ValueFault[] =>
  columns.map((column) => ({
    table,
    key,
    columns: [column],
    types: COUNTS,
    what: `where ${column} is negative`,
    condition: `${column} < 0${rest}`,
    harmful: false,
    fix: ({ prefix }) => `update ${prefix}${table} set ${column} = ... where ${column} < 0${rest}`,
  }))

/** A correction can be below 0. A table before its adoption has no such column. */
const NO_CORRECTION = ` and to_jsonb(billing_records) ->> 'corrects' is null`

const backwards = (table: string, key: string): ValueFault => ({
  table,
  key,
  columns: ['start_time', 'end_time'],
  types: TIMES,
  what: 'where end_time is before start_time',
  condition: 'end_time < start_time',
  harmful: false,
  fix: ({ prefix }) => `update ${prefix}${table} set end_time = ... where end_time < start_time`,
})

const CLASSES = ['input', 'output', 'cache_read', 'cache_write', 'reasoning'].map(
  (name) => `tokens_${name}`,
)

/** A bill with an invalid month is in the report of no month. */
const month: ValueFault = {
  table: 'billing_records',
  key: 'billing_id',
  columns: ['billing_period'],
  types: TEXTS,
  what: 'where billing_period is not a month',
  condition: `billing_period !~ '${MONTH}'`,
  harmful: true,
  // The given text stays in the bill.
  fix: ({ prefix, month }) =>
    `update ${prefix}billing_records set billing_period = ${month}, metadata = coalesce(nullif(metadata::jsonb, 'null'), '{}') || jsonb_build_object('given_billing_period', billing_period) where billing_period !~ '${MONTH}'`,
}

/** Amounts and times of a table that are not finite. */
export const notFinite = (table: string, columns?: readonly string[]): ValueFault[] =>
  DESCRIBED.filter((one) => one.table === table)
    .flatMap(finiteFaults)
    .filter((fault) => columns === undefined || fault.columns.every((one) => columns.includes(one)))

/** SQL that is true if the check of a table holds for all its rows, so that none must be read. The server evaluates it once. */
export const isChecked = (table: string): string =>
  `(select count(*) from pg_constraint where conrelid = '${table}'::regclass and conname = '${table}_finite' and convalidated) = 1`

/** True if no row of these tables must be read, because their checks hold. */
export async function areChecked(run: Run, tables: readonly string[]): Promise<boolean> {
  const [found] = await run(`select ${tables.map(isChecked).join(' and ')} as checked`, {
    checked: d.boolean(),
  })
  return found?.checked === true
}

/** All faults of single rows. */
export const FAULTS: readonly ValueFault[] = [
  ...DESCRIBED.flatMap(finiteFaults),
  month,
  backwards('workflow_executions', 'execution_id'),
  ...negative('workflow_executions', 'execution_id', ['total_tokens']),
  backwards('workflow_steps', 'step_id'),
  ...negative('workflow_steps', 'step_id', ['tokens_used', ...CLASSES]),
  ...negative('audit_logs', 'log_id', ['tokens_used']),
  ...negative('billing_records', 'billing_id', ['tokens_total', ...CLASSES], NO_CORRECTION),
]

const without = (alias: string, prefix = '') =>
  `not exists (select from ${prefix}workflow_executions e where e.execution_id = ${alias}.execution_id)`

/** A step without a run is in no total. The fix creates the run; its audit entries know the user. */
export const orphans = ({ audited = true } = {}): ValueFault => ({
  table: 'workflow_steps',
  key: 'step_id',
  columns: ['execution_id'],
  types: ['uuid'],
  what: 'whose run does not exist',
  condition: without('workflow_steps'),
  harmful: true,
  fix: ({ prefix }) =>
    [
      `insert into ${prefix}workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status,`,
      'total_cost, total_tokens, steps_total, steps_completed, steps_failed)',
      `select s.execution_id, 'unknown', ${
        audited
          ? `coalesce((select min(a.user_id) from ${prefix}audit_logs a where a.execution_id = s.execution_id), 'unknown')`
          : `'unknown'`
      }, 'unknown', 'unknown', coalesce(min(s.start_time), min(s.created_at), now()),`,
      `max(s.end_time), 'failed', sum(s.cost), sum(s.tokens_used), count(*), count(*) filter (where s.status = 'success'),`,
      `count(*) filter (where s.status = 'failed') from ${prefix}workflow_steps s where ${without('s', prefix)} group by s.execution_id`,
    ].join(' '),
})

const SHOWN_ROWS = 5

const faultyShape = {
  /** The number of rows. */
  rows: d.count(),
  /** The ids of the first ones. */
  ids: d.texts('ids'),
}
export interface FaultyRows extends d.RowOf<typeof faultyShape> {
  fault: ValueFault
}

const idsOf = (key: string) =>
  `count(*) as rows, to_json((array_agg(${key}::text order by ${key}))[1:${SHOWN_ROWS}]) as ids`

/**
 * The rows with these faults, which are all of one table, in one scan.
 * @param from the table, or some of its rows under its name
 */
export async function findFaults(
  run: Run,
  faults: readonly ValueFault[],
  from = raw(faults[0]?.table ?? ''),
): Promise<FaultyRows[]> {
  const [first, ...others] = faults
  if (!first) return []
  const ids = raw(idsOf(first.key))
  const conditions = faults.map(({ condition }, place) => `(${place}, ${condition})`).join(', ')
  const found = await run(
    others.length === 0
      ? // A condition on another table becomes a join.
        sql`select 0 as place, ${ids} from ${from} where ${raw(first.condition)} having count(*) > 0`
      : sql`select place, ${ids} from ${from} cross join lateral (values ${raw(conditions)}) as c (place, is_faulty)
         where is_faulty group by place order by place`,
    { place: d.count(), ...faultyShape },
  )
  return found.map(({ place, ...rows }) => ({ fault: faults[place] as ValueFault, ...rows }))
}

/** 'workflow_steps has 7 rows where cost is NaN or infinite: step_id a, b, c, d, e and 2 others' */
export function faultText({ fault: { table, what, key }, rows, ids }: FaultyRows): string {
  const others = rows > ids.length ? ` and ${plural(rows - ids.length, 'other')}` : ''
  return `${table} has ${plural(rows, 'row')} ${what}: ${key} ${ids.join(', ')}${others}`
}

/**
 * @param doing what cannot be done with these rows: 'clean up'
 * @param done what was changed before
 * @throws WfstoreError conflict with their ids, if there are any
 */
export function assertNoFaults(
  doing: string,
  found: readonly FaultyRows[],
  done = 'nothing was changed',
): void {
  if (found.length === 0) return
  throw new WfstoreError('conflict', `cannot ${doing}: ${found.map(faultText).join('; ')}`, {
    hint: `${done}; \`wfstore doctor --full\` prints the statements that change these rows (check values)`,
  })
}
