import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, launchBrowser } from '../../support/browser.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createDemo } from '../api/support.ts'
import { watch } from './crawl.ts'
import { type ListeningSite, listenSite } from './listening.ts'

describe.runIf(browserPath !== undefined)('a reader (needs chromium on PATH)', () => {
  let database: TestDatabase
  let site: ListeningSite
  let browser: Browser

  beforeAll(async () => {
    database = await createDemo('pages_use')
    site = await listenSite(database)
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
  const insert = (name: string) =>
    database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ($1, 'user_1', 'Sales', 'm')`,
      [name],
    )
  const focused = (page: Page) =>
    page.evaluate<{ text: string; outline: string }>(
      `({ text: document.activeElement.textContent.trim(), outline: getComputedStyle(document.activeElement).outlineStyle })`,
    )

  it('with a keyboard skips to the content, and sees where the focus is', async () => {
    const { page, close } = await open('/executions')
    await page.keyboard.press('Tab')
    expect((await focused(page)).text).toBe('Skip to the content')
    expect(await page.locator('.skip').boundingBox()).toMatchObject({ y: 0 })
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    const seen: string[] = []
    // The filters, the links to CSV and JSON, the region of the table, its headings, and its first row.
    for (let times = 0; times < 28; times++) {
      await page.keyboard.press('Tab')
      const { text, outline } = await focused(page)
      expect(outline, text).not.toBe('none')
      seen.push(text)
    }
    expect(seen).toEqual(expect.arrayContaining(['Show', 'More filters', 'CSV', 'Started']))
    await close()
  })

  it('with a keyboard filters, and removes the filter', async () => {
    const { page, close } = await open('/executions')
    await page.getByRole('checkbox', { name: 'failed' }).focus()
    await page.keyboard.press('Space')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${site.url}/executions?status=failed`)
    expect(new Set(await page.locator('tbody .status').allTextContents())).toEqual(
      new Set(['failed']),
    )
    await page.getByRole('link', { name: 'Remove Status: failed' }).focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(`${site.url}/executions`)
    await close()
  })

  it('without JavaScript filters, sorts and turns pages', async () => {
    const { page, close } = await open('/executions?limit=7', { javaScriptEnabled: false })
    const rows = () => page.locator('tbody tr').count()
    const ids = () => page.locator('tbody a.id').evaluateAll((links) => links.map(String))
    expect(await rows()).toBe(7)
    const first = await ids()
    await page.getByRole('link', { name: 'Older' }).click()
    const second = await ids()
    expect(second).toHaveLength(7)
    expect(second.filter((id) => first.includes(id))).toEqual([])
    await page.getByRole('link', { name: 'Older' }).click()
    await page.getByRole('link', { name: 'Newer' }).click()
    expect(await ids()).toEqual(second)
    await page.getByRole('link', { name: 'Newer' }).click()
    expect(await ids()).toEqual(first)
    await page.getByRole('checkbox', { name: 'failed' }).check()
    await page.getByLabel('Since').fill('2026-10-01')
    await page.getByRole('button', { name: 'Show' }).click()
    expect(new URL(page.url()).search).toBe('?limit=7&status=failed&since=2026-10-01')
    await page.getByRole('link', { name: 'Cost', exact: true }).nth(1).click()
    expect(await page.locator('th[aria-sort]').textContent()).toBe('Cost')
    const costs = await page.locator('tbody td:nth-child(5)').allTextContents()
    expect(costs).toEqual([...costs].sort((a, b) => Number(b) - Number(a)))
    await close()
  })

  it('sees a new run at once, without losing the focus or the place', async () => {
    const { page, said, close } = await open('/executions', {
      viewport: { width: 1000, height: 400 },
    })
    await page.getByText('Live', { exact: true }).waitFor()
    const row = page.locator('tbody tr').nth(20)
    const key = await row.getAttribute('data-key')
    await row.locator('a.id').focus()
    const top = await page.evaluate('scrollY')
    await insert('Seen at once')
    await page.locator('tbody').getByText('Seen at once').waitFor()
    expect(await page.evaluate(`document.activeElement.closest('tr').dataset.key`)).toBe(key)
    expect(await page.locator('tbody tr').nth(21).getAttribute('data-key')).toBe(key)
    expect(await page.evaluate('scrollY')).toBeGreaterThanOrEqual(Number(top))
    // Its status changes in place.
    await database.sql(
      `update workflow_executions set status = 'success', end_time = now() where workflow_name = 'Seen at once'`,
    )
    await page.locator('tbody tr').first().locator('.status-success').waitFor()
    expect(said).toEqual([])
    await close()
  })

  it('hears how many runs run, and is not interrupted', async () => {
    const { page, close } = await open('/')
    const news = page.getByRole('status')
    await news.getByText('running').waitFor()
    await insert('Heard')
    await news.getByText(/^\d+ runs? running, \d+ stuck, \d+ errors? in the last hour$/).waitFor()
    expect(await page.locator('[aria-live=assertive]').count()).toBe(0)
    await close()
  })

  it('sees times in the zone of the browser, from the first page on', async () => {
    const { page, close } = await open('/executions', { timezoneId: 'Asia/Tokyo' })
    await page.getByText('Times are in Asia/Tokyo').waitFor()
    await page.getByRole('link', { name: 'show UTC' }).click()
    await page.getByText('Times are in UTC').waitFor()
    // Links keep it.
    await page.getByRole('link', { name: 'Status', exact: true }).click()
    await page.getByText('Times are in UTC').waitFor()
    await close()
  })

  it('prints the content only', async () => {
    const { page, close } = await open('/executions?status=failed')
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    for (const hidden of ['.top', '.filter', '.pager', '.skip'])
      expect(await page.locator(hidden).isVisible(), hidden).toBe(false)
    expect(await page.locator('tbody tr').first().isVisible()).toBe(true)
    const ink = await page.evaluate<string>(`getComputedStyle(document.body).color`)
    expect(ink).toBe('rgb(26, 31, 38)')
    await close()
  })

  it('saves all rows of a filter as CSV', async () => {
    const { page, close } = await open('/executions?status=failed&limit=2')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'CSV' }).click(),
    ])
    expect(download.suggestedFilename()).toBe('executions.csv')
    const lines: string[] = []
    for await (const chunk of await download.createReadStream())
      lines.push(...String(chunk).trim().split('\r\n'))
    const [row] = await database.sql(
      `select count(*)::int as count from workflow_executions where status = 'failed'`,
    )
    expect(lines.filter((line) => line.includes(',failed,'))).toHaveLength(Number(row?.count))
    await close()
  })

  it('learns that the server stops', async () => {
    const other = await listenSite(database)
    const { page, close } = await watch(browser, other.url)
    await page.goto(other.url)
    await page.getByText('Live', { exact: true }).waitFor()
    await other.close()
    await page.getByRole('alert').getByText('The server is stopping').waitFor()
    await page.getByText('Not live').waitFor()
    await close()
  })
})
