import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, launchBrowser } from '../../../support/browser.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { watch } from '../crawl.ts'
import { type ListeningSite, listenSite } from '../listening.ts'
import { FULL, fillRuns, MANY, NOW, REMOVED, RUNNING, TRACED, TWINS } from './store.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const GROUP =
  '/errors/group?fingerprint=CRM+answered+<n>+after+<n>+tries&since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z'

describe.runIf(browserPath !== undefined)('the page of a run (needs chromium on PATH)', () => {
  let database: TestDatabase
  let site: ListeningSite
  let browser: Browser

  beforeAll(async () => {
    database = await createMigrated('page_of_a_run_browser')
    await fillRuns(database)
    site = await listenSite(database, { now: () => NOW })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await site.close()
    await database.drop()
  })

  const open = async (path: string, options: BrowserContextOptions = {}) => {
    const watched = await watch(browser, site.url, options)
    await watched.page.goto(site.url + path)
    return watched
  }

  it.each([
    `/executions/${FULL}`,
    `/executions/${RUNNING}`,
    `/executions/${MANY}?step=0c000007-0000-7000-8000-000000001500`,
    `/executions/${TRACED}`,
    `/executions/${REMOVED}`,
    `/executions/${TWINS[0].slice(0, 8)}`,
    '/errors?since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z',
    GROUP,
  ])('%s has no fault that axe finds, and fits each screen, light and dark', async (path) => {
    const { page, said, close } = await open(path)
    await page.evaluate(AXE)
    for (const [width, colorScheme] of [
      [360, 'light'],
      [1280, 'dark'],
      [2560, 'light'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      if (width === 2560) continue
      const faults = await page.evaluate(
        `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html + ' ' + nodes[0].failureSummary))`,
      )
      expect(faults, `${width} ${colorScheme}`).toEqual([])
    }
    expect(said).toEqual([])
    await close()
  })

  it.each([true, false])('its links lead on, with JavaScript: %s', async (javaScriptEnabled) => {
    const { page, close } = await open(GROUP, { javaScriptEnabled })
    await page.getByRole('link', { name: 'write to the CRM' }).first().click()
    expect(page.url()).toContain(`/executions/${FULL}?step=`)
    expect(await page.locator('.chosen').getByText('CRM answered 503').isVisible()).toBe(true)
    expect(await page.locator('.chosen pre').first().isVisible()).toBe(true)
    await page.getByRole('link', { name: 'Find contacts', exact: true }).first().click()
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Find contacts')
    await close()
  })

  it('a keyboard reaches the steps of the timeline and opens the data of a step', async () => {
    const { page, close } = await open(`/executions/${FULL}`)
    const step = page.locator('.timeline').getByRole('link', { name: 'search the CRM' })
    await step.focus()
    await page.keyboard.press('Enter')
    expect(page.url()).toMatch(/#step-0c000001-0000-7000-8000-000000000003$/)
    // The browser continues from the step that the link leads to.
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Details of step 3')
    await page.keyboard.press('Enter')
    expect(await page.locator('.steps pre:visible').textContent()).toContain('"<b>acme</b>"')
    await close()
  })

  it('the bars of the timeline are where the times of the steps are', async () => {
    const { page, close } = await open(`/executions/${FULL}`)
    const box = (name: string) =>
      page
        .locator('.timeline tr', { has: page.getByRole('link', { name, exact: true }) })
        .locator('rect')
        .boundingBox()
    const [web, crm, late] = [
      await box('search the web'),
      await box('search the CRM'),
      await box('write to the CRM'),
    ]
    const track = await page.locator('.timeline .span svg').first().boundingBox()
    const at = (seconds: number) => (track?.x ?? 0) + ((track?.width ?? 0) * seconds) / 90
    expect(web?.x).toBeCloseTo(at(5), 0)
    expect(crm?.x).toBeCloseTo(at(5), 0)
    expect((crm?.x ?? 0) + (crm?.width ?? 0)).toBeCloseTo(at(24), 0)
    expect((late?.x ?? 0) + (late?.width ?? 0)).toBeCloseTo(at(90), 0)
    await close()
  })

  it('a running run is kept up to date until it has ended, and open data stays open', async () => {
    const { page, close } = await open(`/executions/${RUNNING}`)
    await page.locator('.steps summary').first().click()
    await page.locator('#live', { hasText: /^Live$/ }).waitFor()
    await database.sql(
      `update workflow_steps set status = 'success', end_time = start_time + interval '9 s', duration_ms = 9000 where execution_id = $1 and step_number = 2`,
      [RUNNING],
    )
    await database.sql(
      `update workflow_executions set status = 'success', end_time = start_time + interval '31 s' where execution_id = $1`,
      [RUNNING],
    )
    await page.locator('.figures .status-success').waitFor()
    expect(await page.locator('.timeline .row-success').count()).toBe(2)
    expect(await page.locator('.steps details[open]').count()).toBe(1)
    // Read out within 15 seconds: between the two updates the server may have sent that the run is running.
    await page.locator('#news', { hasText: /^The run is success$/ }).waitFor()
    await close()
  })
})
