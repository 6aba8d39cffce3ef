import { Hono } from 'hono'
import { addApi } from './api/api.ts'
import { addOldRoutes } from './legacy/routes.ts'
import { addPages } from './pages/pages.ts'
import { addProbes } from './probes.ts'
import type { Site, SiteEnv } from './site.ts'

/** The routes of the server. */
export function createApp(site: Site): Hono<SiteEnv> {
  const app = new Hono<SiteEnv>().basePath(site.basePath)
  addProbes(app, site)
  addApi(app, site)
  addOldRoutes(app, site)
  addPages(app, site)
  return app
}
