import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp } from '../../../src/server/app.ts'
import { type Listening, listen } from '../../../src/server/listen.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { type Tried, tried } from './support.ts'

const RUNS = 40_000
let database: TestDatabase
let api: Tried
let server: Listening

beforeAll(async () => {
  database = await createMigrated('api_stream')
  await database.sql(
    `insert into workflow_executions (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time)
     select gen_random_uuid(), 'u', 'w', 'm', 'gpt', 'success', timestamptz '2026-01-01Z' + n * interval '1 minute',
       timestamptz '2026-01-01Z' + n * interval '1 minute' from generate_series(1, $1::int) n`,
    [RUNS],
  )
  api = tried(database)
  const answer = getRequestListener(createApp(api.site).fetch, { overrideGlobalObjects: false })
  server = await listen((incoming, outgoing) => answer(incoming, outgoing), {
    host: '127.0.0.1',
    port: 0,
  })
})
afterAll(async () => {
  await server.close()
  await api.close()
  await database.drop()
})

async function ask(path: string): Promise<IncomingMessage> {
  const asked = request(`http://127.0.0.1:${server.port}/api/v1${path}`, { agent: false })
  asked.end()
  const [response] = await once(asked, 'response')
  return response
}

const sessions = (where: string) =>
  database.sql(
    `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and ${where}`,
  )

/** Waits until a condition holds: each query is a round trip. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate)
}

it('a list without a limit is streamed whole, while the client reads', async () => {
  const response = await ask('/executions?output=jsonl')
  expect(response.statusCode).toBe(200)
  expect(response.headers).toMatchObject({ 'transfer-encoding': 'chunked' })
  expect(response.headers).not.toHaveProperty('etag')
  let lines = 0
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    for (const byte of chunk) if (byte === 10) lines++
  }
  expect(lines).toBe(RUNS)
  expect(bytes).toBeGreaterThan(15_000_000)
})

it('a client that does not read holds a small part of the answer', async () => {
  const response = await ask('/executions?output=jsonl')
  response.pause()
  // The command waits: its transaction is idle between two fetches.
  await until(async () => (await sessions(`state = 'idle in transaction'`)).length === 1)
  const [before] = await database.sql('select 1 as one')
  expect(before).toEqual({ one: 1 })
  // The sockets hold a part; most rows are still in the database.
  expect(response.readableLength).toBeLessThan(1_000_000)
  response.destroy()
  await until(async () => (await sessions(`state <> 'idle'`)).length === 0)
  expect(api.errors).toEqual([])
})

it('an error after the first byte breaks the connection: a part never looks like the whole', async () => {
  const response = await ask('/executions?output=jsonl')
  response.pause()
  // Until its client is slow the session is active from time to time.
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`
  await until(async () => (await database.sql(end)).length === 1)
  let text = ''
  response.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  response.on('error', () => {})
  response.resume()
  await new Promise((resolve) => response.once('close', resolve))
  expect(response.complete).toBe(false)
  expect(text.split('\n').length).toBeLessThan(RUNS)
  expect(text).not.toContain('Error')
  expect(api.errors).toHaveLength(1)
  api.errors.length = 0
})

it.each(['/api/v1/executions', '/csv/executions'])(
  'HEAD of a list without a limit leaves no query behind: %s',
  async (path) => {
    const asked = request(`http://127.0.0.1:${server.port}${path}?limit=all`, {
      ...{ method: 'HEAD', agent: false },
    })
    asked.end()
    const [response] = await once(asked, 'response')
    response.resume()
    expect(response.statusCode).toBe(200)
    await until(async () => (await sessions(`state <> 'idle'`)).length === 0)
    expect(api.errors).toEqual([])
  },
)
