import type { Hono } from 'hono'
import { guardStream } from '../../../cli/output/stream.ts'
import { runOutput } from '../../api/run-output.ts'
import type { Site, SiteEnv } from '../../site.ts'
import { checkParameters, valuesIn } from '../parameters.ts'
import { problemPage } from '../problem.ts'

/** The bills of a period as the FOCUS file of `billing --output focus`. */
export function addFocus(app: Hono<SiteEnv>, site: Site): void {
  app.get('/bills/:period/focus.csv', async (context) => {
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
      const ran = await runOutput(context, site, (stdout, signal) =>
        site.database.report(
          signal,
          (connection) => site.commandLine.run({ words, connection, stdout, signal }),
          () => !guardStream(stdout).used(),
        ),
      )
      return new Response('text' in ran ? ran.text : ran.stream, {
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
