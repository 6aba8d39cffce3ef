import type pg from 'pg'
import { plural } from '../../numbers.ts'
import type { Constraint } from '../catalog.ts'
import * as d from '../query/decode.ts'
import { query, runOn } from '../query/query.ts'
import { faultText } from '../values/find.ts'
import { adoptOrphans, findOrphans } from '../values/orphans.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { KEYS, LOSSLESS } from './legacy.ts'
import type { Obstacle } from './obstacles.ts'
import { statusObstacles } from './statuses.ts'
import { type Survey, tableOf } from './survey.ts'
import { valueObstacles } from './values.ts'

/**
 * Rows that our constraints would refuse. The tables must be ordinary ones.
 * @param prepared tables whose rows a check has proven, except their statuses
 */
export async function rowObstacles(
  client: pg.Client,
  survey: Survey,
  prepared: ReadonlySet<string> = new Set(),
): Promise<Obstacle[]> {
  const obstacles: Obstacle[] = []
  for (const table of survey.tables) {
    if (prepared.has(table)) {
      obstacles.push(...(await unknownStatuses(client, survey, table)))
      continue
    }
    obstacles.push(...(await nulls(client, survey, table)))
    obstacles.push(...(await overflows(client, survey, table)))
    const { add, missing, refusing } = planConstraints(survey, table)
    const checked: string[] = []
    for (const constraint of [...add, ...missing]) {
      const used = columnsOf(constraint)
      const key = constraint.kind === 'c' ? [KEYS[table] as string] : []
      if (!isComparable(survey, table, [...used, ...key])) continue
      if (constraint.name === `${table}_status_check`)
        obstacles.push(...(await statusObstacles(client, constraint, refusing.length > 0)))
      else if (constraint.kind === 'c') checked.push(...used)
      if (constraint.kind === 'p') obstacles.push(...(await repeated(client, constraint)))
    }
    obstacles.push(...(await valueObstacles(client, survey, table, checked)))
  }
  return [...obstacles, ...(await stepsWithoutRun(client, survey))]
}

async function nulls(client: pg.Client, survey: Survey, table: string): Promise<Obstacle[]> {
  const { columns, expectedColumns } = tableOf(survey, table)
  const obstacles: Obstacle[] = []
  for (const { name, defaultValue } of expectedColumns.filter(({ notNull }) => notNull)) {
    if (columns.find((column) => column.name === name)?.notNull !== false) continue
    const rows = await countRows(
      client,
      `select count(*) as rows from ${table} where ${name} is null`,
    )
    if (rows === 0) continue
    obstacles.push({
      what: `${table} has ${plural(rows, 'row')} where ${name} is NULL`,
      fix: `update ${table} set ${name} = ${defaultValue ?? '...'} where ${name} is null`,
    })
  }
  return obstacles
}

async function overflows(client: pg.Client, survey: Survey, table: string): Promise<Obstacle[]> {
  const obstacles: Obstacle[] = []
  for (const { to, from } of retypedColumns(survey).filter((retyped) => retyped.table === table)) {
    if (to.baseType !== 'int4' || from.baseType !== 'int8') continue
    const { name } = to
    const rows = await countRows(
      client,
      `select count(*) as rows from ${table} where ${name} not between -2147483648 and 2147483647`,
    )
    if (rows > 0)
      obstacles.push({
        what: `${table} has ${plural(rows, 'row')} where ${name} is out of range for ${to.type}`,
      })
  }
  return obstacles
}

/** Reads a table under the lock only if its index on the status finds an unknown one. */
async function unknownStatuses(client: pg.Client, survey: Survey, table: string) {
  const check = tableOf(survey, table).expectedConstraints.find(
    ({ name }) => name === `${table}_status_check`,
  )
  if (!check) return []
  const indexed = tableOf(survey, table).indexes.some(
    ({ shape, valid }) => valid && shape === 'USING btree (status)',
  )
  const known = indexed && (await countRows(client, distinctStatuses(check))) === 0
  return known ? [] : statusObstacles(client, check, false)
}

/** One look into the index for each status. */
const distinctStatuses = ({ tableName, expression }: Constraint): string =>
  `with recursive statuses (status) as (
     (select status from ${tableName} order by status limit 1)
     union all
     select (select t.status from ${tableName} t where t.status > s.status order by t.status limit 1)
     from statuses s where s.status is not null
   ) select count(*) as rows from statuses where (${expression}) is false`

async function repeated(client: pg.Client, key: Constraint): Promise<Obstacle[]> {
  const columns = columnsOf(key).join(', ')
  const rows = await countRows(
    client,
    `select count(*) as rows from (select from ${key.tableName} group by ${columns} having count(*) > 1) as repeated`,
  )
  return rows === 0
    ? []
    : [
        {
          what: `${key.tableName} has ${plural(rows, 'duplicate value')} of (${columns})`,
        },
      ]
}

/** Steps without a run. A validated foreign key makes this query unnecessary. */
async function stepsWithoutRun(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  if (!survey.tables.includes('workflow_steps')) return []
  if (planConstraints(survey, 'workflow_steps').missing.every(({ kind }) => kind !== 'f')) return []
  const sides = ['workflow_steps', 'workflow_executions']
  if (!sides.every((table) => isComparable(survey, table, ['execution_id']))) return []
  const found = await findOrphans(runOn(client))
  return found === undefined
    ? []
    : [{ what: faultText(found), fix: adoptOrphans('', survey.tables.includes('audit_logs')) }]
}

/** True if these columns exist with convertible types. Otherwise another obstacle reports them. */
function isComparable(survey: Survey, table: string, columns: string[]): boolean {
  const { columns: there, expectedColumns } = tableOf(survey, table)
  return columns.every((name) => {
    const from = there.find((column) => column.name === name)?.baseType
    const to = expectedColumns.find((column) => column.name === name)?.baseType
    return from !== undefined && to !== undefined && (from === to || LOSSLESS[to]?.includes(from))
  })
}

const columnsOf = (constraint: Constraint) => JSON.parse(constraint.columns) as string[]

async function countRows(client: pg.Client, text: string): Promise<number> {
  const [row] = await query(client, text, { rows: d.count() })
  return row?.rows ?? 0
}
