import { afterEach, beforeEach, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import { collectorLines } from '../../../support/collector.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { startedServes } from './serving.ts'

const startServe = startedServes()
let database: TestDatabase
beforeEach(async () => {
  database = await createMigrated('serve_ingest')
})
afterEach(() => database.drop())

const body = collectorLines('ai7-sub').trimEnd().split('\n')[0] as string
const traces = (given: { url: string }, headers: Record<string, string> = {}) =>
  fetch(`${given.url}/v1/traces`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
const token = async (name: string, can: string) => {
  const words = ['token', 'create', '--name', name, '--can', can, '--database-url', database.url]
  return { authorization: `Bearer ${(await runCli(words)).stdout.trim()}` }
}
const kept = async () => (await database.sql('select 1 from wfstore_spans')).length

it('traces are taken only with --ingest, and become runs', async () => {
  expect((await traces(await startServe(database))).status).toBe(404)
  const server = await startServe(database, ['--ingest'])
  expect((await traces(server)).status).toBe(200)
  expect(await kept()).toBeGreaterThan(0)
  while ((await database.sql('select from workflow_executions')).length === 0);
  const { status } = await server.get('/api/v1/executions')
  expect(status).toBe(200)
  expect((await server.end()).stderr).toContain(`taking traces at ${server.url}/v1/traces\n`)
})

it('below a base path they are taken below it', async () => {
  const server = await startServe(database, ['--ingest', '--base-path', '/wf'])
  expect((await traces(server)).status).toBe(200)
  expect((await traces({ url: new URL(server.url).origin })).status).toBe(404)
  expect((await server.end()).stderr).toContain(`taking traces at ${server.url}/v1/traces\n`)
})

it('what a proxy passes on needs a token, also on a loopback address', async () => {
  const server = await startServe(database, ['--ingest'])
  for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip'])
    expect((await traces(server, { [header]: '203.0.113.9' })).status).toBe(401)
  expect(await kept()).toBe(0)
})

it('where a token is needed, it must be one that may write', async () => {
  const read = await token('reads', 'read')
  const server = await startServe(database, ['--ingest', '--behind-proxy'])
  const none = await traces(server)
  expect([none.status, none.headers.get('www-authenticate')]).toEqual([
    401,
    'Bearer realm="wfstore"',
  ])
  expect((await traces(server, { authorization: 'Bearer wfs_no' })).status).toBe(401)
  expect((await traces(server, read)).status).toBe(403)
  expect(await kept()).toBe(0)
  expect((await traces(server, await token('writes', 'write'))).status).toBe(200)
  expect(await kept()).toBeGreaterThan(0)
})

it('a wrong token is refused on every address, and a page of another site before its body is read', async () => {
  const server = await startServe(database, ['--ingest'])
  expect((await traces(server, { authorization: 'Bearer wfs_no' })).status).toBe(401)
  expect((await traces(server, { 'content-type': 'text/plain' })).status).toBe(415)
  const preflight = await fetch(`${server.url}/v1/traces`, { method: 'OPTIONS' })
  expect(preflight.status).toBe(405)
  expect(await kept()).toBe(0)
})
