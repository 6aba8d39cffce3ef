import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { AUDIT } from '../../../src/queries/audit/audit.ts'
import { BILLS } from '../../../src/queries/billing/bills.ts'
import { FAILURE_LIST } from '../../../src/queries/errors/errors.ts'
import { EXECUTIONS } from '../../../src/queries/executions/executions.ts'
import { page } from '../../../src/queries/table/page.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

/** Of 20,000 rows, the oldest 100 have one of the rare values. */
const ROWS = 20_000
const LIMIT = 20
const VALUE = `case when i > ${ROWS - 100} then 'rare' || i % 2 else 'usual' || i % 100 end`

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createMigrated('merged')
  client = await database.connect()
  for (const statement of [
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time)
     select ${VALUE}, ${VALUE}, 'm', 'x', (array['success', 'failed', 'partial'])[1 + i % 3], timestamptz '2026-01-01Z' - i * interval '1 minute'
     from generate_series(1, ${ROWS}) i`,
    `insert into audit_logs (user_id, action_type, action_details, timestamp)
     select ${VALUE}, 'a', 'd', timestamptz '2026-01-01Z' - i * interval '1 minute' from generate_series(1, ${ROWS}) i`,
    `insert into billing_records (user_id, model_id, billing_period, timestamp)
     select ${VALUE}, 'x', case ${VALUE} when 'rare0' then '2025-01' when 'rare1' then '2025-02' else '2026-01' end, timestamptz '2026-01-01Z' - i * interval '1 minute' from generate_series(1, ${ROWS}) i`,
    'vacuum (analyze) workflow_executions, audit_logs, billing_records',
  ])
    await database.sql(statement)
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: Node[]
}
const below = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(below)]

const RARE = ['rare0', 'rare1']
const lists = [
  ['executions of users', EXECUTIONS, { userId: RARE }, 2],
  ['executions of workflows', EXECUTIONS, { workflowName: RARE }, 2],
  ['executions by status', EXECUTIONS, { status: ['failed', 'partial'] }, 2],
  ['errors of users', FAILURE_LIST, { userId: RARE }, 4],
  ['audit entries of users', AUDIT, { userId: RARE }, 2],
  ['bills of users', BILLS, { userId: RARE }, 2],
  ['bills of periods', BILLS, { billingPeriod: ['2025-01', '2025-02'] }, 2],
] as const

it.each(lists)(
  'a page of the %s reads a page of each value, also of rare ones',
  async (_, list, filter, parts) => {
    const sent: { text: string; values: unknown[] }[] = []
    const run: Run = (statement, shape) => {
      sent.push(bound(statement))
      return query(client, statement, shape)
    }
    // The lists have different rows and filters.
    const listed = list as unknown as typeof EXECUTIONS
    const first = await page(run, listed, { ...filter, limit: LIMIT })
    expect([first.rows.length, first.hasMore]).toEqual([LIMIT, true])
    await page(run, listed, { ...filter, limit: LIMIT, cursor: first.nextCursor })
    for (const { text, values } of sent) {
      const { rows } = await client.query(`explain (analyze, format json) ${text}`, values)
      const nodes = below(rows[0]['QUERY PLAN'][0].Plan)
      const read = nodes
        .filter(
          (node) => node['Relation Name'] !== undefined && !/Bitmap Heap/.test(node['Node Type']),
        )
        .reduce(
          (sum, node) =>
            sum +
            (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
          0,
        )
      expect(read).toBeLessThanOrEqual(parts * (LIMIT + 1))
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan')
    }
  },
)
