import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import { type Listening, listen } from '../../src/server/listen.ts'

let server: Listening | undefined
afterEach(() => server?.close())

/** What the server answers to these bytes, and the reasons that it reports. */
async function send(...bytes: (string | Uint8Array)[]) {
  const reasons: string[] = []
  server = await listen(async (_, response) => void response.end(), {
    host: '127.0.0.1',
    port: 0,
    onRefused: (reason) => reasons.push(reason),
  })
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  for (const part of bytes) socket.write(part)
  const answer = await text(socket)
  return { answer: answer.split('\r\n')[0], reasons }
}

it('a client of gRPC is reported, with the setting that it needs', async () => {
  expect(await send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toEqual({
    answer: 'HTTP/1.1 400 Bad Request',
    reasons: ['it is gRPC or HTTP/2; set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf'],
  })
})

it('a client of TLS is reported, with the endpoint that it needs', async () => {
  expect(await send(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1))).toEqual({
    answer: 'HTTP/1.1 400 Bad Request',
    reasons: ['it is TLS; set an endpoint that begins with http://'],
  })
})

it('bytes of no protocol are refused without a report, and too many headers by their status', async () => {
  expect(await send('x\r\n\r\n')).toEqual({ answer: 'HTTP/1.1 400 Bad Request', reasons: [] })
  await server?.close()
  const headers = `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`
  expect(await send(headers)).toEqual({
    answer: 'HTTP/1.1 431 Request Header Fields Too Large',
    reasons: [],
  })
})
