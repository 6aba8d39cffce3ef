import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../fixtures/otlp')

interface CapturedRequest {
  path: string
  body: unknown
}

/** The requests with traces of captures, as the file exporter of the Collector writes them: a line each. */
export function collectorLines(...captures: readonly string[]): string {
  const lines = captures.flatMap((capture) => {
    const text = readFileSync(join(folder, `${capture}.json`), 'utf8')
    const { requests } = JSON.parse(text) as { requests: CapturedRequest[] }
    return requests.filter(({ path }) => path === '/v1/traces').map(({ body }) => body)
  })
  return lines.map((body) => `${JSON.stringify(body)}\n`).join('')
}
