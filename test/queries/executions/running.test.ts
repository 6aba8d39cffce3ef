import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { listRunning } from '../../../src/queries/executions/running.ts'
import { openPool, type TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
let pool: pg.Pool
let sent: { text: string; values: readonly unknown[] }[] = []
const run: Run = (statement, shape) => {
  sent.push(bound(statement))
  return query(pool, statement, shape)
}

beforeAll(async () => {
  database = await createMigrated('running')
  pool = openPool({ connectionString: database.url, max: 2 })
})
beforeEach(async () => {
  sent = []
  await database.sql('truncate workflow_executions, audit_logs cascade')
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`

/** A run, and the ages in minutes of its own last change and of the newest of each kind of what belongs to it. */
async function addRun(
  n: number,
  { own, step, entry }: { own: number | null; step?: number; entry?: number },
  status = 'running',
): Promise<void> {
  const ago = (place: string) => `now() - ${place}::float8 * interval '1 minute'`
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, updated_at)
     values ($1, 'w', 'u', 'm', 'x', $2, ${ago('1000')}, ${ago('$3')})`,
    [id(n), status, own],
  )
  for (const age of step === undefined ? [] : [step, step + 7]) {
    await database.sql(
      `insert into workflow_steps (execution_id, step_number, step_name, updated_at) values ($1, 1, 's', ${ago('$2')})`,
      [id(n), age],
    )
  }
  for (const age of entry === undefined ? [] : [entry, entry + 7]) {
    await database.sql(
      `insert into audit_logs (execution_id, user_id, action_type, action_details, timestamp) values ($1, 'u', 'a', 'd', ${ago('$2')})`,
      [id(n), age],
    )
  }
}

const minutesIdle = async () =>
  (await listRunning(run)).rows.map(({ lastWriteTime }) =>
    Math.round((Date.now() - Date.parse(lastWriteTime)) / 60_000),
  )

describe('the last write of a run', () => {
  it.each([
    ['the run itself', { own: 20, step: 30, entry: 40 }, 20],
    ['its newest step', { own: 40, step: 20, entry: 30 }, 20],
    ['its newest audit entry', { own: 30, step: 40, entry: 20 }, 20],
    ['the run, where there is nothing else', { own: 20 }, 20],
    ['the start, where nothing says more', { own: null }, 1000],
  ])('is that of %s', async (_, ages, wanted) => {
    await addRun(1, ages)
    expect(await minutesIdle()).toEqual([wanted])
  })

  it('is listed only for runs that have not finished', async () => {
    for (const [n, status] of ['success', 'failed', 'partial', 'cancelled'].entries())
      await addRun(n, { own: 20 }, status)
    expect(await minutesIdle()).toEqual([])
  })
})

describe('runs without a write for a given time', () => {
  it('are those whose newest write is older, by the clock of the server', async () => {
    await addRun(1, { own: 70, step: 80, entry: 90 })
    await addRun(2, { own: 50, step: 80, entry: 90 })
    await addRun(3, { own: 70, step: 50, entry: 90 })
    await addRun(4, { own: 70, step: 80, entry: 50 })
    const { rows } = await listRunning(run, { stuck: true, stuckAfterMs: 60 * 60_000 })
    expect(rows.map(({ executionId }) => executionId)).toEqual([id(1)])
  })

  it('are listed in pages that form the whole; a cursor is refused for another time', async () => {
    for (let n = 1; n <= 7; n++) await addRun(n, { own: n % 2 === 0 ? 70 : 10 })
    const first = await listRunning(run, { stuck: true, stuckAfterMs: 3_600_000, limit: 2 })
    const cursor = String(first.nextCursor)
    const second = await listRunning(run, {
      stuck: true,
      stuckAfterMs: 3_600_000,
      limit: 2,
      cursor,
    })
    expect([...first.rows, ...second.rows].map(({ executionId }) => executionId)).toEqual(
      [2, 4, 6].map(id),
    )
    expect(second.nextCursor).toBeNull()
    await expect(
      listRunning(run, { stuck: true, stuckAfterMs: 60_000, limit: 2, cursor }),
    ).rejects.toMatchObject({
      code: 'usage',
    })
  })

  it.each([-1, 1.5, Number.NaN, null, '1h'])(
    '%s milliseconds are refused',
    async (stuckAfterMs) => {
      await expect(
        listRunning(run, { stuckAfterMs: stuckAfterMs as number }),
      ).rejects.toMatchObject({
        code: 'usage',
      })
      expect(sent).toEqual([])
    },
  )
})

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Node[]
}

const below = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(below)]

it('a page of 50 reads 51 of 100,000 runs, the steps and one entry of each, only through indexes', {
  tags: 'slow',
}, async () => {
  await database.sql(`
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time)
      select lpad(i::text, 32, '0')::uuid, 'w', 'u', 'm', 'x', case when i % 100 = 0 then 'running' else 'success' end,
             timestamptz '2026-01-01Z' + i * interval '1 minute' from generate_series(1, 100000) i`)
  await database.sql(`
    insert into workflow_steps (execution_id, step_number, step_name)
      select lpad(i::text, 32, '0')::uuid, 1, 's' from generate_series(10, 100000, 10) i, generate_series(1, 3)`)
  await database.sql(`
    insert into audit_logs (execution_id, user_id, action_type, action_details)
      select lpad(i::text, 32, '0')::uuid, 'u', 'a', 'd' from generate_series(10, 100000, 10) i, generate_series(1, 10)`)
  await database.sql('vacuum (analyze) workflow_executions, workflow_steps, audit_logs')
  const { nextCursor } = await listRunning(run, { limit: 50 })
  await listRunning(run, { limit: 50, cursor: String(nextCursor) })
  await listRunning(run, { limit: 50, stuck: true, stuckAfterMs: 0 })
  expect(sent).toHaveLength(3)
  for (const { text, values } of sent) {
    const [row] = await database.sql(`explain (analyze, format json) ${text}`, [...values])
    const { 'QUERY PLAN': plans } = row as { 'QUERY PLAN': [{ Plan: Node }] }
    const nodes = below(plans[0].Plan)
    expect(nodes.map((node) => node['Node Type'])).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(Seq Scan|.*Sort)$/)]),
    )
    const read = (table: string) =>
      nodes
        .filter((node) => node['Relation Name'] === table)
        .reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0)
    expect(read('workflow_executions')).toBe(51)
    // Once for lastWriteTime and once for stuck, as a field and as a filter.
    const times = 1 + text.split(' milliseconds').length - 1
    expect(read('workflow_steps')).toBe(51 * 3 * times)
    expect(read('audit_logs')).toBe(51 * times)
  }
})
