import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type ErrorCode, WfstoreError } from '../error.ts'
import { otherProtocol, refuseConnection } from './other-protocol.ts'

export interface RequestContext {
  /** The client sends its body only after 100 Continue. */
  waits?: boolean
  /** The server takes no new requests. */
  closing?: () => boolean
}

/** Answers a request; the promise ends when the answer is sent, and is never rejected. */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  context?: RequestContext,
) => Promise<void>

/** In milliseconds. */
export interface Timeouts {
  /** For the headers, then for the whole request. Slower clients get 408. */
  headers: number
  request: number
  /** How long an idle connection stays open: longer than exporters wait between two batches. */
  keepAlive: number
  /** How often connections are checked. */
  check: number
  /** After `close`, how long clients have to complete requests that they have begun. */
  close: number
}

const USUAL: Timeouts = {
  headers: 10_000,
  request: 30_000,
  keepAlive: 75_000,
  check: 1_000,
  close: 10_000,
}

/** Further clients are refused at once: each connection takes a file of the process. */
const MOST_CONNECTIONS = 2000

export interface Listening {
  host: string
  port: number
  /** Takes no new requests, answers those in progress, and closes all connections. */
  close: () => Promise<void>
}

/** In PEM. The certificate may be followed by those of its authorities. */
export interface Certificate {
  cert: Buffer
  key: Buffer
}

interface ListenOptions {
  host: string
  port: number
  /** Answers only with TLS. */
  certificate?: Certificate | undefined
  timeouts?: Partial<Timeouts>
  /** Called with the reason for a client of another protocol, such as gRPC. */
  onRefused?: (reason: string) => void
}

/** @throws WfstoreError usage, failed or permission_denied if the address cannot be used */
export async function listen(
  handler: Handler,
  { host, port, certificate, timeouts = {}, onRefused }: ListenOptions,
): Promise<Listening> {
  const times = { ...USUAL, ...timeouts }
  const settings = {
    headersTimeout: Math.min(times.headers, times.request),
    requestTimeout: times.request,
    keepAliveTimeout: times.keepAlive,
    connectionsCheckingInterval: times.check,
  }
  const server: Server = certificate
    ? (await import('node:https')).createServer({ ...settings, ...certificate })
    : createServer(settings)
  server.maxConnections = MOST_CONNECTIONS
  let closing = false
  const running = new Map<ServerResponse, Promise<void>>()
  const take = (waits: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    if (closing) response.shouldKeepAlive = false
    const answered = handler(request, response, { waits, closing: () => closing })
    running.set(
      response,
      answered.finally(() => running.delete(response)),
    )
  }
  server.on('request', take(false)).on('checkContinue', take(true))
  server.on('clientError', (error, socket) => {
    const reason = otherProtocol(error)
    if (reason !== undefined) onRefused?.(reason)
    refuseConnection(error, socket as Socket, running.keys())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(unusable(host, port, cause)))
    server.listen(port, host, resolve)
  })
  const { address, port: actual } = server.address() as AddressInfo
  return {
    host: address,
    port: actual,
    close: async () => {
      closing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const response of running.keys()) response.shouldKeepAlive = false
      const timer = setTimeout(() => server.closeAllConnections(), times.close)
      await Promise.all(running.values())
      clearTimeout(timer)
      // A connection without a request would stay open.
      server.closeAllConnections()
      await closed
    },
  }
}

const REASONS: Readonly<Record<string, [code: ErrorCode, reason: string]>> = {
  EADDRINUSE: ['failed', 'is used by another process'],
  EACCES: ['permission_denied', 'is not allowed for this user'],
  EADDRNOTAVAIL: ['usage', 'is not an address of this machine'],
  ENOTFOUND: ['usage', 'is not an address of this machine'],
}

function unusable(host: string, port: number, cause: NodeJS.ErrnoException): WfstoreError {
  const what = cause.code ?? cause.message
  const [code, reason] = REASONS[what] ?? ['failed', `cannot be used: ${what}`]
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return new WfstoreError(code, `${address} ${reason}`, {
    hint: 'choose another address or port',
    cause,
  })
}
