import type { Hono } from 'hono'
import { WfstoreError } from '../../error.ts'
import { CANCELLED } from '../database.ts'
import { html, textOf } from '../markup/markup.ts'
import { POLICY } from '../report/page.ts'
import type { Site, SiteEnv } from '../site.ts'
import { PAGES, type PageContext } from './frame.ts'
import { problemPage } from './problem.ts'

/**
 * The page of `wfstore report`, which has its own style and script inside, so that it can be saved as a file: /report.html has the
 * same bytes. /report has links to the other pages as well. The parameters are those of the command.
 */
export function addReport(app: Hono<SiteEnv>, site: Site): void {
  const begin = '<body>\n'
  app.get('/report', async (context) => {
    const answer = await reportOf(app, site, context)
    if (answer.status !== 200) return answer
    const text = await answer.text()
    const at = text.indexOf(begin) + begin.length
    const links = textOf(linksOf(site, new URL(context.req.url).search))
    return new Response(`${text.slice(0, at)}${links}\n${text.slice(at)}`, answer)
  })
  app.get('/report.html', async (context) => {
    const answer = await reportOf(app, site, context)
    if (answer.status !== 200) return answer
    const saved = new Response(answer.body, answer)
    saved.headers.set('content-disposition', 'attachment; filename="report.html"')
    return saved
  })
}

const linksOf = ({ basePath }: Site, search: string) =>
  html`<nav class="screen" aria-label="Pages">${PAGES.map(([path, label]) => html`<a href="${basePath}/${path}">${label}</a> `)}<a href="${basePath}/report.html${search}" download="report.html">Save this report</a></nav>`

/** The answer of the API; its error as a page. */
async function reportOf(app: Hono<SiteEnv>, site: Site, context: PageContext): Promise<Response> {
  const url = new URL(context.req.url)
  url.pathname = `${site.basePath}/api/v1/report`
  url.searchParams.set('output', 'html')
  const { headers, signal } = context.req.raw
  const answer = await app.fetch(new Request(url, { headers, signal }), context.env)
  if (answer.status !== 200) {
    const { error } = (await answer.json()) as { error: Refused }
    const sqlState = answer.status === 504 ? CANCELLED : undefined
    const refused = new WfstoreError(error.code, error.message, { hint: error.hint, sqlState })
    return problemPage(context, site, refused, { current: 'cost' })
  }
  const own = new Headers(answer.headers)
  own.set('content-security-policy', `${POLICY}; frame-ancestors 'none'`)
  own.set('cache-control', 'no-store')
  own.delete('etag')
  return new Response(answer.body, { headers: own })
}

/** The error in an answer of the API. */
type Refused = Pick<WfstoreError, 'code' | 'message' | 'hint'>
