import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createHandler, openStore } from '../../../../src/index.ts'
import { runCli } from '../../../support/cli.ts'
import { createReplication, type Replication } from '../../../support/standby.ts'
import { startedServes } from './serving.ts'

const serve = startedServes()
let servers: Replication
beforeAll(async () => {
  servers = await createReplication('serve', async (server) => {
    await runCli(['migrate', 'up', '--database-url', server.url()])
  })
  await addRun()
  await servers.caughtUp()
})
afterAll(() => servers?.drop())

const addRun = async () => {
  const [row] = await servers.primary.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', 'u', 'm', 'x') returning execution_id`,
  )
  return row?.execution_id as string
}
const start = (...words: string[]) =>
  serve({ url: servers.primary.url() }, ['--reports-url', servers.standby.url(), ...words])
const noteOf = (response: Response) =>
  decodeURIComponent(response.headers.get('wfstore-note') ?? '')

it('reports are read from the replica, and say how far it is behind', async () => {
  const server = await start()
  const answer = await server.get('/api/v1/executions')
  expect(await answer.json()).toHaveLength(1)
  expect(noteOf(answer)).toMatch(/^read from the replica \S+, \d+ s behind$/)
  const page = await (await server.get('/executions')).text()
  expect(page).toMatch(/<p>Read from the replica \S+, \d+ s behind<\/p>/)
  expect(await (await server.get('/readyz')).json()).toEqual({
    status: 'ok',
    reports: { from: 'replica', lagSeconds: expect.any(Number) },
  })
  expect((await server.get('/metrics')).status).toBe(200)
  // What was just set must be shown.
  expect(noteOf(await server.get('/api/v1/settings'))).toBe('')
})

it('the checks of the API and of the page Health have the replica', async () => {
  const server = await start()
  expect(await (await server.get('/api/v1/doctor')).json()).toContainEqual({
    ...{ check: 'replica', state: 'ok', fix: null },
    finding: expect.stringMatching(/^the replica \S+ answers reports, \d+ s behind$/),
    details: expect.objectContaining({ isOfThisDatabase: true }),
  })
  expect(await (await server.get('/health')).text()).toMatch(/answers reports, \d+ s behind/)
})

it('tokens, actions and settings use the primary although the replica is behind', async () => {
  const server = await start('--max-lag', 'any', '--allow-writes')
  await servers.standby.sql('select pg_wal_replay_pause()')
  try {
    const id = await addRun()
    const created = await runCli([
      'token',
      'create',
      '--name',
      't',
      '--can',
      'write',
      '--database-url',
      servers.primary.url(),
    ])
    const token = created.stdout
      .trim()
      .split(/\s/)
      .find((word) => word.startsWith('wfs_'))
    const headers = {
      ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      'idempotency-key': randomUUID(),
    }
    const body = JSON.stringify({ reason: 'r' })
    const cancelled = await server.get(`/api/v1/executions/${id}/cancel`, headers, {
      method: 'POST',
      body,
    })
    expect([cancelled.status, noteOf(cancelled)]).toEqual([200, ''])
    expect(await (await server.get('/api/v1/executions')).json()).toHaveLength(1)
    // What the replica does not have yet is asked of the primary.
    const shown = await server.get(`/api/v1/executions/${id}`)
    expect([shown.status, noteOf(shown)]).toEqual([200, expect.stringMatching(/does not have it$/)])
  } finally {
    await servers.standby.sql('select pg_wal_replay_resume()')
  }
  await servers.caughtUp()
  expect(await (await server.get('/api/v1/executions')).json()).toHaveLength(2)
})

it('an answer that is streamed says it too', async () => {
  await servers.primary.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id)
     select repeat('w', 2000), 'long', 'm', 'x' from generate_series(1, 800)`,
  )
  await servers.caughtUp()
  const answer = await (await start()).get('/api/v1/executions?user=long&limit=all')
  expect([answer.headers.get('etag'), noteOf(answer)]).toEqual([
    null,
    expect.stringMatching(/^read from the replica /),
  ])
  expect(await answer.json()).toHaveLength(800)
})

it('createHandler reads from the replica of its store', async () => {
  const urls = { databaseUrl: servers.primary.url(), reportsUrl: servers.standby.url() }
  const store = openStore(urls)
  const handler = createHandler({ store, authorize: () => ({ name: 'maria', can: 'read' }) })
  const answer = await handler(new Request('http://localhost/api/v1/stats'))
  expect([answer.status, noteOf(answer)]).toEqual([
    200,
    expect.stringMatching(/^read from the replica \S+, \d+ s behind$/),
  ])
  await store.close()
})

it('the primary answers when the replica is gone, also for requests after its end', async () => {
  const server = await start()
  expect(noteOf(await server.get('/api/v1/stats'))).toMatch(/^read from the replica/)
  await servers.standby.kill()
  const answers = [await server.get('/api/v1/stats'), await server.get('/api/v1/stats')]
  for (const answer of answers)
    expect([answer.status, noteOf(answer)]).toEqual([
      200,
      expect.stringMatching(/^read from the primary: the replica /),
    ])
  expect(await (await server.get('/readyz')).json()).toEqual({
    status: 'ok',
    reports: { from: 'primary' },
  })
  await servers.standby.start()
})
