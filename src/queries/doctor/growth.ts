import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { serverTime } from '../../db/query/server-time.ts'
import { sql } from '../../db/query/sql.ts'
import { formatBytes, plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { everywhere, merged, storedTables } from './nodes.ts'
import type { Subject } from './subject.ts'

/** The tables that grow, with the column that holds the time of a row. Steps grow with their runs. */
const TIMES: Record<string, string> = {
  workflow_executions: 'start_time',
  audit_logs: 'timestamp',
  observability_metrics: 'timestamp',
  billing_records: 'timestamp',
}
const WINDOW_DAYS = 7
/** At most this number of the newest rows of a table is read to measure its growth. */
const SAMPLE = 200_000
/** With fewer rows or days there is no estimate. */
const FEWEST_ROWS = 100
const FEWEST_DAYS = 1

interface Growth {
  name: string
  rowsPerDay: number
  bytesPerDay: number
}

export async function inspectGrowth(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const recent = await query(database, Object.entries(TIMES).map(recentRows).join(' union all '), {
    name: d.text(),
    rows: d.count(),
    days: d.nullable(d.number()),
    older: d.boolean(),
  })
  const shards = await everywhere(
    database,
    subject,
    sql`select ours.name, pg_total_relation_size(ours.oid) as bytes,
            case when ours.reltuples > 0 then ours.reltuples else s.n_live_tup end as rows
     from ${storedTables(subject)} ours join pg_stat_all_tables s on s.relid = ours.oid`,
    { name: d.text(), bytes: d.count(), rows: d.number() },
  )
  const sizes = merged(shards, (one, other) => ({
    bytes: one.bytes + other.bytes,
    rows: one.rows + other.rows,
  }))
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  const newRows = recent.reduce((sum, { rows }) => sum + rows, 0)
  // A store younger than the window is measured over its age.
  const days = recent.some(({ older }) => older)
    ? WINDOW_DAYS
    : Math.max(...recent.map(({ days }) => days ?? 0))
  if (newRows < FEWEST_ROWS || days < FEWEST_DAYS) {
    return finding(
      'growth',
      'ok',
      newRows < FEWEST_ROWS
        ? `too few rows to estimate: ${plural(newRows, 'new row')} in the last ${WINDOW_DAYS} days`
        : 'too few days to estimate: the oldest row is less than one day old',
      { details: { totalBytes: total, newRows } },
    )
  }
  const sizeOf = (name: string) => sizes.find((size) => size.name === name)
  const grown = (name: string, share: number): Growth => {
    const { rows = 0, bytes = 0 } = sizeOf(name) ?? {}
    return { name, rowsPerDay: Math.round(share * rows), bytesPerDay: Math.round(share * bytes) }
  }
  // The growth of a table per day, as a share of its size.
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
  const now = await serverTime((statement, shape) => query(database, statement, shape))
  const details = { totalBytes: total, bytesPerDay: perDay, daysToDouble: doubles, tables }
  return finding(
    'growth',
    fast ? 'warning' : 'ok',
    `about ${formatBytes(perDay)} a day, most of it in ${tables[0]?.name}; at this rate the ${formatBytes(total)} double in ${plural(doubles, 'day')}${dateIn(now, doubles)}`,
    { details },
  )
}

/** ', by 2027-02-01'; no date for more than ten years ahead. */
const dateIn = (now: Date, days: number): string =>
  days > 3650
    ? ''
    : `, by ${new Date(now.getTime() + days * 86_400_000).toISOString().slice(0, 10)}`

/** The rows of the window, or the newest of them, and the days they cover. Reads only the index of the time. */
const recentRows = ([table, time]: [string, string]): string => `
  (select '${table}' as name, count(*) as rows, extract(epoch from now() - min(t)) / 86400 as days,
          exists (select 1 from ${table} where ${time} < now() - interval '${WINDOW_DAYS} days') as older
   from (
     select ${time} as t from ${table}
     where ${time} >= now() - interval '${WINDOW_DAYS} days' and ${time} <= now()
     order by ${time} desc limit ${SAMPLE + 1}
   ) newest)`
