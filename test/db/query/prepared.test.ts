import type pg from 'pg'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { Connection } from '../../../src/db/query/connection.ts'
import * as d from '../../../src/db/query/decode.ts'
import { prepared } from '../../../src/db/query/prepared.ts'
import type { Run } from '../../../src/db/query/query.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { OF, step } from '../../record/recording.ts'
import { openPool, type TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { startPooler } from '../../support/pooler.ts'

let young: TestDatabase
let grown: TestDatabase

beforeAll(async () => {
  young = await createMigrated('young')
  grown = await createMigrated('grown')
  // As it is after a first day: what the planner last counted is next to nothing.
  await startExecution(poolOf(grown.url).run, OF)
  await grown.sql('vacuum analyze')
  await grown.sql(
    `with run as (
       insert into workflow_executions (workflow_name, user_id, mode, model_id)
       select 'w', 'u', 'm', 'm' from generate_series(1, 5000) returning execution_id
     ), step as (
       insert into workflow_steps (execution_id, step_number, step_name) select execution_id, 1, 's' from run
     ), entry as (
       insert into audit_logs (execution_id, user_id, action_type, action_details) select execution_id, 'u', 't', 'd' from run
     )
     insert into billing_records (user_id, execution_id, model_id, billing_period) select 'u', execution_id, 'm', '2024-12' from run`,
  )
})

const pools: pg.Pool[] = []
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()))
  await young.drop()
  await grown.drop()
})

function poolOf(url: string, max = 1) {
  const pool = openPool({ connectionString: url, max })
  pool.on('error', () => {})
  pools.push(pool)
  const sent = new Set<string>()
  const query: Connection['query'] = (config) => {
    if ('name' in config) sent.add(String(config.name))
    return pool.query(config)
  }
  return { pool, sent, run: prepared({ query }) }
}

/** Records runs of one step each, some of them concurrently. @returns their ids */
async function record(run: Run, count: number, atOnce = 1): Promise<string[]> {
  const ids: string[] = []
  const worker = async () => {
    for (let n = 0; n < count / atOnce; n++) {
      const recorder = await startExecution(run, OF)
      ids.push(recorder.executionId)
      const started = await step(recorder)
      await started.finish({ status: 'success', tokens: { input: 60, output: 40 }, cost: '0.01' })
      await recorder.finish({ status: 'success' })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return ids
}

/** What was recorded of these runs. */
async function sumsOf(ids: string[]) {
  const [sums] = await grown.sql(
    `select count(*)::int as runs, sum(total_tokens)::int as tokens, sum(total_cost)::text as cost,
       (select count(*)::int from audit_logs where execution_id = any ($1)) as entries,
       (select sum(cost)::text from billing_records where execution_id = any ($1)) as billed
     from workflow_executions where execution_id = any ($1) and status = 'success'`,
    [ids],
  )
  return sums
}

const once = (runs: number) => {
  const cost = (runs / 100).toFixed(2)
  return { runs, tokens: 100 * runs, cost, entries: 4 * runs, billed: cost }
}

const namesOf = async (pool: pg.Pool): Promise<string[]> =>
  (await pool.query('select name from pg_prepared_statements order by name')).rows.map(
    ({ name }) => name,
  )

it('nothing is prepared while the tables are small enough to be read whole', async () => {
  const { pool, run } = poolOf(young.url)
  await record(run, 60)
  expect(await namesOf(pool)).toEqual([])
})

it('a frequent statement is prepared once on a connection, with plans that read no table whole', async () => {
  const { pool, run } = poolOf(grown.url)
  const ids = await record(run, 20)
  expect(await sumsOf(ids)).toEqual(once(20))
  const { rows } = await pool.query(
    'select name, cardinality(parameter_types) as values from pg_prepared_statements order by name',
  )
  expect(rows).toHaveLength(4)
  const client = await pool.connect()
  onTestFinished(() => client.release())
  await client.query('set plan_cache_mode = force_generic_plan')
  for (const { name, values } of rows) {
    expect(name).toMatch(/^wfstore_[0-9a-f]{24}$/)
    const nulls = Array.from({ length: values }, () => 'null').join(', ')
    const plan = await client.query(`explain execute ${name} (${nulls})`)
    const lines = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(lines).not.toMatch(/Seq Scan on (workflow|audit|billing_records)/)
  }
})

it.each([
  ['the session that came back last', 'last'],
  ['its sessions in turn', 'first'],
] as const)(
  'behind a pooler that hands out %s every call is done once',
  { tags: 'slow' },
  async (_, order) => {
    const pooler = await startPooler(grown.url, { mode: 'transaction', size: 3, order })
    onTestFinished(pooler.close)
    const engines = [poolOf(pooler.url, 3), poolOf(pooler.url, 3)]
    const all = await Promise.all(engines.map(({ run }) => record(run, 30, 5)))
    expect(await sumsOf(all.flat())).toEqual(once(60))
    // Some were sent by their names, and these were missing on other sessions, or there already.
    for (const { sent } of engines) expect(sent.size).toBeGreaterThan(0)
    await Promise.all(engines.map(({ pool }) => pool.end()))
    pools.splice(-2)
  },
)

it('deallocated statements are sent again without names', async () => {
  const { pool, run } = poolOf(grown.url)
  const ids = await record(run, 10)
  expect(await namesOf(pool)).toHaveLength(4)
  await pool.query('deallocate all')
  ids.push(...(await record(run, 10)))
  expect(await sumsOf(ids)).toEqual(once(20))
  expect(await namesOf(pool)).toEqual([])
})

it('a statement works after a migration has changed the types of its result', async () => {
  await grown.sql('create table counted as select 7 as total')
  const { pool, run } = poolOf(grown.url)
  const ask = () => run('select total from counted', { total: d.text() })
  for (let n = 0; n < 30; n++) await ask()
  expect(await namesOf(pool)).toHaveLength(1)
  await grown.sql('alter table counted alter column total type text')
  expect(await ask()).toEqual([{ total: '7' }])
})
