import type { Hono } from 'hono'
import { holdOutput } from '../../api/output.ts'
import type { Site, SiteEnv } from '../../site.ts'
import { checkParameters, valuesIn } from '../parameters.ts'
import { problemPage } from '../problem.ts'

/** More is streamed. */
const HELD = 1024 * 1024

/** The bills of a period as the FOCUS file of `billing --output focus`. */
export function addFocus(app: Hono<SiteEnv>, site: Site): void {
  app.get('/bills/:period/focus.csv', async (context) => {
    const request = context.req.raw.signal
    const left = new AbortController()
    const signal = AbortSignal.any([request, left.signal])
    try {
      const given = { parameters: new URL(context.req.url).searchParams }
      checkParameters(given, ['provider'], ['user'])
      const period = context.req.param('period')
      const provider = given.parameters.get('provider')
      const words = [
        ...['billing', 'report', '--output=focus', `--period=${period}`],
        ...(valuesIn(given, 'user') ?? []).flatMap((user) => [`--user=${user}`, `--user=${user}`]),
        ...(provider === null ? [] : [`--provider=${provider}`]),
      ]
      const output = holdOutput(HELD, (reason) => left.abort(reason))
      const running = site.database
        .read(signal, (connection) =>
          site.commandLine.run({ words, connection, stdout: output.stdout, signal }),
        )
        .then(
          () => output.end(),
          (error) => {
            output.end(error)
            throw error
          },
        )
      const stream = await Promise.race([output.opened, running])
      // The client sees a broken connection.
      if (stream)
        running.catch((error) => {
          if (!signal.aborted) site.onError(error)
        })
      return new Response(stream || output.text(), {
        headers: {
          'content-type': 'text/csv; charset=utf-8',
          'content-disposition': `attachment; filename="focus-${period.replace(/[^\w-]/g, '')}.csv"`,
          'cache-control': 'no-store',
        },
      })
    } catch (error) {
      return problemPage(context, site, error, { current: 'bills' })
    }
  })
}
