import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { untilBlocked } from '../../support/migrate.ts'
import { createAdopted } from '../../support/migrated.ts'
import { OLD, type OldRow } from './old-statements.ts'

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

const read = async (client = old): Promise<OldRow> => (await client.query(OLD.read, [run])).rows[0]

/** Writes back what it has read and added. */
async function add(client: pg.Client, before: OldRow, tokens: number, cost: number) {
  const total = [before.total_cost + cost, before.total_tokens + tokens]
  await client.query(OLD.add, [run, ...total])
  return { total_cost: total[0], total_tokens: total[1] } as unknown as OldRow
}

async function step(client: pg.Client, tokens: number, cost: number): Promise<OldRow> {
  const id = randomUUID()
  await client.query(OLD.step, [id, run])
  await client.query(OLD.finishStep, [id, tokens, cost])
  return add(client, await read(client), tokens, cost)
}

const bill = async ({ total_tokens, total_cost }: OldRow) =>
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
    const given = { total_tokens: 20, total_cost: 2 } as unknown as OldRow
    expect(await bill(given)).toMatchObject({ tokens_total: '20', cost: '2', metadata: {} })
  })

  it('keeps further bills of a run', async () => {
    await bill(await step(old, 10, 1))
    const credit = { total_tokens: 0, total_cost: -1 } as unknown as OldRow
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
