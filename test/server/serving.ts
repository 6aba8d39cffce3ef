import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach } from 'vitest'
import { NONE_REJECTED } from '../../src/record/otel/decode/rejected.ts'
import type { Rejected } from '../../src/record/otel/options.ts'
import type { Span } from '../../src/record/otel/types.ts'
import { type Listening, listen, type Timeouts } from '../../src/server/listen.ts'
import { type OtlpOptions, otlpHandler } from '../../src/server/otlp.ts'

export interface Serving extends Listening {
  url: string
  /** The spans that were given to `ingest`. */
  spans: Span[]
  errors: unknown[]
}

/** A server on a free port of this machine. Without `ingest` every span is accepted. */
export async function serve(
  options: Partial<OtlpOptions> = {},
  timeouts: Partial<Timeouts> = {},
): Promise<Serving> {
  const spans: Span[] = []
  const errors: unknown[] = []
  const ingest = async (given: readonly Span[]): Promise<Rejected> => {
    spans.push(...given)
    return NONE_REJECTED
  }
  const handler = otlpHandler({ ingest, onError: (error) => errors.push(error), ...options })
  const listening = await listen(handler, { host: '127.0.0.1', port: 0, timeouts })
  return { ...listening, url: `http://127.0.0.1:${listening.port}`, spans, errors }
}

/** Starts servers, which are closed after each test. */
export function startedServers() {
  const servers: Serving[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close()
  })
  return async (...options: Parameters<typeof serve>): Promise<Serving> => {
    const server = await serve(...options)
    servers.push(server)
    return server
  }
}

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Sent {
  path?: string
  method?: string
  headers?: Record<string, string>
  body?: Uint8Array | string
  /** Sends the body in chunks, so that its length is not announced. */
  chunked?: boolean
  agent?: Agent
}

export const JSON_TYPE = { 'content-type': 'application/json' }
export const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' }

export async function post(url: string, sent: Sent = {}): Promise<Reply> {
  const { path = '/v1/traces', method = 'POST', headers = JSON_TYPE, body = '', chunked } = sent
  const bytes = Buffer.from(body)
  const length = chunked ? {} : { 'content-length': String(bytes.length) }
  const client = request(`${url}${path}`, {
    method,
    headers: { ...length, ...headers },
    ...(sent.agent && { agent: sent.agent }),
  })
  // A server that refuses a body may close the connection before all of it is sent; the answer has come by then.
  client.on('error', () => {})
  if (chunked) client.write(bytes)
  client.end(chunked ? undefined : bytes)
  const [reply] = await once(client, 'response')
  return { status: reply.statusCode, headers: reply.headers, body: await buffer(reply) }
}

/** One connection for all requests. */
export const oneConnection = () => new Agent({ keepAlive: true, maxSockets: 1 })

/** A connection that sends exactly these bytes. */
export async function raw(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

/** Waits until the server has sent a text. */
export async function until(socket: Socket, expected: string): Promise<string> {
  let received = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received += chunk
    if (received.includes(expected)) break
  }
  return received
}

export const json = ({ body }: Reply) => JSON.parse(body.toString())
