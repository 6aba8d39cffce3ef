// Clients that leave before their answer: no fault of the server, and nothing stays behind.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp } from '../../src/server/app.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { type Tried, tried } from './api/support.ts'

let database: TestDatabase
let routes: Tried
let fetch: ReturnType<typeof createApp>['fetch']
beforeAll(async () => {
  database = await createMigrated('server_leaving')
  routes = tried(database, { userOf: () => ({ userId: 'user_1' }) })
  fetch = createApp(routes.site).fetch
})
afterAll(async () => {
  await routes.close()
  await database.drop()
})

it.each([
  ...['/', '/executions', '/executions/latest', '/errors', '/cost', '/bills', '/report'],
  ...['/csv/executions', '/api/v1/executions', '/api/v1/report', '/api/workflow?type=executions'],
])('a client that leaves is no error of the server: %s', async (path) => {
  const client = await database.connect()
  await client.query('begin; lock table workflow_executions, billing_records')
  const leaving = new AbortController()
  const asked = new Request(`http://localhost${path}`, { signal: leaving.signal })
  const answer = fetch(asked)
  const isWaiting = async () =>
    (await database.sql('select from pg_locks where not granted')).length > 0
  while (!(await isWaiting()));
  leaving.abort()
  await answer
  // The statement is cancelled, although its lock is still held.
  while (await isWaiting());
  await client.end()
  expect(routes.errors.splice(0)).toEqual([])
  expect(routes.site.database.load()).toEqual({ running: 0, waiting: 0 })
})
