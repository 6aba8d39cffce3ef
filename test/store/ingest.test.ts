import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { executionIdOf, openStore, type Store } from '../../src/index.ts'
import type { TestDatabase } from '../support/database.ts'
import { openPool } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

const fixtures = join(import.meta.dirname, '../fixtures/otlp')
const protobuf = readFileSync(join(fixtures, 'ai7-anthropic.pb'))
const request = JSON.parse(readFileSync(join(fixtures, 'ai7-anthropic.json'), 'utf8')).requests[0]
  .body
const executionId = executionIdOf('ea8d940e1334b410ab0fdea55c8f21c9')
const ALL = { accepted: 6, rejected: { count: 0, reasons: {} } }

let database: TestDatabase
let store: Store
beforeEach(async () => {
  database = await createMigrated('ingest')
  store = openStore({ databaseUrl: database.url })
})
afterEach(async () => {
  await store.close()
  await database.drop()
})

const tokens = async () => (await store.executions.get(executionId)).totalTokens

it('a request as an object, as JSON and as protobuf is the same run, counted once', async () => {
  expect(await store.ingest(request)).toEqual(ALL)
  expect(await store.traces.settle({ quietMs: 0 })).toMatchObject({
    traces: 1,
    ended: 1,
    failed: 0,
  })
  const first = await store.executions.get(executionId)
  expect(first.steps.map(({ result }) => result)).toEqual([null, null, null])
  expect(first).toMatchObject({
    status: 'success',
    workflowName: 'weather-agent',
    userId: 'unknown',
  })
  expect(await store.ingest(Buffer.from(JSON.stringify(request)))).toEqual(ALL)
  expect(await store.ingest(new Uint8Array(protobuf), { encoding: 'protobuf' })).toEqual(ALL)
  await store.traces.settle({ quietMs: 0 })
  expect(await store.executions.get(executionId)).toEqual(first)
  expect(await store.ingest({})).toEqual({ ...ALL, accepted: 0 })
})

it('refused spans are counted with their reasons, and the others are kept', async () => {
  const mixed = structuredClone(request)
  const [group] = mixed.resourceSpans[0].scopeSpans
  group.spans.push({ ...group.spans[0], traceId: '' }, 7)
  expect(await store.ingest(mixed)).toEqual({
    accepted: 6,
    rejected: {
      count: 2,
      reasons: { 'the trace id is not of 16 bytes': 1, 'a field has a wrong type': 1 },
    },
  })
})

it('attributes of the application name the user and the tags, and content is kept if it is wanted', async () => {
  await store.ingest(request, {
    user: ['service.version'],
    tags: { environment: ['deployment.environment.name'] },
    content: { limit: 20 },
  })
  await store.traces.settle({ quietMs: 0, defaultMode: 'batch' })
  const run = await store.executions.get(executionId)
  expect(run).toMatchObject({ userId: '1.2.3', tags: { environment: 'staging' } })
  expect(run.steps.map(({ result }) => result)).toContain('[{"role":"assistant"')
})

it('a run waits for its quiet time, and what is wrong with it is listed', async () => {
  await store.ingest(request)
  expect(await store.traces.settle({ quietMs: 3_600_000 })).toMatchObject({ ended: 0 })
  await store.traces.settle({ quietMs: 0 })
  const { rows } = await store.traces.check({ finding: 'no_price' })
  expect(rows).toMatchObject([{ finding: 'no_price', executionId, workflowName: 'weather-agent' }])
  expect((await store.traces.check({ finding: 'no_root' })).rows).toEqual([])
})

it('a pool of the application is enough', async () => {
  const pool = openPool({ connectionString: database.url })
  const own = openStore({ pool })
  expect(await own.ingest(request)).toEqual(ALL)
  expect(await own.traces.settle({ quietMs: 0 })).toMatchObject({ ended: 1 })
  await own.close()
  await pool.end()
  expect(await tokens()).toBeGreaterThan(0)
})

it('an invalid request and an unknown option are refused, and nothing is kept', async () => {
  const wrong: [object, object?][] = [
    [[]],
    [{ resourceSpans: 'secret' }],
    [Buffer.from('{"secret')],
    [protobuf],
    [Buffer.from('secret'), { encoding: 'protobuf' }],
    [request, { encoding: 'xml' }],
    [request, { users: ['a'] }],
    [request, { content: { most: 1 } }],
    [request, { user: 'user.id' }],
  ]
  for (const [body, options] of wrong) {
    const error = await store.ingest(body, options).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'usage' })
    expect(error.message).not.toContain('secret')
  }
  expect(await database.sql('select 1 from wfstore_traces')).toEqual([])
})
