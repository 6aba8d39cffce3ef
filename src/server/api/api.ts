import type { Context, Hono } from 'hono'
import { nearest } from '../../nearest.ts'
import type { Site, SiteEnv } from '../site.ts'
import { answerAction } from './action.ts'
import { type ApiEndpoint, ENDPOINTS } from './endpoints.ts'
import { BASE, openApi } from './openapi.ts'
import { answerRead } from './read.ts'
import { refuse } from './refusal.ts'

/** `/api/v1/…`: what the commands answer; and its description. */
export function addApi(app: Hono<SiteEnv>, site: Site): void {
  for (const endpoint of ENDPOINTS) {
    const path = BASE + endpoint.path
    if (endpoint.kind === 'read') app.get(path, (context) => answerRead(context, site, endpoint))
    else app.post(path, (context) => answerAction(context, site, endpoint))
  }
  for (const path of new Set(ENDPOINTS.map((endpoint) => endpoint.path)))
    app.all(BASE + path, () => wrongMethod(ENDPOINTS.filter((endpoint) => endpoint.path === path)))
  let document: Promise<string> | undefined
  app.get('/openapi.json', async () => {
    document ??= openApi(site).then((made) => `${JSON.stringify(made)}\n`)
    return new Response(await document, { headers: { 'content-type': 'application/json' } })
  })
  app.all(`${BASE}/*`, (context) => unknownPath(context, site))
}

function wrongMethod(endpoints: readonly ApiEndpoint[]): Response {
  const allow = endpoints.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return refuse({
    status: 405,
    code: 'method_not_allowed',
    message: `this path supports only ${allow.join(', ')}`,
    headers: { allow: allow.join(', ') },
  })
}

function unknownPath({ req }: Context<SiteEnv>, { basePath }: Site): Response {
  const path = req.path.slice(basePath.length + BASE.length)
  const meant = nearest(
    path,
    ENDPOINTS.map((endpoint) => endpoint.path),
  )
  return refuse({
    status: 404,
    code: 'not_found',
    message: `there is no ${JSON.stringify(BASE + path)}`,
    hint: meant ? `did you mean ${basePath}${BASE}${meant}?` : `see ${basePath}/openapi.json`,
  })
}
