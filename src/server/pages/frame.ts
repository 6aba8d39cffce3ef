import type { Context } from 'hono'
import { html, type Markup, textOf } from '../markup/markup.ts'
import type { Site, SiteEnv } from '../site.ts'

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

export interface Frame {
  title: string
  /** The page of the navigation to which it belongs. */
  current: PagePath
  body: Markup
  status?: 200 | 400 | 404 | 503
}

/** A whole page: navigation, title, body. */
export function framed(context: PageContext, site: Site, frame: Frame): Response {
  const { title, current, body, status = 200 } = frame
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · wfstore</title>
</head>
<body>
<nav aria-label="Pages">${PAGES.map(
    ([path, name]) =>
      html`<a href="${site.basePath}/${path}"${path === current && html` aria-current="page"`}>${name}</a> `,
  )}</nav>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
  return context.html(textOf(page), status)
}
