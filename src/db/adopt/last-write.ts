import type pg from 'pg'
import { OTHER_WRITES } from '../migrate/history.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { raw, sql } from '../query/sql.ts'
import { GIVEN_TIMES } from './legacy.ts'
import { type Survey, tableOf } from './survey.ts'
import { zoneOf } from './zones.ts'

/**
 * The statement that notes when the old application last wrote before its adoption: the newest time in its tables. Only
 * times with an index of the old application are read, because its tables are locked. A time in the future counts as now.
 */
export async function lastWriteStatements(client: pg.Client, survey: Survey): Promise<string[]> {
  const times = survey.tables.flatMap((table) => {
    const name = GIVEN_TIMES[table]
    const column = tableOf(survey, table).columns.find((one) => one.name === name)
    if (!column || table === 'workflow_steps') return []
    const newest = raw(`(select max("${name}") from ${table})`)
    return column.baseType === 'timestamp'
      ? [sql`${newest} at time zone ${zoneOf(survey.zones, table, column.name)}::text`]
      : [newest]
  })
  const newest = times.reduce((one, other) => sql`greatest(${one}, ${other})`, raw('null'))
  const [row] = await query(
    client,
    sql`select floor(extract(epoch from least(newest, now())))::bigint as seconds
     from (select ${newest}) as given (newest) where newest is not null`,
    { seconds: d.nullable(d.count()) },
  )
  const seconds = row?.seconds ?? null
  return seconds === null || seconds < 1
    ? []
    : [`do $$ begin perform setval('${OTHER_WRITES}', ${seconds}); end $$`]
}
