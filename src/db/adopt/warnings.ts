import type pg from 'pg'
import { plural } from '../../numbers.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { KEYS } from './legacy.ts'
import { type Survey, tableOf } from './survey.ts'

const SHOWN_ROWS = 5
const NO_MONTH = String.raw`billing_period !~ '^\d{4}-(0[1-9]|1[0-2])$'`

interface Doubt {
  table: string
  columns: string[]
  what: string
  condition: string
  /** After `set`. */
  value: string
}

const negative = (table: string, column: string): Doubt => ({
  table,
  columns: [column],
  what: `${column} is negative`,
  condition: `${column} < 0`,
  value: `${column} = 0`,
})

const backwards = (table: string): Doubt => ({
  table,
  columns: ['start_time', 'end_time'],
  what: 'end_time is before start_time',
  condition: 'end_time < start_time',
  value: 'end_time = start_time',
})

const DOUBTS: Doubt[] = [
  backwards('workflow_executions'),
  negative('workflow_executions', 'total_tokens'),
  backwards('workflow_steps'),
  negative('workflow_steps', 'tokens_used'),
  negative('audit_logs', 'tokens_used'),
  {
    table: 'billing_records',
    columns: ['billing_period'],
    what: 'billing_period is not a month',
    condition: NO_MONTH,
    value: `billing_period = to_char(timestamp, 'YYYY-MM')`,
  },
  // After the month: the check refuses any other change of a bill with an invalid one.
  negative('billing_records', 'tokens_total'),
]

/** Rows that adoption takes as they are, but that are probably wrong: their ids, and a statement that changes them. */
export async function valueWarnings(client: pg.Client, survey: Survey): Promise<string[]> {
  const lines: string[] = []
  for (const { table, columns, what, condition, value } of DOUBTS) {
    const key = KEYS[table] as string
    const there = tableOf(survey, table).columns.map(({ name }) => name)
    if (![key, ...columns].every((name) => there.includes(name))) continue
    const [found] = await query(
      client,
      `select count(*) as rows, to_json(coalesce((array_agg(${key}::text order by ${key}))[1:${SHOWN_ROWS}], '{}')) as ids
       from ${table} where ${condition}`,
      { rows: d.count(), ids: d.texts('ids') },
    )
    if (!found || found.rows === 0) continue
    const { rows, ids } = found
    const others = rows > ids.length ? ` and ${plural(rows - ids.length, 'other')}` : ''
    lines.push(
      `warning: ${table} has ${plural(rows, 'row')} where ${what}: ${key} ${ids.join(', ')}${others}; check them, then run: update ${table} set ${value} where ${condition}`,
    )
  }
  return lines
}
