import { columnOf } from '../../tables/column.ts'
import { auditHistory, usageHistory } from '../../tables/histories.ts'
import { KINDS, tableOf } from '../../tables/tables.ts'

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
  /** SQL of the right values by column; UNKNOWN where only a person knows it. @param alone no other fault in the statement */
  set: (place: FixPlace, alone: boolean) => Record<string, string>
}

/** Where a fix runs. */
export interface FixPlace {
  /** Before the name of each table: quoted, with a dot, or empty. */
  prefix: string
  /** SQL of the current time, of the type of created_at. */
  now: string
  /** SQL of the month of a bill by column. @param time SQL of the time of the bill */
  month: (time: string) => Record<string, string>
}

export const UNKNOWN = '...'

const NOT_FINITE = `in ('NaN', 'Infinity', '-Infinity')`
const TIMES = ['timestamptz', 'timestamp', 'date']
const AMOUNTS = ['numeric']
const COUNTS = ['int8', 'int4', 'int2']
const TEXTS = ['text', 'varchar', 'bpchar']

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
          set: ({ now }) => ({ [column]: timeOf(table, column, now) }),
        },
      ]
    if (type !== 'amount' && type !== 'number') return []
    return [
      {
        ...common,
        types: AMOUNTS,
        what: `where ${column} is NaN or infinite`,
        condition: `${column} ${NOT_FINITE}`,
        set: ({ prefix }) => ({ [column]: amountOf(table, prefix) }),
      },
    ]
  })
}

const isHistory = (table: string) => table.endsWith('_history')

/**
 * The total of a run is the sum of its steps, and a bill is the cost of its run. Any other such amount counts as 0, except
 * in a history, whose rows have the sums of rows that are gone.
 */
function amountOf(table: string, prefix: string): string {
  if (isHistory(table)) return UNKNOWN
  return (
    {
      workflow_executions: `coalesce((select sum(cost) from ${prefix}workflow_steps s where s.execution_id = workflow_executions.execution_id and s.cost not ${NOT_FINITE}), 0)`,
      billing_records: `coalesce((select total_cost from ${prefix}workflow_executions e where e.execution_id = billing_records.execution_id and e.total_cost not ${NOT_FINITE}), 0)`,
    }[table] ?? '0'
  )
}

/** A row without an end time has no duration, which is true: it is not known. */
function timeOf(table: string, column: string, now: string): string {
  if (isHistory(table)) return UNKNOWN
  return /^(start_time|timestamp)$/.test(column) && table !== 'workflow_steps'
    ? createdAt(now)
    : 'null'
}

/** SQL of the time of a row whose own time is infinite. */
const createdAt = (now: string) =>
  `coalesce(nullif(nullif(created_at, 'infinity'), '-infinity'), ${now})`

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
    set: () => ({ [column]: UNKNOWN }),
  }))

/** A correction can be below 0. A table before its adoption has no such column. */
const NO_CORRECTION = ` and to_jsonb(billing_records) ->> 'corrects' is null`

const backwards = (table: string, key: string): ValueFault => ({
  table,
  key,
  columns: ['start_time', 'end_time'],
  types: TIMES,
  what: 'where end_time is before start_time',
  condition: 'end_time < start_time and isfinite(start_time) and isfinite(end_time)',
  harmful: false,
  set: () => ({ end_time: UNKNOWN }),
})

const CLASSES = ['input', 'output', 'cache_read', 'cache_write', 'reasoning'].map(
  (name) => `tokens_${name}`,
)

/** A bill with an invalid month is in the report of no month. The fix keeps the given text in the bill. */
const month: ValueFault = {
  table: 'billing_records',
  key: 'billing_id',
  columns: ['billing_period'],
  types: TEXTS,
  what: 'where billing_period is not a month',
  condition: String.raw`billing_period !~ '^\d{4}-(0[1-9]|1[0-2])$'`,
  harmful: true,
  set: ({ now, month }, alone) => ({
    // The fix of an infinite time can be in the same statement.
    ...month(
      alone
        ? 'timestamp'
        : `case when isfinite(timestamp) then timestamp else ${createdAt(now)} end`,
    ),
    metadata: `coalesce(nullif(metadata::jsonb, 'null'), '{}') || jsonb_build_object('given_billing_period', billing_period)`,
  }),
}

/** Amounts and times of a table that are not finite. */
export const notFinite = (table: string, columns?: readonly string[]): ValueFault[] =>
  DESCRIBED.filter((one) => one.table === table)
    .flatMap(finiteFaults)
    .filter((fault) => columns === undefined || fault.columns.every((one) => columns.includes(one)))

/** All faults of single rows, in the order of their fixes. */
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
