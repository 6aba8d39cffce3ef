import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../site.ts'

/** /csv/executions?status=failed answers what /api/v1/executions answers to a client that accepts CSV: a link can ask for no format. */
export function addCsv(app: Hono<SiteEnv>, site: Site): void {
  const begin = `${site.basePath}/csv/`
  app.get('/csv/:path{.+}', async (context) => {
    const url = new URL(context.req.url)
    url.pathname = `${site.basePath}/api/v1/${url.pathname.slice(begin.length)}`
    const headers = new Headers(context.req.raw.headers)
    headers.set('accept', 'text/csv')
    const answer = await app.fetch(
      new Request(url, { headers, signal: context.req.raw.signal }),
      context.env,
    )
    if (!answer.ok) return answer
    const file = `${url.pathname.split('/').at(-1)}.csv`
    const saved = new Response(answer.body, answer)
    saved.headers.set(
      'content-disposition',
      `attachment; filename="${file.replace(/[^\w.-]/g, '')}"`,
    )
    return saved
  })
}
