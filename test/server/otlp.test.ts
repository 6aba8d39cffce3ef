import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { WfstoreError } from '../../src/error.ts'
import { readMessage } from '../../src/record/otel/decode/protobuf.ts'
import { NONE_REJECTED } from '../../src/record/otel/decode/rejected.ts'
import {
  JSON_TYPE,
  json,
  oneConnection,
  PROTOBUF_TYPE,
  post,
  raw,
  startedServers,
  until,
} from './serving.ts'

const fixtures = join(import.meta.dirname, '../fixtures/otlp')
const protobuf = readFileSync(join(fixtures, 'ai7-anthropic.pb'))
const gzipped = readFileSync(join(fixtures, 'ai7-dup.pb.gz'))
const capture = JSON.parse(readFileSync(join(fixtures, 'ai7-anthropic.json'), 'utf8'))
const body = JSON.stringify(capture.requests[0].body)
const SPANS = 6

const started = startedServers()

it('traces in protobuf and JSON, compressed or not, in one piece or in chunks, are ingested', async () => {
  const { url, spans } = await started()
  const gzip = { 'content-encoding': 'gzip' }
  const sent = [
    { headers: PROTOBUF_TYPE, body: protobuf },
    { headers: PROTOBUF_TYPE, body: protobuf, chunked: true },
    { headers: { ...PROTOBUF_TYPE, ...gzip }, body: gzipSync(protobuf) },
    { headers: { ...PROTOBUF_TYPE, 'content-encoding': 'identity' }, body: protobuf },
    { headers: JSON_TYPE, body },
    { headers: { 'content-type': 'application/json; charset="UTF-8"' }, body },
    { headers: { ...JSON_TYPE, ...gzip }, body: gzipSync(body), chunked: true },
  ]
  const first = new Set<string>()
  for (const one of sent) {
    const reply = await post(url, one)
    const type = one.headers['content-type'].split(';')[0]
    expect([reply.status, reply.headers['content-type']]).toEqual([200, type])
    expect(reply.body.toString()).toBe(type === 'application/json' ? '{}' : '')
    expect(spans).toHaveLength(SPANS)
    first.add(JSON.stringify(spans.splice(0)))
  }
  expect(first.size).toBe(1)
  expect(await post(url, { headers: { ...PROTOBUF_TYPE, ...gzip }, body: gzipped })).toMatchObject({
    status: 200,
  })
})

it('a request without spans is not given to the store', async () => {
  const { url } = await started({ ingest: () => Promise.reject(new Error('not to be called')) })
  expect(json(await post(url, { body: '{}' }))).toEqual({})
  expect((await post(url, { headers: PROTOBUF_TYPE })).status).toBe(200)
})

it('spans that the decoder or the store refuses are a partial success', async () => {
  const { url } = await started({
    ingest: async () => ({ count: 2, reasons: { 'a cleanup has removed the run': 2 } }),
  })
  const request = JSON.parse(body)
  request.resourceSpans[0].scopeSpans[0].spans[0].traceId = 'secret'
  const reply = await post(url, { body: JSON.stringify(request) })
  expect(reply.status).toBe(200)
  expect(json(reply)).toEqual({
    partialSuccess: {
      rejectedSpans: '3',
      errorMessage:
        '3 spans are refused: a cleanup has removed the run (2), the trace id is not of 16 bytes (1)',
    },
  })
  const inProtobuf = await post(url, { headers: PROTOBUF_TYPE, body: protobuf })
  expect(await readMessage(inProtobuf.body, 'Response')).toMatchObject({
    partialSuccess: { rejectedSpans: 2n },
  })
})

it('200 is sent after the spans are committed, not before', async () => {
  const events: string[] = []
  const ingest = async () => {
    await new Promise(setImmediate)
    events.push('committed')
    return NONE_REJECTED
  }
  const { url } = await started({ ingest })
  const reply = await post(url, { body })
  events.push(String(reply.status))
  expect(events).toEqual(['committed', '200'])
})

it.each([
  [404, 'unknown path', { path: '/' }],
  [404, 'unknown path', { path: '/v1/traces/secret' }],
  [405, 'another method', { method: 'GET' }],
  [405, 'another method', { method: 'PUT', path: '/v1/logs' }],
  [415, 'no content type', { headers: {} }],
  [415, 'another content type', { headers: { 'content-type': 'text/plain' } }],
  [415, 'another charset', { headers: { 'content-type': 'application/json; charset=latin1' } }],
  [415, 'another compression', { headers: { ...JSON_TYPE, 'content-encoding': 'br' } }],
  [400, 'JSON that is cut', { body: body.slice(0, -1) }],
  [400, 'JSON of something else', { body: '{"resourceSpans":"secret"}' }],
  [400, 'protobuf that is cut', { headers: PROTOBUF_TYPE, body: protobuf.subarray(0, -1) }],
  [
    400,
    'a body that is not gzip',
    { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: 'secret' },
  ],
] as const)('%i for %s, as a status in the encoding of the request', async (status, _, sent) => {
  const { url, spans, errors } = await started()
  const reply = await post(url, sent as object)
  const message =
    reply.headers['content-type'] === 'application/x-protobuf'
      ? await readMessage(reply.body, 'RpcStatus')
      : json(reply)
  expect(reply.status).toBe(status)
  expect(message).toEqual({ code: expect.any(Number), message: expect.stringMatching(/^[a-z]/) })
  expect(JSON.stringify(message)).not.toMatch(/secret|claude/)
  expect(reply.headers.allow).toBe(status === 405 ? 'POST' : undefined)
  expect([spans, errors]).toEqual([[], []])
})

it.each([
  [503, 'the database is unreachable', new WfstoreError('unreachable', 'secret host')],
  [
    503,
    'the schema of the database is older than wfstore',
    new WfstoreError('schema_behind', 'secret'),
  ],
  [500, 'the server has an error of its own', new WfstoreError('usage', 'secret')],
  [500, 'the server has an error of its own', new TypeError('secret')],
])(
  '%i: %s; the client does not get the details, the server does',
  async (status, message, error) => {
    const { url, errors } = await started({ ingest: () => Promise.reject(error) })
    const reply = await post(url, { body })
    expect([reply.status, json(reply).message]).toEqual([status, message])
    expect(reply.headers['retry-after']).toBe(status === 503 ? '5' : undefined)
    expect(errors).toEqual([error])
  },
)

it('logs and metrics are accepted and forgotten', async () => {
  const { url, spans } = await started()
  const agent = oneConnection()
  for (const path of ['/v1/logs', '/v1/metrics']) {
    expect(json(await post(url, { path, body: '{"resourceLogs":[]}', agent }))).toEqual({})
    const reply = await post(url, {
      path,
      headers: PROTOBUF_TYPE,
      body: 'anything',
      chunked: true,
      agent,
    })
    expect([reply.status, reply.body.length, reply.headers.connection]).toEqual([
      200,
      0,
      'keep-alive',
    ])
    const large = { path, body: Buffer.alloc(21 * 1024 * 1024), agent }
    expect((await post(url, large)).status).toBe(413)
  }
  expect(spans).toEqual([])
  agent.destroy()
})

it('413: a body over the limit, announced, in chunks or after decompression', async () => {
  const { url, spans } = await started({ mostBytes: 10_000 })
  const large = Buffer.alloc(10_001, ' ')
  const sent = [
    { body: large },
    { body: large, chunked: true },
    { body: gzipSync(large), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
  ]
  for (const one of sent) {
    const reply = await post(url, one)
    expect([reply.status, json(reply)]).toEqual([
      413,
      { code: 3, message: 'the body is larger than 9.8 kB; send fewer spans in a request' },
    ])
  }
  expect((await post(url, { body: large.subarray(1) })).status).toBe(400)
  expect(spans).toEqual([])
})

it('after a small body that is refused unread, the connection takes the next request', async () => {
  const { port } = await started()
  const socket = await raw(port, 'POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n')
  expect(await until(socket, '}')).toMatch(/^HTTP\/1.1 404 /)
  const head = `Host: a\r\nContent-Type: application/json\r\nContent-Length: 2`
  socket.write(`POST / HTPOST /v1/traces HTTP/1.1\r\n${head}\r\n\r\n{}`)
  expect(await until(socket, '{}')).toMatch(/^HTTP\/1.1 200 /)
  socket.destroy()
})

it('a client that first sends a large body and then reads gets the refusal, not a reset', async () => {
  const { port } = await started()
  const size = 40 * 1024 * 1024
  for (const [length, chunk] of [
    [`Content-Length: ${size}`, ''],
    ['Transfer-Encoding: chunked', `${size.toString(16)}\r\n`],
  ]) {
    const head = `POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${length}\r\n\r\n`
    const socket = await raw(port, head + chunk)
    await new Promise((resolve) => socket.write(Buffer.alloc(size), resolve))
    socket.end(chunk === '' ? '' : '\r\n0\r\n\r\n')
    expect(await until(socket, 'never')).toMatch(/^HTTP\/1.1 413 [\s\S]*Connection: close/)
  }
})

it('a client that waits for 100 Continue gets it, or the refusal at once', async () => {
  const { port, spans } = await started()
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`
  const accepted = await raw(port, head('/v1/traces'))
  expect(await until(accepted, '\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  accepted.write(body)
  expect(await until(accepted, '\r\n\r\n{}')).toMatch(/^HTTP\/1.1 200 /)
  expect(spans).toHaveLength(SPANS)
  const refused = await raw(port, head('/no'))
  // Until the server closes the connection.
  expect(await until(refused, 'never')).toMatch(/^HTTP\/1.1 404 [\s\S]*Connection: close/)
  accepted.destroy()
})
