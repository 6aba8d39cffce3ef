import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../../src/index.ts'
import { createDatabase, loadLegacy, openPool, type TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'
import { createAdopted } from '../../support/migrated.ts'
import { OLD, type OldRow } from './old-statements.ts'

let database: TestDatabase
let old: pg.Client
let run: string

beforeAll(async () => {
  database = await createAdopted('old_runs')
  old = await database.connect()
})
afterAll(async () => {
  await old.end()
  await database.drop()
})
beforeEach(async () => {
  run = randomUUID()
  await old.query(OLD.start, [run])
})

const read = async (client = old): Promise<OldRow> => (await client.query(OLD.read, [run])).rows[0]

const bill = async ({ total_tokens, total_cost }: OldRow) =>
  (await old.query(OLD.bill, [run, total_tokens, total_cost])).rows[0]

describe('a run whose totals were never the sum of its steps', () => {
  let store: Store
  let pool: pg.Pool

  beforeAll(() => {
    pool = openPool({ connectionString: database.url })
    store = openStore({ pool })
  })
  afterAll(async () => {
    await store.close()
    await pool.end()
  })

  const differ = (id: string) =>
    database.sql(
      `begin; set local wfstore.keeps_totals = 'on';
       insert into workflow_steps (execution_id, step_number, step_name, status, tokens_used, cost)
         values ('${id}', 1, 's', 'success', 100, 1);
       update workflow_executions set total_tokens = 777, total_cost = 7 where execution_id = '${id}'; commit`,
    )
  const billOf = async () =>
    (await database.sql('select * from billing_records where execution_id = $1', [run]))[0]

  it.each(['failed', 'cancelled'])(
    'is billed for its steps when it is closed as %s',
    async (to) => {
      await differ(run)
      const { closed } =
        to === 'failed'
          ? await store.executions.failStuck({ olderThanMs: 0, userId: 'live' })
          : await store.executions.cancel([run])
      expect(closed).toContainEqual(expect.objectContaining({ executionId: run, totalCost: '1' }))
      expect(await read()).toMatchObject({ status: to, total_tokens: '100', total_cost: '1' })
      expect(await billOf()).toMatchObject({ tokens_total: '100', cost: '1' })
    },
  )

  it('is billed for its steps when the old application finishes it', async () => {
    await differ(run)
    const { rows } = await old.query(
      `update workflow_executions set status = 'success' where execution_id = $1 returning *`,
      [run],
    )
    expect(await bill(rows[0])).toMatchObject({ tokens_total: '100', cost: '1', metadata: {} })
  })

  it('keeps its totals while nothing else than its texts change', async () => {
    await differ(run)
    await old.query(
      `update workflow_executions set metadata = '{"a": 1}' where execution_id = $1`,
      [run],
    )
    expect(await read()).toMatchObject({ total_tokens: '777', total_cost: '7' })
  })
})

it('an adoption moves no totals', async () => {
  const legacy = await createDatabase('unequal_totals')
  await loadLegacy(legacy)
  await legacy.sql(
    `update workflow_executions set total_tokens = total_tokens + 5, total_cost = total_cost + 1 where mode = 'Sales'`,
  )
  const totals = () =>
    legacy.sql(
      `select execution_id, total_tokens::text, total_cost::numeric(20, 6)::text from workflow_executions order by 1`,
    )
  const before = await totals()
  await migrate(legacy)
  expect(await totals()).toEqual(before)
  await legacy.drop()
})

it('the recorder and the batch add in SQL: no trigger of totals runs', async () => {
  const own = await createAdopted('no_trigger')
  const pool = openPool({
    connectionString: own.url,
    max: 1,
    options: '-c track_functions=all',
  })
  const store = openStore({ pool })
  const execution = await store.startExecution({
    workflowName: 'w',
    userId: 'u',
    mode: 'm',
    modelId: 'x',
  })
  const one = await execution.startStep({ stepNumber: 1, stepName: 's' })
  await one.retry({ tokens: { input: 5 }, cost: 1 })
  await one.finish({ status: 'success', tokens: { input: 10 }, cost: 2 })
  const { executionId } = execution
  const batch = store.batch()
  for (const stepNumber of [2, 3])
    void batch.step({
      executionId,
      stepNumber,
      stepName: 's',
      status: 'success',
      tokens: { output: 1 },
      cost: '0.5',
    })
  await batch.close()
  await execution.finish({ status: 'success' })
  await pool.query('select pg_stat_force_next_flush()')
  const { rows } = await pool.query(
    `select funcname, calls > 0 as called from pg_stat_user_functions where funcname ~ '^wfstore_(keep_totals|count|bill_steps)'`,
  )
  expect(rows).toEqual([])
  expect(
    await own.sql(
      `select e.total_tokens, e.total_cost, b.tokens_total, b.cost, b.tokens_input from workflow_executions e
       join billing_records b using (execution_id) where execution_id = $1`,
      [executionId],
    ),
  ).toEqual([
    { total_tokens: '17', total_cost: '4.0', tokens_total: '17', cost: '4.0', tokens_input: '15' },
  ])
  await store.close()
  await pool.end()
  await own.drop()
})
