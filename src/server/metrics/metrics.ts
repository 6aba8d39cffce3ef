import type { Hono } from 'hono'
import { prometheusText } from '../../cli/output/formats/prometheus.ts'
import { WfstoreError } from '../../error.ts'
import { holdOutput } from '../api/output.ts'
import type { Site, SiteEnv } from '../site.ts'
import { serverFamilies } from './families.ts'

/** Several servers of Prometheus that scrape the same store cost one query in this time. */
const FRESH_MS = 10_000

const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** `/metrics`: what `wfstore metrics current -o prometheus` prints, and the numbers of the server itself. */
export function addMetrics(app: Hono<SiteEnv>, site: Site): void {
  const started = site.now()
  const storeMetrics = fresh(site, () => printed(site))
  app.get('/metrics', async (context) => {
    const [parameter] = Object.keys(context.req.query())
    if (parameter !== undefined)
      throw new WfstoreError('usage', `/metrics has no parameter ${JSON.stringify(parameter)}`)
    // A store that does not answer is a value too, on which an alert can be based.
    const text = await storeMetrics().catch((error) => {
      site.onError(error)
      return undefined
    })
    const own = prometheusText(serverFamilies(site, text !== undefined, started))
    return context.body((text ?? '') + own, 200, {
      'content-type': TYPE,
      'cache-control': 'no-store',
    })
  })
}

async function printed({ database, commandLine, stopping: signal }: Site): Promise<string> {
  const { stdout, text } = holdOutput(Infinity)
  const words = ['metrics', 'current', '--output=prometheus']
  await database.report(
    signal,
    (connection) => commandLine.run({ words, connection, stdout, signal }),
    () => text() === '',
  )
  return text()
}

/** The last result, while it is fresh. A failure is tried again with the next request. */
function fresh<T>({ now }: Site, read: () => Promise<T>): () => Promise<T> {
  let last: { result: Promise<T>; at: number } | undefined
  return () => {
    const at = now().getTime()
    if (last && at - last.at < FRESH_MS && at >= last.at) return last.result
    const current = { result: read(), at }
    last = current
    current.result.catch(() => {
      if (last === current) last = undefined
    })
    return current.result
  }
}
