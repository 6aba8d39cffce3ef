import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createHandler, openStore } from '../../../src/index.ts'
import { createDatabase, openPool, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
beforeEach(async () => {
  database = await createDatabase('old_mounted')
  pool = openPool({ connectionString: database.url, max: 3 })
})
afterEach(async () => {
  await pool.end()
  await database.drop()
})

it('an application mounts the routes for its own users, and its Pool stays as it was', async () => {
  // The settings of plpgsql appear when it is loaded.
  const settings = () =>
    pool.query("select name, setting from pg_settings where name not like '%.%' order by name")
  const before = await settings()
  const handler = createHandler({
    store: openStore({ pool }),
    // It decides about pages and the API only.
    authorize: () => undefined,
    userOf: (request) => {
      const user = request.headers.get('cookie')
      return user === null ? undefined : { userId: user, isAdmin: user === 'root' }
    },
  })
  const ask = (path: string, cookie: string, init = {}) =>
    handler(new Request(`http://app.example${path}`, { ...init, headers: { cookie } }))
  expect((await ask('/api/setup/workflow-tables', 'ana')).status).toBe(403)
  expect((await ask('/api/setup/workflow-tables', 'root')).status).toBe(200)
  await pool.query(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', 'ana', 'Sales', 'gpt-4o')`,
  )
  const count = async (user: string) => {
    const answer = await ask('/api/workflow?type=executions', user)
    return ((await answer.json()) as { count: number }).count
  }
  expect([await count('ana'), await count('root')]).toEqual([1, 0])
  const body = JSON.stringify({ action: 'cleanup', daysToKeep: 90 })
  expect((await ask('/api/workflow', 'root', { method: 'POST', body })).status).toBe(200)
  expect((await ask('/api/v1/executions', 'root')).status).toBe(401)
  expect((await settings()).rows).toEqual(before.rows)
})
