import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

/** What a browser says of the pages that it shows. */
export interface Watched {
  page: Page
  /** Violations of the policy, errors of scripts and of the console. */
  said: string[]
  /** Addresses outside the server that it asked for. */
  outside: string[]
  close: () => Promise<void>
}

export async function watch(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  const said: string[] = []
  const outside: string[] = []
  // A refused address is a page too; the browser logs its status.
  const isStatus = (text: string) => /^Failed to load resource: .* status of 4\d\d/.test(text)
  page.on('console', (message) => {
    if (!isStatus(message.text())) said.push(message.text())
  })
  page.on('pageerror', (error) => said.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`)) outside.push(request.url())
  })
  await page.exposeFunction('tellViolation', (text: string) => said.push(text))
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => tellViolation(event.violatedDirective + ': ' + event.blockedURI))`,
  )
  return { page, said, outside, close: () => context.close() }
}

export interface Visited {
  /** '/executions/:id?status&user' */
  kind: string
  path: string
  status: number
}

/** Visits of one path, except for names and ids in it. Each has other parameters. */
const OF_EACH_PATH = 12

/** Visits the pages that links lead to, from '/' on: each path, and each of its parameters. */
export async function crawl(
  { page }: Watched,
  url: string,
  seen: (visited: Visited) => Promise<void>,
): Promise<Visited[]> {
  const visited: Visited[] = []
  const waiting = ['/']
  const known = new Set(waiting)
  const kinds = new Set<string>()
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const kind = kindOf(path)
    const bare = bareOf(kind)
    const times = visited.filter((other) => bareOf(other.kind) === bare).length
    if (kinds.has(kind) || times >= OF_EACH_PATH) continue
    kinds.add(kind)
    const answer = await page.goto(url + path)
    const one = { kind, path, status: answer?.status() ?? 0 }
    visited.push(one)
    await seen(one)
    const links = await page.evaluate<string[]>(
      `[...document.querySelectorAll('a[href]:not([download])')].map((link) => link.href)`,
    )
    for (const link of links) {
      const next = link.startsWith(`${url}/`) ? link.slice(url.length).replace(/#.*/, '') : ''
      if (next === '' || known.has(next) || /^\/(api|csv|logout)\b/.test(next)) continue
      known.add(next)
      waiting.push(next)
    }
  }
  return visited
}

/** The path of a kind, without parameters. */
export const bareOf = (kind: string): string => kind.split('?')[0] as string

const NAMED = /^\/(executions|bills|errors|audit)\/[^/]+/

function kindOf(path: string): string {
  const { pathname, searchParams } = new URL(path, 'http://x')
  const names = [...new Set(searchParams.keys())]
    .filter((name) => name !== 'tz')
    .sort()
    .join('&')
  return `${pathname.replace(NAMED, '/$1/:id')}${names && `?${names}`}`
}
