import * as d from '../../db/query/decode.ts'
import { type Queryable, query } from '../../db/query/query.ts'
import { type Finding, finding } from './finding.ts'
import { OUR_TABLES, type Subject } from './subject.ts'
import { bytes, counted } from './words.ts'

/** The tables that grow, by the column that says when a row came; steps come with their runs. */
const TIMES: Record<string, string> = {
  workflow_executions: 'start_time',
  audit_logs: 'timestamp',
  observability_metrics: 'timestamp',
  billing_records: 'timestamp',
}
const WINDOW_DAYS = 7
/** Of a table with more than this in the window, the newest so many say how fast it grows. */
const SAMPLE = 200_000
/** Fewer rows or days tell nothing. */
const FEWEST_ROWS = 100
const FEWEST_DAYS = 1

interface Growth {
  name: string
  rowsPerDay: number
  bytesPerDay: number
}

export async function lookAtGrowth(database: Queryable, subject: Subject): Promise<Finding> {
  const recent = await query(
    database,
    Object.entries(TIMES).map(recentRows).join(' union all '),
    [],
    { name: d.text(), rows: d.count(), days: d.nullable(d.number()), older: d.boolean() },
  )
  const sizes = await query(
    database,
    `select ours.relname as name, pg_total_relation_size(ours.oid) as bytes,
            case when ours.reltuples > 0 then ours.reltuples else s.n_live_tup end as rows
     from ${OUR_TABLES} ours join pg_stat_all_tables s on s.relid = ours.oid`,
    [subject.schema, subject.tables],
    { name: d.text(), bytes: d.count(), rows: d.number() },
  )
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  const newRows = recent.reduce((sum, { rows }) => sum + rows, 0)
  // A store younger than the window has as many days as it is old.
  const days = recent.some(({ older }) => older)
    ? WINDOW_DAYS
    : Math.max(...recent.map(({ days }) => days ?? 0))
  if (newRows < FEWEST_ROWS || days < FEWEST_DAYS) {
    return finding(
      'growth',
      'ok',
      newRows < FEWEST_ROWS
        ? `too little to tell: ${counted(newRows, 'new row')} in the last ${WINDOW_DAYS} days`
        : 'too little to tell: the oldest row is less than a day old',
      { details: { totalBytes: total, newRows } },
    )
  }
  const sizeOf = (name: string) => sizes.find((size) => size.name === name)
  const grown = (name: string, share: number): Growth => {
    const { rows = 0, bytes = 0 } = sizeOf(name) ?? {}
    return { name, rowsPerDay: Math.round(share * rows), bytesPerDay: Math.round(share * bytes) }
  }
  // By which share of itself a table grows in a day.
  const shares = recent.map(({ name, rows, days: own }) => ({
    name,
    share:
      rows /
      Math.max(rows > SAMPLE ? (own ?? 0) : days, 1 / 24) /
      Math.max(sizeOf(name)?.rows ?? 0, rows, 1),
  }))
  const runs = shares.find(({ name }) => name === 'workflow_executions')?.share ?? 0
  const tables = [
    ...shares.map(({ name, share }) => grown(name, share)),
    grown('workflow_steps', runs),
  ].sort((a, b) => b.bytesPerDay - a.bytesPerDay)
  const perDay = tables.reduce((sum, table) => sum + table.bytesPerDay, 0)
  const doubles = Math.round(total / Math.max(perDay, 1))
  const fast = doubles < subject.limits.growthDays && total > subject.limits.growthBytes
  const details = { totalBytes: total, bytesPerDay: perDay, daysToDouble: doubles, tables }
  return finding(
    'growth',
    fast ? 'warning' : 'ok',
    `about ${bytes(perDay)} a day, most of it ${tables[0]?.name}; at that rate ${bytes(total)} double in ${counted(doubles, 'day')}${dateIn(doubles)} unless something is removed`,
    { details },
  )
}

/** ', by 2027-02-01,'; nothing that far ahead is worth a date. */
const dateIn = (days: number): string =>
  days > 3650 ? '' : `, by ${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)},`

/** Rows of the window, or of the newest part of it, and the days they cover: a walk down the index of the time. */
const recentRows = ([table, time]: [string, string]): string => `
  (select '${table}' as name, count(*) as rows, extract(epoch from now() - min(t)) / 86400 as days,
          exists (select from ${table} where ${time} < now() - interval '${WINDOW_DAYS} days') as older
   from (
     select ${time} as t from ${table}
     where ${time} >= now() - interval '${WINDOW_DAYS} days' and ${time} <= now()
     order by ${time} desc limit ${SAMPLE + 1}
   ) newest)`
