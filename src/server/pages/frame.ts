import type { Context } from 'hono'
import type { ReadFrom } from '../../db/replica/replica.ts'
import { html, type Markup, name, textOf } from '../markup/markup.ts'
import type { Site, SiteEnv } from '../site.ts'
import { ASSETS } from './assets.ts'

export type PageContext = Context<SiteEnv>

/** The pages of the navigation, in its order. */
export const PAGES = [
  ['', 'Now'],
  ['executions', 'Executions'],
  ['errors', 'Errors'],
  ['cost', 'Cost'],
  ['bills', 'Bills'],
  ['cleanup', 'Cleanup'],
  ['health', 'Health'],
] as const
export type PagePath = (typeof PAGES)[number][0]

export type PageStatus = 200 | 300 | 400 | 401 | 403 | 404 | 409 | 500 | 503 | 504

export interface Frame {
  title: string
  /** A line below the title. */
  about?: Markup | string | undefined
  /** The page of the navigation to which it belongs, if any. */
  current?: PagePath | undefined
  body: Markup
  status?: PageStatus | undefined
  headers?: Record<string, string> | undefined
  /** The zone of the times of the page; without it there are no times. */
  timeZone?: string | undefined
  /** The same page in UTC. */
  utc?: string | undefined
  /** The name of the database, if it is known. */
  database?: string | undefined
  /** Where it is read from, if the server has a replica. */
  from?: ReadFrom | undefined
  /** The address of the events that keep the page up to date. */
  events?: string | undefined
}

/** A whole page: navigation, title, body, and the database, the time zone and the version at the end. */
export function framed(context: PageContext, site: Site, frame: Frame): Response {
  const { title, about, body, status = 200, database, from, timeZone, events } = frame
  const { basePath, version } = site
  const page = html`<!doctype html>
<html lang="en"${timeZone !== undefined && html` data-zone="${timeZone}"`} data-base="${basePath}/">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · wfstore</title>
<link rel="icon" type="image/svg+xml" href="${basePath}${ASSETS.icon.path}">
<link rel="stylesheet" href="${basePath}${ASSETS.style.path}">
<script src="${basePath}${ASSETS.script.path}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="${basePath}/">wfstore</a>
${navigation(site, frame)}
<p class="live" id="live"></p>
</header>
<p class="away" id="away" role="alert"></p>
<main id="main" tabindex="-1"${events !== undefined && html` data-events="${events}" data-now="${site.now().getTime()}"`}>
<h1>${title}</h1>
${about !== undefined && html`<p class="about">${about}</p>`}
${body}
<p class="hidden" id="news" role="status"></p>
</main>
<footer>
${database !== undefined && html`<p>Database ${name(database)}</p>`}${
  from !== undefined && html`\n<p>${from.note.replace(/^r/, 'R')}</p>`
}
${timeZone !== undefined && html`<p>Times are in ${zone(frame)}</p>`}
<p>Amounts are in US dollars</p>
${account(context, site)}
<p>wfstore ${version}</p>
</footer>
</body>
</html>
`
  return context.html(textOf(page), status, { 'cache-control': 'no-store', ...frame.headers })
}

const navigation = ({ basePath }: Site, { current }: Frame) =>
  html`<nav aria-label="Pages">${PAGES.map(
    ([path, label]) =>
      html`<a href="${basePath}/${path}"${path === current && html` aria-current="page"`}>${label}</a>`,
  )}</nav>`

/** Who asks for the page, with a link to log in or out. Programs of this machine are the caller 'local'. */
function account(context: PageContext, { access, basePath }: Site): Markup | undefined {
  const caller = context.get('caller')
  if (!access.login || !caller) return undefined
  return html`<p>${name(caller.name)} may ${caller.can} · <a href="${basePath}${access.login.paths[0]}">${caller.name === 'local' ? 'Log in' : 'Log out'}</a></p>`
}

const zone = ({ timeZone, utc }: Frame) =>
  html`<strong>${timeZone}</strong>${utc !== undefined && timeZone !== 'UTC' && html` · <a href="${utc}">show UTC</a>`}`
