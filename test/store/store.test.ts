import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openStore } from '../../src/index.ts'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { addressOf } from '../support/failpoint.ts'
import { migrate } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'

/** The library as it is installed: what `npm run build` made. */
const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href

const RUN = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }

let database: TestDatabase
/** The server of the tests on TCP, where encryption is a question. */
let door: Server
let url: string
let user: string
/** Each connection through the door, until it is closed. */
const visits: Promise<unknown>[] = []
let empty: string

beforeAll(async () => {
  empty = mkdtempSync(join(tmpdir(), 'wfstore-store-'))
  database = await createMigrated('store')
  const address = addressOf(database.url)
  door = createServer((socket) => {
    visits.push(new Promise((resolve) => socket.on('close', resolve)))
    const server = connect(address)
    for (const side of [socket, server]) side.on('error', () => side.destroy())
    socket.pipe(server).pipe(socket)
  })
  await once(door.listen(0, '127.0.0.1'), 'listening')
  user = new URL(database.url).username
  url = `postgresql://${user}@127.0.0.1:${(door.address() as AddressInfo).port}/${database.name}`
})
afterAll(async () => {
  door.close()
  await database.drop()
  rmSync(empty, { recursive: true, force: true })
})

/** Runs a module in a process of its own, in an empty folder, with this environment and no other. */
async function runModule(text: string, env: Record<string, string | undefined> = {}) {
  const { PATH, HOME } = process.env
  const code = `import * as wfstore from ${JSON.stringify(library)}\n${text}`
  const options = { cwd: empty, env: { PATH, HOME, ...env } }
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], options)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [status] = await once(child, 'close')
  return { status, stdout, stderr }
}

const SHOW = `console.log((await wfstore.workflowStore.getStats('user_123')).totalExecutions)`

it('importing wfstore connects to nothing and keeps no process alive', async () => {
  const before = visits.length
  const ended = await runModule('console.log(Object.keys(wfstore).sort().join())', {
    WFSTORE_DATABASE_URL: url,
  })
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  expect(ended.stdout.trim().split(',')).toEqual(
    expect.arrayContaining(['WfstoreError', 'openStore', 'workflowStore']),
  )
  expect(visits.length).toBe(before)
})

it('workflowStore reads the environment when it is first used, and lets the process end', async () => {
  const other = 'postgresql://wfstore@127.0.0.1:1/none'
  for (const env of [
    { WFSTORE_DATABASE_URL: url, DATABASE_URL: other },
    { DATABASE_URL: database.url, PGHOST: '127.0.0.1', PGPORT: '1' },
    {
      PGHOST: new URL(url).hostname,
      PGPORT: new URL(url).port,
      PGUSER: user,
      PGDATABASE: database.name,
    },
  ])
    expect(await runModule(SHOW, env)).toEqual({ status: 0, stdout: '0\n', stderr: '' })
  const late = `process.env.DATABASE_URL = ${JSON.stringify(database.url)}\n${SHOW}`
  expect(await runModule(late)).toEqual({ status: 0, stdout: '0\n', stderr: '' })
})

it('workflowStore without a database is an error and creates none; it works once there is one', async () => {
  const text = `
    const { workflowStore } = wfstore
    console.log(await workflowStore.getStats().catch(({ name, code }) => name + ' ' + code))
    process.env.DATABASE_URL = ${JSON.stringify(database.url)}
    ${SHOW}`
  expect(await runModule(text)).toEqual({
    ...{ status: 0, stdout: 'WfstoreError no_database\n0\n', stderr: '' },
  })
})

it('openStore without a databaseUrl uses the database of the environment', async () => {
  const show = (options: string) =>
    `console.log((await wfstore.openStore(${options}).getStats()).totalExecutions)`
  for (const options of ['', '{}', '{ databaseUrl: process.env.ANY_URL }'])
    expect(await runModule(show(options), { DATABASE_URL: url })).toEqual({
      ...{ status: 0, stdout: '0\n', stderr: '' },
    })
})

it('without a databaseUrl and a database of the environment the first call says what to set', async () => {
  const text = `
    const store = wfstore.openStore({ databaseUrl: process.env.DATABASE_URL })
    await store.getStats().catch(({ code, message, hint }) => console.log([code, message, hint].join('\\n')))`
  const { stdout } = await runModule(text)
  expect(stdout.split('\n')).toEqual([
    'no_database',
    expect.stringMatching(/^databaseUrl is undefined, and no database is set, and there is no /),
    'set DATABASE_URL to a URL such as postgresql://user@host:5432/database',
    '',
  ])
})

it('a misspelt databaseUrl, or a pool that is undefined, does not select another database', () => {
  expect(() => openStore({ databaseURL: url } as never)).toThrow(
    expect.objectContaining({ code: 'usage', hint: 'use databaseUrl' }),
  )
  expect(() => openStore({ pool: undefined } as never)).toThrow('pool is not a Pool or a Client')
  expect(() => openStore({ pool: new pg.Pool(), databaseUrl: url } as never)).toThrow(
    'databaseUrl cannot be used with pool',
  )
})

it('close ends the connections of the store; used again, it opens new ones', async () => {
  const store = openStore({ databaseUrl: url })
  const before = visits.length
  for (let time = 1; time <= 2; time++) {
    await Promise.all([store.getStats(), store.getStats()])
    expect(visits.length).toBeGreaterThan(before + time - 1)
    await store.close()
    // Hangs where a connection stays open.
    await Promise.all(visits)
  }
  await store.close()
})

it('schema selects the schema of the tables; on a pool of the caller it is refused', async () => {
  // Citus sends the names of schemas to the workers without quotes.
  const name = citusUrl ? 'tenant' : 'Tenant one'
  await migrate(database, { schema: name })
  const [tenant, usual] = [name, undefined].map((schema) =>
    openStore({ databaseUrl: database.url, schema }),
  ) as [ReturnType<typeof openStore>, ReturnType<typeof openStore>]
  const { executionId } = await tenant.executions.create(RUN)
  expect((await tenant.executions.list()).rows).toHaveLength(1)
  await expect(usual.executions.get(executionId)).rejects.toMatchObject({ code: 'not_found' })
  await tenant.close()
  await usual.close()
  const pool = new pg.Pool()
  expect(() => openStore({ pool, schema: name } as never)).toThrow(
    'schema cannot be used with pool',
  )
})

it('PGSSLMODE of the process is in force if the URL has no sslmode', async () => {
  vi.stubEnv('PGSSLMODE', 'require')
  const store = openStore({ databaseUrl: url })
  await expect(store.getStats()).rejects.toMatchObject({ code: 'unreachable' })
  await store.close()
  vi.unstubAllEnvs()
})

it('sslmode=prefer continues without encryption if the server has none, as psql does', async () => {
  const store = openStore({ databaseUrl: `${url}?sslmode=prefer` })
  const asked = Array.from({ length: 5 }, () => store.getStats())
  expect((await Promise.all(asked)).map(({ totalTokens }) => totalTokens)).toEqual([0, 0, 0, 0, 0])
  await store.close()
  const strict = openStore({ databaseUrl: `${url}?sslmode=require` })
  await expect(strict.getStats()).rejects.toMatchObject({
    message: expect.stringContaining('does not support TLS'),
  })
})

it('an invalid URL is refused at once, and a missing server at first use, without the password', async () => {
  expect(() => openStore({ databaseUrl: 'mysql://x' })).toThrow(
    'databaseUrl is not a PostgreSQL URL',
  )
  const store = openStore({ databaseUrl: 'postgresql://u:secret-password@127.0.0.1:1/d' })
  for (const ask of [() => store.getStats(), () => store.executions.delete(RUN_ID)]) {
    const error = await ask().catch((reason) => reason)
    expect(error).toMatchObject({ name: 'WfstoreError', code: 'unreachable' })
    expect(error.message).toContain('u@127.0.0.1:1/d')
    expect(JSON.stringify([error, error.message, error.hint, error.stack])).not.toContain('secret')
  }
})

const RUN_ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'

it('connections that the server ends while idle are replaced', async () => {
  const idle = new URL(database.url)
  idle.searchParams.set('application_name', 'idle')
  const store = openStore({ databaseUrl: idle.href })
  await store.getStats()
  await database.sql(
    `select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name = 'idle'`,
  )
  await expect(store.executions.create(RUN)).resolves.toMatchObject(RUN)
  await database.sql('delete from workflow_executions')
  await store.close()
})

it('nothing is written to a schema that is behind', async () => {
  const behind = await createMigrated('behind')
  await behind.sql(
    'delete from wfstore_migrations where id = (select max(id) from wfstore_migrations)',
  )
  const store = openStore({ databaseUrl: behind.url })
  const refused = { code: 'schema_behind' }
  await expect(store.executions.create(RUN)).rejects.toMatchObject(refused)
  await expect(store.startExecution(RUN)).rejects.toMatchObject(refused)
  await expect(store.getStats()).rejects.toMatchObject(refused)
  expect(await behind.sql('select 1 from workflow_executions')).toEqual([])
  await store.close()
  await behind.drop()
})

it('the tables return what the recorder has recorded', async () => {
  const store = openStore({ databaseUrl: database.url })
  const run = await store.startExecution({ ...RUN, userId: 'recorded' })
  const step = await run.startStep({ stepNumber: 1, stepName: 's' })
  await step.finish({
    status: 'success',
    tokens: { input: 60, output: 40 },
    cost: '10000.0000000001',
  })
  await run.finish({ status: 'success' })
  const { executionId } = run
  const cost = '10000.0000000001'
  expect(await store.executions.get(executionId)).toMatchObject({
    ...{ status: 'success', totalCost: cost, totalTokens: 100 },
    steps: [
      { stepId: step.stepId, cost, tokensInput: 60, tokensOutput: 40, tokensCacheRead: null },
    ],
  })
  expect((await store.billing.list({ executionId })).rows).toMatchObject([{ cost, paid: false }])
  expect(
    (await store.audit.list({ executionId })).rows.map(({ actionType }) => actionType),
  ).toEqual(['workflow_end', 'step_end', 'step_start', 'workflow_start'])
  expect(await store.getStats('recorded')).toMatchObject({
    ...{ totalExecutions: 1, successfulExecutions: 1, totalAuditLogs: 4, totalTokens: 100 },
    totalCostExact: cost,
  })
  await store.close()
})
