import { HTTPException } from 'hono/http-exception'
import { Hono } from 'hono/tiny'
import { addressOf } from './access/address.ts'
import { guards } from './access/guard.ts'
import { refuse } from './access/refuse.ts'
import { addApi } from './api/api.ts'
import { addOldRoutes } from './legacy/routes.ts'
import { counted } from './metrics/activity.ts'
import { addMetrics } from './metrics/metrics.ts'
import { addPages } from './pages/pages.ts'
import { addProbes } from './probes.ts'
import type { Site, SiteEnv } from './site.ts'
import { statusOf } from './status.ts'

/** The routes of the server. */
export function createApp(site: Site): Hono<SiteEnv> {
  // A base path is the same page with a slash at its end, as some servers add it and others cut it off.
  const root = new Hono<SiteEnv>({ strict: false })
  root.use('*', counted(site), ...guards(site))
  root.onError((error, context) => {
    // A middleware of hono has refused the request.
    if (error instanceof HTTPException) return error.getResponse()
    const isGone = context.req.raw.signal.aborted
    if (!isGone && statusOf(error) >= 500) site.onError(error)
    return refuse(context, error)
  })
  const app = root.basePath(site.basePath)
  const { login } = site.access
  for (const path of login?.paths ?? [])
    app.all(path, (context) =>
      (login as NonNullable<typeof login>).answer(context.req.raw, addressOf(context, site.access)),
    )
  addProbes(app, site)
  addMetrics(app, site)
  addApi(app, site)
  addOldRoutes(app, site)
  addPages(app, site)
  return app
}
