// Traces over HTTP into a real database that fails in every way a database does.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_MAPPING } from '../../src/record/otel/mapping.ts'
import { receive } from '../../src/record/otel/store/receive.ts'
import { ownAccess } from '../../src/store/access.ts'
import { endSessions, openPool, type TestDatabase } from '../support/database.ts'
import { type Hooks, startProxy } from '../support/failpoint.ts'
import { createMigrated } from '../support/migrated.ts'
import { PROTOBUF_TYPE, post, type Reply, serve } from './serving.ts'

const body = readFileSync(join(import.meta.dirname, '../fixtures/otlp/ai7-anthropic.pb'))
const SPANS = 6

let database: TestDatabase
const ends: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  database = await createMigrated('otlp')
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  await database.drop()
})

/** A server over the database. @returns a function that sends the traces */
async function serving(url: string, settings: pg.PoolConfig = {}): Promise<() => Promise<Reply>> {
  const pool = openPool({ connectionString: url, ...settings })
  const { inTransaction } = ownAccess(pool)
  const server = await serve({
    ingest: async (spans) => (await receive(inTransaction, spans, DEFAULT_MAPPING)).rejected,
  })
  ends.push(() => pool.end(), server.close)
  return () => post(server.url, { headers: PROTOBUF_TYPE, body })
}
async function through(hooks: Hooks): Promise<() => Promise<Reply>> {
  const proxy = await startProxy(database.url, hooks)
  ends.push(proxy.close)
  return serving(proxy.url)
}
const kept = async () => (await database.sql('select 1 from wfstore_spans')).length

it('the spans are in the database when the client gets 200, once if they come again', async () => {
  const send = await serving(database.url)
  for (let times = 0; times < 2; times++) {
    expect((await send()).status).toBe(200)
    expect(await kept()).toBe(SPANS)
  }
})

it('if the connection to the database breaks at any statement, the client gets 503 or 200, and 200 only with the spans', async () => {
  const statements: string[] = []
  const send = await through({
    before: async ({ text }) => {
      statements.push(text)
      return undefined
    },
  })
  expect((await send()).status).toBe(200)
  expect(statements.at(-1)).toBe('commit')
  for (const side of ['before', 'after'] as const) {
    for (const number of statements.keys()) {
      await database.sql('truncate wfstore_spans, wfstore_traces')
      const cut = async (statement: { number: number }) =>
        statement.number === number + 1 ? ('cut' as const) : undefined
      const broken = await through({ [side]: cut })
      const { status, headers } = await broken()
      if (status !== 200) expect([status, headers['retry-after']]).toEqual([503, '5'])
      expect(await kept()).toBe(
        status === 200 || (side === 'after' && number === statements.length - 1) ? SPANS : 0,
      )
      expect((await broken()).status).toBe(200)
      expect(await kept()).toBe(SPANS)
    }
  }
})

it.each([
  ['the database is unreachable', async () => serving('postgresql://127.0.0.1:1/none')],
  [
    'the database has no wfstore schema',
    async () => serving(database.url, { options: '-c search_path=elsewhere' }),
  ],
  [
    'the database does not exist',
    async () => serving(database.url.replace(database.name, 'secret_name')),
  ],
  [
    'the database refuses the connection',
    async () => {
      const url = new URL(database.url)
      url.username = 'secret_user'
      return serving(url.href)
    },
  ],
  [
    'the database has refused the write',
    async () => {
      await database.sql('alter table wfstore_spans add constraint secret check (span_id is null)')
      return serving(database.url)
    },
  ],
])('503: %s', async (message, start) => {
  const send = await start()
  const reply = await send()
  expect([reply.status, reply.headers['retry-after']]).toEqual([503, '5'])
  expect(reply.body.toString()).toContain(message)
})

it('after the database was restarted, the next request is accepted', async () => {
  const send = await serving(database.url)
  expect((await send()).status).toBe(200)
  await endSessions(database)
  const first = await send()
  expect([200, 503]).toContain(first.status)
  expect((await send()).status).toBe(200)
})
