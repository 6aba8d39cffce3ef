import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, launchBrowser } from '../../support/browser.ts'
import type { TestDatabase } from '../../support/database.ts'
import { bareOf, crawl, type Visited, type Watched, watch } from './crawl.ts'
import { createHostile } from './hostile.ts'
import { type ListeningSite, listenSite } from './listening.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** It has the colours of a desk, and to look at each of them takes most of the time. */
const WALL = 2560
const ONLY_LAYOUT = `{ rules: { 'color-contrast': { enabled: false } } }`
const SIZES = [
  { width: 360, height: 780 },
  { width: 1280, height: 900 },
  { width: WALL, height: 1440 },
]

describe.runIf(browserPath !== undefined)('every page (needs chromium on PATH)', () => {
  let database: TestDatabase
  let columns: string[]
  let site: ListeningSite
  let browser: Browser
  let watched: Watched
  let visited: Visited[]
  const found: Record<'links' | 'hacked' | 'hidden', string[]> = {
    links: [],
    hacked: [],
    hidden: [],
  }

  beforeAll(async () => {
    ;({ database, columns } = await createHostile('pages_hostile'))
    site = await listenSite(database)
    browser = await launchBrowser()
    watched = await watch(browser, site.url)
    const { page } = watched
    visited = await crawl(watched, site.url, async ({ path }) => {
      const links = await page.evaluate<string[]>(
        `[...document.querySelectorAll('a, form')].map((one) => one.href ?? one.action).filter((to) => !to.startsWith(location.origin + '/') && !to.startsWith('data:text/csv'))`,
      )
      found.links.push(...links.map((link) => `${path} ${link}`))
      if ((await page.evaluate('window.hacked')) !== undefined) found.hacked.push(path)
      if (!(await page.locator('h1').isVisible())) found.hidden.push(path)
    })
  })
  afterAll(async () => {
    await browser.close()
    await site.close()
    await database.drop()
  })

  it('is visited, over a store whose texts are all hostile', () => {
    expect(columns).toEqual(
      expect.arrayContaining([
        'workflow_executions.user_id',
        'workflow_executions.error_message',
        'workflow_executions.tags',
        'workflow_steps.step_name',
        'audit_logs.action_details',
        'billing_records.user_id',
      ]),
    )
    const kinds = new Set(visited.map(({ kind }) => kind))
    expect([...kinds]).toEqual(
      expect.arrayContaining(['/', '/executions', '/executions?user', '/executions?cursor']),
    )
  })

  it('answers, and no error is left to the operator', () => {
    expect(visited.filter(({ status }) => status >= 500)).toEqual([])
    expect(site.errors).toEqual([])
  })

  it('runs nothing, loads nothing and leads to nothing that the store contains', () => {
    expect(found).toEqual({ links: [], hacked: [], hidden: [] })
    expect(watched.outside).toEqual([])
    expect(watched.said).toEqual([])
  })

  it('has no fault that axe finds, and is as wide as the screen, from a phone to a wall, light and dark', {
    tags: 'slow',
    timeout: 1_200_000,
  }, async () => {
    const faults: string[] = []
    const context = await browser.newContext()
    const page = await context.newPage()
    // Live updates would write the rows again that are removed below.
    await page.route('**/events?*', (route) => route.abort())
    for (const path of pathsOf(visited)) {
      await page.setViewportSize(SIZES[0] as (typeof SIZES)[number])
      await page.goto(site.url + path)
      for (const { width } of SIZES) {
        await page.setViewportSize({ width, height: 900 })
        const wide = await page.evaluate('document.documentElement.scrollWidth')
        if (wide !== width) faults.push(`${path} is ${wide} wide on ${width}`)
      }
      // The other rows of a table are like its first ones, and axe looks at each cell.
      await page.evaluate(
        `document.querySelectorAll('tbody tr:nth-child(n + 5)').forEach((row) => row.remove())`,
      )
      await page.evaluate(AXE)
      for (const size of SIZES) {
        await page.setViewportSize(size)
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          const violations = await page.evaluate<string[]>(
            `axe.run(${size.width === WALL ? ONLY_LAYOUT : ''}).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 2).map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary).join('; ')))`,
          )
          faults.push(
            ...violations.map((fault) => `${path} ${size.width} ${colorScheme}: ${fault}`),
          )
        }
      }
    }
    await context.close()
    expect(faults).toEqual([])
  })
})

/** One of each kind, without parameters where there is such a page. */
function pathsOf(visited: readonly Visited[]): string[] {
  const paths = new Map<string, string>()
  for (const { kind, path } of visited) {
    const bare = bareOf(kind)
    if (!paths.has(bare) || kind === bare) paths.set(bare, path)
  }
  return [...paths.values()]
}
