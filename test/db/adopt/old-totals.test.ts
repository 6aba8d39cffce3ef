import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../../src/index.ts'
import { createDatabase, loadLegacy, openPool, type TestDatabase } from '../../support/database.ts'
import { migrate, untilBlocked } from '../../support/migrate.ts'
import { createAdopted } from '../../support/migrated.ts'

type Row = { total_cost: never; total_tokens: never }

/**
 * The old application reads a run, adds in JavaScript and writes the sums back. Its driver gives bigint and numeric as
 * text, so the addition joins digits. Its sources are JavaScript, hence the type `never` of what it reads.
 */
const OLD = {
  start: `insert into workflow_executions (execution_id, workflow_name, workflow_type, user_id, mode, model_id, start_time,
    status, total_cost, total_tokens, steps_total, steps_completed, steps_failed, metadata)
    values ($1, 'live', 'autonomous', 'live', 'Sales', 'm', now(), 'running', 0, 0, 1, 0, 0, '{}') returning *`,
  step: `insert into workflow_steps (step_id, execution_id, start_time, step_number, step_name, status)
    values ($1, $2, now(), 1, 'live', 'running') returning *`,
  finishStep: `update workflow_steps set status = 'success', end_time = now(), tokens_used = $2, cost = $3
    where step_id = $1 returning *`,
  read: 'select * from workflow_executions where execution_id = $1',
  add: `update workflow_executions set total_cost = $2, total_tokens = $3 where execution_id = $1 returning *`,
  finish: `update workflow_executions set status = 'success', end_time = now(), total_cost = $2, total_tokens = $3
    where execution_id = $1 returning *`,
  bill: `insert into billing_records (execution_id, user_id, model_id, tokens_input, tokens_output, tokens_total, cost,
    billing_period) values ($1, 'live', 'm', $2, 0, $2, $3, '2026-11') returning *`,
}

let database: TestDatabase
let old: pg.Client
let run: string

beforeAll(async () => {
  database = await createAdopted('old_totals')
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

const read = async (client = old): Promise<Row> => (await client.query(OLD.read, [run])).rows[0]

/** Writes back what it has read and added. */
async function add(client: pg.Client, before: Row, tokens: number, cost: number) {
  const total = [before.total_cost + cost, before.total_tokens + tokens]
  await client.query(OLD.add, [run, ...total])
  return { total_cost: total[0], total_tokens: total[1] } as unknown as Row
}

async function step(client: pg.Client, tokens: number, cost: number): Promise<Row> {
  const id = randomUUID()
  await client.query(OLD.step, [id, run])
  await client.query(OLD.finishStep, [id, tokens, cost])
  return add(client, await read(client), tokens, cost)
}

const bill = async ({ total_tokens, total_cost }: Row) =>
  (await old.query(OLD.bill, [run, total_tokens, total_cost])).rows[0]

describe('an old application that adds in JavaScript', () => {
  it('joins digits: that is what its driver gives it', async () => {
    const { total_tokens, total_cost } = await read()
    expect([total_tokens + 1500, total_cost + 1]).toEqual(['01500', '01'])
  })

  it('leaves the totals of its run the sum of its steps, and bills that', async () => {
    let memory = await read()
    for (let n = 0; n < 3; n++) memory = await step(old, 1500, 1)
    expect(memory).not.toMatchObject({ total_tokens: 4500 })
    expect(await read()).toMatchObject({ total_tokens: '4500', total_cost: '3' })
    await old.query(OLD.finish, [run, memory.total_cost, memory.total_tokens])
    expect(await read()).toMatchObject({
      status: 'success',
      total_tokens: '4500',
      total_cost: '3',
      steps_completed: 0,
    })
    expect(await bill(memory)).toMatchObject({
      tokens_total: '4500',
      cost: '3',
      tokens_input: null,
      metadata: { given: { tokens_total: 45001500, cost: 31 } },
    })
  })

  it('is refused a sum that is no number; the totals stay right', async () => {
    await expect(step(old, 10, 0.5)).rejects.toMatchObject({ code: '22P02' })
    expect(await read()).toMatchObject({ total_tokens: '10', total_cost: '0.5' })
  })

  it('adds numbers with the type parsers of the page, and its bill stays as it gives it', async () => {
    const page = readFileSync(
      new URL('../../../docs/FROM-THE-OLD-APPLICATION.md', import.meta.url),
      'utf8',
    )
    const parsers = new Map(
      [...page.matchAll(/^ *pg\.types\.setTypeParser\((\d+), Number\)/gm)].map(([, oid]) => [
        Number(oid),
        Number,
      ]),
    )
    expect([...parsers.keys()]).toEqual([20, 1700])
    const types = {
      getTypeParser: (oid: number) => parsers.get(oid) ?? pg.types.getTypeParser(oid),
    } as pg.CustomTypesConfig
    const client = new pg.Client({ connectionString: database.url, types })
    await client.connect()
    let memory = await step(client, 10, 0.5)
    memory = await step(client, 20, 0.25)
    expect(memory).toEqual({ total_tokens: 50, total_cost: 1 })
    const written = await read(client)
    expect(written).toMatchObject({ total_tokens: 30, total_cost: 0.75 })
    await client.end()
    expect(await bill(written)).toMatchObject({ tokens_total: '30', cost: '0.75', metadata: {} })
  })

  it('loses no step when several end at the same time', async () => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => database.connect()))
    await Promise.all(
      clients.map(async (client) => {
        for (let n = 0; n < 10; n++) await step(client, 7, 2)
      }),
    )
    await Promise.all(clients.map((client) => client.end()))
    expect(await read()).toMatchObject({ total_tokens: '280', total_cost: '80' })
  })

  it('counts a step that another transaction commits while the totals wait for it', async () => {
    const other = await database.connect()
    await other.query('begin')
    const id = randomUUID()
    await other.query(OLD.step, [id, run])
    await other.query(OLD.finishStep, [id, 10, 1])
    const [{ pid }] = (await old.query('select pg_backend_pid() as pid')).rows
    const waiting = step(old, 20, 2)
    await untilBlocked(database, pid)
    await other.query('commit')
    await waiting
    await other.end()
    expect(await read()).toMatchObject({ total_tokens: '30', total_cost: '3' })
  })

  it('gets a serialization failure at repeatable read, and no lost step', async () => {
    await old.query('begin isolation level repeatable read')
    const before = await read()
    const other = await database.connect()
    await step(other, 10, 1)
    await other.end()
    await expect(add(old, before, 5, 5)).rejects.toMatchObject({ code: '40001' })
    await old.query('rollback')
    expect(await read()).toMatchObject({ total_tokens: '10', total_cost: '1' })
  })

  it('gets new totals for a step that it changes or moves to another run', async () => {
    await step(old, 100, 1)
    await old.query('update workflow_steps set tokens_used = 40 where execution_id = $1', [run])
    expect(await read()).toMatchObject({ total_tokens: '40', total_cost: '1' })
    await step(old, 2, 0)
    const first = run
    run = randomUUID()
    await old.query(OLD.start, [run])
    await old.query(
      'update workflow_steps set execution_id = $2 where execution_id = $1 and cost = 1',
      [first, run],
    )
    expect(await read()).toMatchObject({ total_tokens: '40', total_cost: '1' })
    run = first
    expect(await read()).toMatchObject({ total_tokens: '2', total_cost: '0' })
  })

  it('keeps its own totals for a run whose steps have no tokens and no cost', async () => {
    await old.query(OLD.step, [randomUUID(), run])
    await old.query(OLD.finish, [run, 5.25, 900])
    const written = await read()
    expect(written).toMatchObject({ total_tokens: '900', total_cost: '5.25' })
    expect(await bill(written)).toMatchObject({
      tokens_total: '900',
      cost: '5.25',
      tokens_input: '900',
      metadata: {},
    })
  })

  it('keeps the bill of a run that has an open step', async () => {
    await step(old, 10, 1)
    await old.query(OLD.step, [randomUUID(), run])
    const given = { total_tokens: 20, total_cost: 2 } as unknown as Row
    expect(await bill(given)).toMatchObject({ tokens_total: '20', cost: '2', metadata: {} })
  })

  it('keeps further bills of a run', async () => {
    await bill(await step(old, 10, 1))
    const credit = { total_tokens: 0, total_cost: -1 } as unknown as Row
    expect(await bill(credit)).toMatchObject({ cost: '-1', metadata: {} })
  })

  it('gets right totals with a role that may only insert steps', async () => {
    const role = `steps_only_${randomUUID().slice(0, 8)}`
    await database.sql(`create role ${role}; grant insert on workflow_steps to ${role}`)
    const other = await database.connect()
    await other.query(`set role ${role}`)
    await other.query(
      `insert into workflow_steps (execution_id, step_number, step_name, tokens_used, cost) values ($1, 1, 's', 9, 1)`,
      [run],
    )
    await other.end()
    expect(await read()).toMatchObject({ total_tokens: '9', total_cost: '1' })
    await database.sql(`drop owned by ${role}; drop role ${role}`)
  })
})

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
