import type pg from 'pg'
import { plural } from '../../numbers.ts'
import type { Constraint } from '../catalog.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { finiteObstacles } from './finite.ts'
import { KEYS, LOSSLESS, MONTH_CHECK } from './legacy.ts'
import type { Obstacle } from './obstacles.ts'
import { statusObstacles } from './statuses.ts'
import { type Survey, tableOf } from './survey.ts'

/** Rows that our constraints would refuse. The tables must be ordinary ones. */
export async function rowObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  const obstacles: Obstacle[] = []
  for (const table of survey.tables) {
    obstacles.push(...(await nulls(client, survey, table)))
    obstacles.push(...(await overflows(client, survey, table)))
    const { add, missing } = planConstraints(survey, table)
    for (const constraint of [...add, ...missing]) {
      const used = columnsOf(constraint)
      const key = constraint.kind === 'c' ? [KEYS[table] as string] : []
      if (!isComparable(survey, table, [...used, ...key])) continue
      if (constraint.kind === 'c') obstacles.push(...(await refused(client, survey, constraint)))
      if (constraint.kind === 'p') obstacles.push(...(await repeated(client, constraint)))
    }
  }
  return [...obstacles, ...(await orphans(client, survey))]
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

/** Rows that a check would refuse. The check of the month holds for new rows only. */
async function refused(client: pg.Client, survey: Survey, check: Constraint): Promise<Obstacle[]> {
  const { tableName, name } = check
  if (name === MONTH_CHECK) return []
  if (name === `${tableName}_status_check`) return statusObstacles(client, check)
  const checked = columnsOf(check)
  const columns = tableOf(survey, tableName).columns.filter((one) => checked.includes(one.name))
  return finiteObstacles(client, check, columns)
}

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
async function orphans(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  if (!survey.tables.includes('workflow_steps')) return []
  if (planConstraints(survey, 'workflow_steps').missing.every(({ kind }) => kind !== 'f')) return []
  const sides = ['workflow_steps', 'workflow_executions']
  if (!sides.every((table) => isComparable(survey, table, ['execution_id']))) return []
  const lost =
    'not exists (select from workflow_executions e where e.execution_id = workflow_steps.execution_id)'
  const [found] = await query(
    client,
    `select count(*) as rows, to_json(coalesce((array_agg(step_id::text order by step_id))[1:${SHOWN_ROWS}], '{}')) as ids
     from workflow_steps where ${lost}`,
    { rows: d.count(), ids: d.texts('ids') },
  )
  if (!found || found.rows === 0) return []
  const { rows, ids } = found
  const others = rows > ids.length ? ` and ${plural(rows - ids.length, 'other')}` : ''
  return [
    {
      what: `workflow_steps has ${plural(rows, 'row')} whose run does not exist: step_id ${ids.join(', ')}${others}`,
      fix: lostRuns(survey.tables.includes('audit_logs')),
    },
  ]
}

const SHOWN_ROWS = 5

/** Gives each step without a run one again, so that no step and no cost is lost. The audit entries know the user. */
function lostRuns(audited: boolean): string {
  const user = audited
    ? `coalesce((select min(a.user_id) from audit_logs a where a.execution_id = s.execution_id), 'unknown')`
    : `'unknown'`
  const lost =
    'not exists (select from workflow_executions e where e.execution_id = s.execution_id)'
  return [
    'insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status,',
    'total_cost, total_tokens, steps_total, steps_completed, steps_failed)',
    `select s.execution_id, 'unknown', ${user}, 'unknown', 'unknown', coalesce(min(s.start_time), min(s.created_at), now()),`,
    `max(s.end_time), 'failed', sum(s.cost), sum(s.tokens_used), count(*), count(*) filter (where s.status = 'success'),`,
    `count(*) filter (where s.status = 'failed') from workflow_steps s where ${lost} group by s.execution_id`,
  ].join(' ')
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
