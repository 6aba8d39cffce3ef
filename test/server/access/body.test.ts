// Bodies as node:http and the adapter of hono give them to the routes.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp } from '../../../src/server/app.ts'
import { front } from '../../../src/server/front.ts'
import { type Listening, listen } from '../../../src/server/listen.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { type Tried, tried } from '../api/support.ts'
import { json, post, raw, until } from '../serving.ts'

let database: TestDatabase
let routes: Tried
let server: Listening
let url: string
beforeAll(async () => {
  database = await createMigrated('server_body')
  const authenticate = async ({ headers }: Request) =>
    headers.has('authorization') ? ({ name: 'on-call', can: 'write' } as const) : 'none'
  routes = tried(database, { access: { authenticate } })
  const { fetch } = createApp(routes.site)
  const { onError } = routes.site
  server = await listen(front({ fetch, onError }), { host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${server.port}`
})
afterAll(async () => {
  await server.close()
  await routes.close()
  await database.drop()
})

const path = '/api/v1/executions/fail'
const HEADERS = { authorization: 'Bearer wfs_', 'content-type': 'application/json' }
const send = (body: string, chunked: boolean, headers: Record<string, string> = HEADERS) =>
  post(url, { path, body, chunked, headers })

it('a body in chunks is the same as one whose length is announced', async () => {
  for (const chunked of [false, true]) {
    const found = await send('{"older-than":"1h","dry-run":true,"user":"jürgen"}', chunked)
    expect([found.status, json(found)]).toEqual([200, []])
    const unknown = await send('{"none":1}', chunked)
    expect([unknown.status, json(unknown).error.code]).toEqual([400, 'usage'])
  }
  expect(routes.errors).toEqual([])
})

it('a POST without a body is answered, as curl -X POST sends it', async () => {
  const authorized = 'Authorization: Bearer wfs_\r\nContent-Type: application/json\r\n'
  for (const [headers, status] of [
    ['', 401],
    [authorized, 400],
  ] as const) {
    const socket = await raw(
      server.port,
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`,
    )
    expect(await until(socket, '}}')).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    socket.destroy()
  }
  expect(routes.errors).toEqual([])
})

it('413: a body of more than 1 MiB', async () => {
  const large = JSON.stringify({ reason: 'x'.repeat(1024 * 1024) })
  for (const chunked of [false, true]) {
    const answer = await send(large, chunked)
    expect([answer.status, json(answer).error.message]).toEqual([
      413,
      'the body is larger than 1.0 MB',
    ])
  }
})

it('nothing of a body is read for a client without a token', async () => {
  const socket = await raw(
    server.port,
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  )
  expect(await until(socket, '}}')).toMatch(/^HTTP\/1.1 401 /)
  socket.destroy()
})
