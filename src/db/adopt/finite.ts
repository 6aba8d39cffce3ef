import type pg from 'pg'
import { plural } from '../../numbers.ts'
import type { CatalogColumn, Constraint } from '../catalog.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { KEYS } from './legacy.ts'
import type { Obstacle } from './obstacles.ts'

const SHOWN_ROWS = 5
const NOT_FINITE = `in ('NaN', 'Infinity', '-Infinity')`
/** The time of a row whose own time is infinite. */
const CREATED = `coalesce(nullif(nullif(created_at, 'infinity'), '-infinity'), now())`

/** Amounts that are NaN or infinite, and infinite times, with the ids of their rows. One NaN makes every total NaN. */
export async function finiteObstacles(
  client: pg.Client,
  { tableName, expression }: Constraint,
  columns: readonly CatalogColumn[],
): Promise<Obstacle[]> {
  const key = KEYS[tableName] as string
  const cases = columns.flatMap(({ name, baseType }) =>
    isTime(baseType)
      ? [`('${name}', not isfinite("${name}"))`]
      : baseType === 'numeric'
        ? [`('${name}', "${name}" ${NOT_FINITE})`]
        : [],
  )
  if (expression === null || cases.length === 0) return []
  const found = await query(
    client,
    `select name, count(*) as rows, to_json((array_agg(${key}::text order by ${key}))[1:${SHOWN_ROWS}]) as ids
     from ${tableName} cross join lateral (values ${cases.join(', ')}) as c (name, bad)
     where (${expression}) is false and bad group by name order by name`,
    { name: d.text(), rows: d.count(), ids: d.texts('ids') },
  )
  return found.map(({ name, rows, ids }) => {
    const time = isTime(columns.find((column) => column.name === name)?.baseType)
    const others = rows > ids.length ? ` and ${plural(rows - ids.length, 'other')}` : ''
    const how = time ? 'infinite' : 'NaN or infinite'
    return {
      what: `${tableName} has ${plural(rows, 'row')} where ${name} is ${how}: ${key} ${ids.join(', ')}${others}`,
      fix: time ? timeFix(tableName, name) : amountFix(tableName, name),
    }
  })
}

const isTime = (baseType: string | undefined) =>
  /^(timestamp|timestamptz|date)$/.test(baseType ?? '')

/** The total of a run is the sum of its steps, and a bill is the cost of its run. Any other such amount counts as 0. */
function amountFix(table: string, column: string): string {
  const value =
    {
      workflow_executions: `coalesce((select sum(cost) from workflow_steps s where s.execution_id = workflow_executions.execution_id and s.cost not ${NOT_FINITE}), 0)`,
      billing_records: `coalesce((select total_cost from workflow_executions e where e.execution_id = billing_records.execution_id and e.total_cost not ${NOT_FINITE}), 0)`,
    }[table] ?? '0'
  return `update ${table} set ${column} = ${value} where ${column} ${NOT_FINITE}`
}

/** A row without an end time has no duration, which is true: it is not known. */
const timeFix = (table: string, column: string): string =>
  `update ${table} set ${column} = ${/^(start_time|timestamp)$/.test(column) && table !== 'workflow_steps' ? CREATED : 'null'} where not isfinite(${column})`
