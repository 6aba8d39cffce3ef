import type { Hono } from 'hono'
import { getCookie } from 'hono/cookie'
import type { ReadFrom } from '../../db/replica/replica.ts'
import { WfstoreError } from '../../error.ts'
import { timeZoneOf } from '../../time-zone.ts'
import type { Markup } from '../markup/markup.ts'
import type { Site, SiteEnv } from '../site.ts'
import { framed, PAGES, type PageContext, type PagePath } from './frame.ts'
import { hrefHere } from './links.ts'
import { problemPage } from './problem.ts'
import { type LiveParts, type PageRequest, type PageView, viewOf, zoneIn } from './view.ts'

export interface PageContent {
  title: string
  /** A line below the title. */
  about?: Markup | string | undefined
  body: Markup
  /** The zone of its times, if it is not that of the reader: bills are of months of the billing zone. */
  timeZone?: string | undefined
}

/** Makes a page from the address and the database. */
export type PageWork = (view: PageView) => Promise<PageContent>

/** The name of the cookie with the time zone of the browser, which the script sets. */
const ZONE_COOKIE = 'wfstore_tz'

/** The pages of a server, for live updates. */
const works = new WeakMap<Site, Map<string, PageWork>>()

/**
 * Adds a page, such as '/executions/:id'. Its work has a connection that can only read; errors become pages with the right
 * status. Parts of it that `view.live` marks are kept up to date.
 */
export function page(app: Hono<SiteEnv>, site: Site, path: string, work: PageWork): void {
  works.set(site, (works.get(site) ?? new Map()).set(path, work))
  app.get(path, (context) =>
    answer(context, site, path, (request, signal) =>
      site.database.report(signal, async (connection) => {
        const { view, parts } = viewOf(request, connection, signal)
        return { ...(await work(view)), parts, from: connection.from }
      }),
    ),
  )
}

/** Adds a page that asks for its own connections: one that is the same for all readers, or that may find no schema. */
export function pageWithoutConnection(
  app: Hono<SiteEnv>,
  site: Site,
  path: string,
  work: (request: PageRequest) => Promise<PageContent>,
): void {
  app.get(path, (context) => answer(context, site, path, work))
}

/** The page that a path such as '/executions/0193f1c2' leads to. */
export function workAt(
  site: Site,
  path: string,
): { work: PageWork; variables: Record<string, string> } | undefined {
  for (const [pattern, work] of works.get(site) ?? []) {
    const variables = match(pattern.split('/'), path.split('/'))
    if (variables) return { work, variables }
  }
  return undefined
}

function match(pattern: readonly string[], path: readonly string[]) {
  if (pattern.length !== path.length) return undefined
  const variables: Record<string, string> = {}
  for (const [place, part] of pattern.entries()) {
    const given = path[place] ?? ''
    if (part.startsWith(':') && given !== '') variables[part.slice(1)] = decoded(given)
    else if (part !== given) return undefined
  }
  return variables
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

async function answer(
  context: PageContext,
  site: Site,
  path: string,
  make: (
    request: PageRequest,
    signal: AbortSignal,
  ) => Promise<PageContent & { parts?: LiveParts; from?: ReadFrom | undefined }>,
): Promise<Response> {
  const current = currentOf(path)
  const { pathname, searchParams } = new URL(context.req.url)
  const own = pathname.slice(site.basePath.length)
  const parameters = new URLSearchParams([...searchParams].filter(([, value]) => value !== ''))
  if (parameters.size < searchParams.size) {
    return context.redirect(hrefHere({ site, path: own, parameters }, {}), 302)
  }
  try {
    const variables = workAt(site, own)?.variables ?? {}
    const cookie = timeZoneOf(getCookie(context, ZONE_COOKIE) ?? '')
    const timeZone = zoneIn(parameters) ?? cookie ?? site.timeZone ?? 'UTC'
    const can = context.get('caller')?.can ?? 'read'
    const request: PageRequest = { site, path: own, parameters, variables, timeZone, can }
    const { parts, ...content } = await make(request, context.req.raw.signal)
    return framed(context, site, {
      current,
      timeZone,
      ...content,
      utc: hrefHere(request, { tz: 'UTC' }),
      database: await nameOf(site).catch(() => undefined),
      ...(parts && parts.size > 0 && { events: eventsOf(request) }),
    })
  } catch (error) {
    return problemPage(context, site, error, { current, database: names.get(site) })
  }
}

/** The address of the events of a page. It names the time zone, so that all readers of a zone share it. */
function eventsOf({ site, path, parameters, timeZone }: PageRequest): string {
  const asked = new URLSearchParams(parameters)
  asked.set('tz', timeZone)
  return `${site.basePath}/events?${new URLSearchParams({ page: path.slice(1) })}&${asked}`
}

function currentOf(path: string): PagePath | undefined {
  const first = path.split('/')[1]
  return PAGES.map(([name]) => name).find((name) => name === first)
}

/** The names of databases: a page about a database that is away names it too. */
const names = new WeakMap<Site, string>()

async function nameOf(site: Site): Promise<string> {
  const name = names.get(site) ?? (await site.database.name())
  names.set(site, name)
  return name
}

/** The page of an address that does not exist. */
export const addMissing = (app: Hono<SiteEnv>, site: Site): void => {
  app.get('*', (context) =>
    problemPage(
      context,
      site,
      new WfstoreError('not_found', 'there is no page at this address', {
        hint: 'choose a page above',
      }),
      { database: names.get(site) },
    ),
  )
}
