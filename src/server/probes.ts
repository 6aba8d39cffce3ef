import type { Hono } from 'hono'
import type { Site, SiteEnv } from './site.ts'

/** What load balancers and orchestrators ask. Neither requires a token. */
export function addProbes(app: Hono<SiteEnv>, { database, onError }: Site): void {
  app.get('/healthz', (context) => context.json({ status: 'ok' }))
  app.get('/readyz', async (context) => {
    const { signal } = context.req.raw
    try {
      await database.read(signal, ({ run }) => run('select 1', {}))
      const from = await database.report(signal, async ({ from }) => from)
      if (!from) return context.json({ status: 'ok' })
      const { lag } = from
      const lagSeconds = lag && 'ms' in lag ? Math.ceil(lag.ms / 1000) : null
      return context.json({
        status: 'ok',
        reports: lag ? { from: 'replica', lagSeconds } : { from: 'primary' },
      })
    } catch (error) {
      if (!signal.aborted) onError(error)
      return context.json({ status: 'not ready' }, 503)
    }
  })
}
