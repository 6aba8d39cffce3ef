import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { formatNumber } from '../../numbers.ts'
import { timeZoneOf, zoneHint } from '../../time-zone.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { retypedColumns } from './differences.ts'
import { GIVEN_TIMES } from './legacy.ts'
import type { Obstacle } from './obstacles.ts'
import type { Survey } from './survey.ts'
import type { LegacyZones } from './zones.ts'

/** @throws WfstoreError usage for a zone that the server or Node does not know, or a column that has no old times */
export async function assertZones(
  client: pg.Client,
  zones: LegacyZones,
  survey: Survey,
): Promise<void> {
  for (const zone of new Set([zones.rest, ...zones.columns.values()]))
    await assertTimeZone(client, zone)
  // Columns of the application and of views keep their type.
  const times = retypedColumns(survey).flatMap(({ from }) =>
    from.baseType === 'timestamp' ? from : [],
  )
  for (const name of zones.columns.keys()) {
    if (times.some((column) => [column.name, `${column.tableName}.${column.name}`].includes(name)))
      continue
    throw new WfstoreError('usage', `${name} is not a timestamp column of the old tables`, {
      hint: `use one of ${[...new Set(times.map((column) => column.name))].join(', ')}, also with its table: workflow_steps.created_at`,
    })
  }
}

async function assertTimeZone(client: pg.Client, zone: string): Promise<void> {
  if (zone === 'UTC') return
  const sound = timeZoneOf(zone) !== undefined
  const known = await query(client, sql`select from pg_timezone_names where name = ${zone}`, {})
  if (sound && known.length > 0) return
  throw new WfstoreError(
    'usage',
    `time zone ${JSON.stringify(zone)} is ${sound ? 'unknown to the server' : 'not a time zone'}`,
    { hint: sound ? 'use an IANA name, such as Europe/Berlin or UTC' : zoneHint(zone) },
  )
}

/** Rows that are compared, and how many must be away by whole hours. Fewer may be chance. */
const SAMPLE = 1000
const LEAST = 5
const SHARE = 0.8

/**
 * Tables in which both times of a row differ by whole hours again and again: one was written in the zone of the server
 * (`now()`), the other as text that ends in Z. Naming a zone for one of the columns is the answer.
 */
export async function zoneObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  const { columns } = survey.zones
  const obstacles: Obstacle[] = []
  for (const table of survey.tables) {
    const given = GIVEN_TIMES[table] ?? ''
    const pair = [given, 'created_at']
    const isTime = (name: string) =>
      survey.columns.some(
        (column) =>
          column.tableName === table && column.name === name && column.baseType === 'timestamp',
      )
    if (!pair.every(isTime)) continue
    if (pair.some((name) => columns.has(name) || columns.has(`${table}.${name}`))) continue
    const found = await readOffsets(client, table, given)
    const away = found.filter(({ hours }) => hours !== 0)
    const rows = away.reduce((sum, one) => sum + one.rows, 0)
    const compared = found[0]?.compared ?? 0
    if (rows < LEAST || rows < compared * SHARE) continue
    const hours = away.map((one) => `${one.hours > 0 ? '+' : '−'}${Math.abs(one.hours)} h`)
    obstacles.push({
      what: `${table}.created_at is whole hours away from ${given} (${hours.join(', ')}) in ${formatNumber(rows)} of ${formatNumber(compared)} rows: the columns have different time zones`,
      fix: `name the zone of each, such as wfstore migrate up --legacy-tz created_at=Europe/Berlin,updated_at=Europe/Berlin,${given}=UTC`,
    })
  }
  return obstacles
}

/** The newest rows by the whole hours between both times; 0 for those with another difference. */
function readOffsets(client: pg.Client, table: string, given: string) {
  return query(
    client,
    `select hours, count(*) as rows, sum(count(*)) over () as compared
     from (select extract(epoch from created_at - ${given}) / 3600 as away from ${table}
           where isfinite(created_at) and isfinite(${given})
           ${table === 'workflow_steps' ? '' : `order by ${given} desc`} limit ${SAMPLE}) as newest,
     lateral (select case when abs(away - round(away)) < 1 / 60.0 and abs(away) < 15 then round(away)::int else 0 end as hours) as whole
     group by hours order by rows desc, hours`,
    { hours: d.count(), rows: d.count(), compared: d.count() },
  )
}
