import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { NONE_REJECTED } from '../../src/record/otel/decode/rejected.ts'
import type { Rejected } from '../../src/record/otel/options.ts'
import { listen } from '../../src/server/listen.ts'
import {
  JSON_TYPE,
  json,
  oneConnection,
  post,
  raw,
  serve,
  startedServers,
  until,
} from './serving.ts'

const request = (name = 'chat') =>
  JSON.stringify({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: 'ea8d940e1334b410ab0fdea55c8f21c9',
                spanId: '39ff616c3a7d3584',
                name,
                startTimeUnixNano: '1795797986903000000',
                endTimeUnixNano: '1795797987112165622',
              },
            ],
          },
        ],
      },
    ],
  })
const head = (length: number) =>
  `POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

const started = startedServers()

/** A store whose commits wait until they are released. */
function held() {
  const waiting: (() => void)[] = []
  let arrived = () => {}
  return {
    ingest: (): Promise<Rejected> =>
      new Promise((resolve) => {
        waiting.push(() => resolve(NONE_REJECTED))
        arrived()
      }),
    /** Until this number of requests is in the store. */
    holds: async (count: number) => {
      while (waiting.length < count) await new Promise<void>((resolve) => (arrived = resolve))
    },
    release: () => {
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}

it('429 with Retry-After for a request more than the queue takes; those in it are answered, and then the next', async () => {
  const store = held()
  const { url, errors } = await started({
    ingest: store.ingest,
    queue: { requests: 2, bytes: 1e6 },
  })
  const first = [post(url, { body: request() }), post(url, { body: request() })]
  await store.holds(2)
  const reply = await post(url, { body: request() })
  expect([reply.status, reply.headers['retry-after'], json(reply).code]).toEqual([429, '1', 8])
  store.release()
  for (const { status } of await Promise.all(first)) expect(status).toBe(200)
  const next = post(url, { body: request() })
  await store.holds(1)
  store.release()
  expect([(await next).status, errors]).toEqual([200, []])
})

it('429 for more bytes than the queue takes: announced, in chunks and after decompression', async () => {
  const store = held()
  const { url } = await started({ ingest: store.ingest, queue: { requests: 10, bytes: 10_000 } })
  const first = post(url, { body: request('x'.repeat(6000)) })
  await store.holds(1)
  const large = request('y'.repeat(5000))
  const agent = oneConnection()
  const sent = [
    { body: large, agent },
    { body: large, chunked: true },
    { body: gzipSync(large), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, agent },
  ]
  for (const one of sent) expect((await post(url, one)).status).toBe(429)
  const small = post(url, { body: request(), agent })
  await store.holds(2)
  store.release()
  expect([(await first).status, (await small).status]).toEqual([200, 200])
  const again = post(url, { body: large })
  await store.holds(1)
  store.release()
  expect((await again).status).toBe(200)
  agent.destroy()
})

it('a client that leaves in the middle of a body frees its place', async () => {
  const { port, url, errors, spans } = await started({ queue: { requests: 1, bytes: 1e6 } })
  const leaving = await raw(port, `${head(1000)}{`)
  // Its place is taken as soon as the body begins: until then the next request is accepted.
  let status = 200
  while (status !== 429) status = (await post(url, { body: '{}' })).status
  leaving.destroy()
  while (status === 429) status = (await post(url, { body: '{}' })).status
  expect([status, errors, spans]).toEqual([200, [], []])
})

it('a client that is too slow gets 408: for its headers, and for its body', async () => {
  const { port } = await started({}, { request: 20, check: 10 })
  for (const part of ['POST /v1/traces HTTP/1.1\r\nHost', `${head(1000)}{`])
    expect(await until(await raw(port, part), 'never')).toMatch(/^HTTP\/1.1 408 /)
})

it('close answers what is in progress, takes nothing new, and closes connections without a request', async () => {
  const store = held()
  const { url, port, close } = await serve({ ingest: store.ingest })
  const idle = connect(port, '127.0.0.1')
  await once(idle, 'connect')
  const socket = await raw(port, head(request().length) + request() + head(2))
  await store.holds(1)
  const closed = close()
  socket.write('{}')
  store.release()
  const received = await until(socket, 'never')
  expect(received).toMatch(/^HTTP\/1.1 200 [\s\S]*Connection: close/)
  expect(received.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200'])
  await closed
  if (!idle.closed) await once(idle.resume(), 'close')
  await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED')
  expect(url).toContain(String(port))
})

it('close waits only a limited time for a client that does not complete its request', async () => {
  const { port, url, close } = await serve({ queue: { requests: 1, bytes: 1e6 } }, { close: 20 })
  const socket = await raw(port, `${head(1000)}{`)
  let status = 200
  while (status !== 429) status = (await post(url, { body: '{}' })).status
  await close()
  socket.destroy()
})

it('an address that cannot be used is an error that names it', async () => {
  const { port } = await started()
  const handler = async () => {}
  await expect(listen(handler, { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'failed',
    message: `127.0.0.1:${port} is used by another process`,
    hint: 'choose another address or port',
  })
  await expect(listen(handler, { host: '203.0.113.1', port: 0 })).rejects.toMatchObject({
    message: '203.0.113.1:0 is not an address of this machine',
  })
})
