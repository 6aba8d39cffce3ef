import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { connectClient } from '../../../src/db/connect/connect.ts'
import { assertDirect } from '../../../src/db/connect/pooler.ts'
import { urlTarget } from '../../../src/db/connect/target.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { everythingOf, schemaOf } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { type Pooler, type PoolerOptions, startPooler } from '../../support/pooler.ts'

const REFUSAL =
  'a direct connection is required: the pooler gives each transaction another session of the server'
const HINT = 'use the URL of the server, or of a pool in session mode'

let migrated: TestDatabase
let pooler: Pooler
const clients: pg.Client[] = []

beforeAll(async () => {
  migrated = await createMigrated('pooled')
  await migrated.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id)
     select 'w' || n, 'u', 'Sales', 'm' from generate_series(1, 30) as n`,
  )
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()))
  await pooler.close()
})

afterAll(() => migrated.drop())

async function through(url: string, options: PoolerOptions): Promise<pg.Client> {
  pooler = await startPooler(url, options)
  return connect(pooler.url)
}

async function connect(url: string): Promise<pg.Client> {
  const client = await connectClient(urlTarget(url, 'the test', {}))
  clients.push(client)
  return client
}

const assert = (client: pg.Client) =>
  assertDirect(client, () => connectClient(urlTarget(pooler.url, 'the test', {})))

it.each<[string, PoolerOptions]>([
  ['hands out the session that came back last', { mode: 'transaction' }],
  ['hands out its sessions in turn', { mode: 'transaction', order: 'first', size: 8 }],
  ['has one session', { mode: 'transaction', size: 1 }],
])('a pooler in transaction mode that %s is refused', async (_, options) => {
  const client = await through(migrated.url, options)
  await expect(assert(client)).rejects.toMatchObject({
    code: 'usage',
    message: REFUSAL,
    hint: HINT,
  })
})

it('the connections of the check are closed afterwards, and the pool is whole', async () => {
  const client = await through(migrated.url, { mode: 'transaction', size: 1 })
  await expect(assert(client)).rejects.toThrow(REFUSAL)
  const other = await connect(pooler.url)
  await client.query('begin')
  await client.query('rollback')
  expect((await other.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

it.each([
  ['room for others', 5],
  ['no room for another', 1],
])('a pooler in session mode with %s is accepted', async (_, size) => {
  const client = await through(migrated.url, { mode: 'session', size })
  await assert(client)
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

it('a direct connection is accepted without opening another', async () => {
  let asked = 0
  const another = () => {
    asked++
    return Promise.reject(new Error('no connection is left'))
  }
  await assertDirect(await connect(migrated.url), another)
  expect(asked).toBe(0)
  await assertDirect(await through(migrated.url, { mode: 'session' }), another)
  expect(asked).toBe(1)
})

it('a pooler that refuses transactions is refused; a refused second connection proves nothing', async () => {
  const refusal = Object.assign(new pg.DatabaseError('not here', 0, 'error'), {
    ...{ code: '08P01', severity: 'FATAL' },
  })
  const statements = {
    query: () => Promise.reject(refusal),
    end: async () => {},
  } as unknown as pg.Client
  const client = await through(migrated.url, { mode: 'session' })
  await expect(assertDirect(client, async () => statements)).rejects.toThrow(REFUSAL)
  await assertDirect(client, () => Promise.reject(refusal))
})

it('migrate up prints one line that it needs a direct connection, and changes nothing', async () => {
  const database = await createDatabase('pooled_up')
  const before = await everythingOf(database)
  pooler = await startPooler(database.url, { mode: 'transaction' })
  expect(await runCli(['migrate', 'up', '--database-url', pooler.url])).toEqual({
    code: 2,
    stdout: '',
    stderr: `error: ${REFUSAL}; ${HINT}\n`,
  })
  expect(await everythingOf(database)).toBe(before)
  await database.drop()
})

it('migrate up through a pooler in session mode creates the same schema as without one', {
  tags: 'slow',
}, async () => {
  const database = await createDatabase('pooled_session')
  pooler = await startPooler(database.url, { mode: 'session', size: 3 })
  expect(await runCli(['migrate', 'up', '--database-url', pooler.url])).toMatchObject({ code: 0 })
  expect(await schemaOf(database)).toBe(await schemaOf(migrated))
  await database.drop()
})

it('reports are right through a pooler in transaction mode, also concurrently', async () => {
  pooler = await startPooler(migrated.url, { mode: 'transaction', order: 'first' })
  const list = (url: string) =>
    runCli(['executions', 'list', '--json', '--limit', '25', '--database-url', url])
  const direct = await list(migrated.url)
  const pooled = await Promise.all(Array.from({ length: 6 }, () => list(pooler.url)))
  expect(direct).toMatchObject({ code: 0, stdout: expect.stringContaining('"workflowName":') })
  for (const result of pooled) expect(result).toEqual(direct)
})

it.each([
  [
    'refuse',
    (at: string) => `the pooler at ${at} does not support --schema: it refuses startup options`,
  ],
  ['drop', (at: string) => `the pooler at ${at} ignores --schema`],
] as const)(
  'if a pooler %ss startup options, --schema is an error with a hint',
  async (startupOptions, says) => {
    pooler = await startPooler(migrated.url, { mode: 'transaction', startupOptions })
    const { host, username, pathname } = new URL(pooler.url)
    const list = ['executions', 'list', '--database-url', pooler.url]
    expect(await runCli([...list, '--schema', 'other'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        `error: ${says(`${username}@${host}${pathname}`)}; connect to the server itself, or leave --schema out and run ` +
        `\`alter role "${username}" in database "${pathname.slice(1)}" set search_path to "other"\` once\n`,
    })
  },
)

it('a pooler that refuses PGOPTIONS is named in the error', async () => {
  pooler = await startPooler(migrated.url, { mode: 'transaction' })
  const list = ['executions', 'list', '--database-url', pooler.url]
  const { code, stderr } = await runCli(list, { env: { PGOPTIONS: '-c work_mem=1MB' } })
  expect(code).toBe(2)
  expect(stderr).toContain('does not support PGOPTIONS: it refuses startup options')
})
