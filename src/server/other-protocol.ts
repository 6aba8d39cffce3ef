import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What Node says of a connection that does not speak HTTP/1. */
interface ClientError extends Error {
  code?: string
  rawPacket?: Uint8Array
}

/** The first byte of a TLS handshake. */
const TLS = 22

/** Why the client of a connection cannot send traces here; undefined if it speaks HTTP/1. */
export function otherProtocol({ code, rawPacket }: ClientError): string | undefined {
  if (code === 'HPE_PAUSED_H2_UPGRADE')
    return 'it is gRPC or HTTP/2; set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf'
  if (rawPacket?.[0] === TLS) return 'it is TLS; set an endpoint that begins with http://'
  return undefined
}

const STATUSES: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/** Answers a connection with an error as Node does without a listener, and closes it. */
export function refuseConnection(
  { code = '' }: ClientError,
  socket: Socket,
  running: Iterable<ServerResponse>,
): void {
  const isAnswered = [...running].some((one) => one.socket === socket && one.headersSent)
  if (!socket.writable || isAnswered) return void socket.destroy()
  const status = STATUSES[code] ?? '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy())
}
