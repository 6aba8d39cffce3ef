import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** An OTLP/HTTP endpoint for JSON without compression: it keeps the requests, in the order of their arrival. */
export async function startRecorder() {
  const requests: unknown[] = []
  const server = createServer(async (request, response) => {
    requests.push(await json(request))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * A request as the file exporter of the Collector writes it. Its pdata library differs from the exporters of JavaScript: whole
 * numbers of 64 bits are strings, and fields without a value are left out.
 */
export const lineOfCollector = (request: unknown): string =>
  JSON.stringify(request, (name, value) => {
    if (name === 'intValue') return String(value)
    if (value === 0 && name !== 'doubleValue') return undefined
    if (value === '' && name !== 'stringValue') return undefined
    return Array.isArray(value) && value.length === 0 && name !== 'values' ? undefined : value
  })
