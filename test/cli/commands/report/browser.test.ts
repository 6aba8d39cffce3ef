import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, launchBrowser } from '../../../support/browser.ts'
import { runCli } from '../../../support/cli.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { fillReport, HOSTILE } from './support.ts'

/** An element of the page: Node knows no types of a browser. */
interface Drawn {
  getBoundingClientRect: () => { height: number; right: number }
}

const browserIsThere = browserPath !== undefined
it.runIf(process.env.WFSTORE_TEST_BROWSER === '1')(
  'the Chromium that WFSTORE_TEST_BROWSER=1 promises is on PATH and says its version',
  () => {
    const version = execFileSync(String(browserPath), ['--version'], { encoding: 'utf8' })
    expect(version).toMatch(/^(Chromium|Google Chrome) \d+\./)
  },
)

describe.runIf(browserIsThere)('the report in Chromium (needs chromium on PATH)', () => {
  let browser: Browser
  let folder: string
  let url: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wfstore-page-'))
    const database = await createMigrated('cli_report_browser')
    await fillReport(database)
    const argv = ['report', '--out', 'report.html', '--database-url', database.url]
    expect(await runCli(argv, { cwd: folder })).toMatchObject({ code: 0 })
    await database.drop()
    url = pathToFileURL(join(folder, 'report.html')).href
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })

  /** The page, and all that the browser says of it and asks for. */
  async function open(
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; said: string[] }> {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options })
    const said: string[] = []
    page.on('console', (message) => said.push(message.text()))
    page.on('pageerror', (error) => said.push(String(error)))
    page.on('request', (request) => said.push(request.url()))
    await page.goto(url)
    return { page, said }
  }

  it('loads nothing, logs nothing and runs nothing, with any names in it', async () => {
    const { page, said } = await open()
    expect(await page.evaluate('window.hacked')).toBeUndefined()
    expect(await page.evaluate('document.scripts.length')).toBe(1)
    // In the list of users and in the list of expensive runs, and in the summary and heading of the bill.
    expect(await page.locator('td, th').getByText(HOSTILE.user, { exact: true }).count()).toBe(3)
    expect(await page.locator('.bill').getByText(HOSTILE.user).count()).toBe(2)
    expect(said).toEqual([url])
    await page.close()
  })

  it('runs and loads nothing that is written into it', async () => {
    const attack = `<script>window.hacked = 1</script><a href="javascript:window.hacked = 3" id="attack">x</a><img src="http://127.0.0.1:1/x.png" onerror="window.hacked = 2">
      <link rel="stylesheet" href="http://127.0.0.1:1/x.css"><style>body { display: none }</style>`
    const path = join(folder, 'attacked.html')
    writeFileSync(path, readFileSync(join(folder, 'report.html'), 'utf8').replace('<main>', attack))
    const page = await browser.newPage()
    const failed: string[] = []
    page.on('requestfailed', (request) => failed.push(String(request.failure()?.errorText)))
    await page.goto(pathToFileURL(path).href)
    expect(await page.evaluate('window.hacked')).toBeUndefined()
    expect(await page.getByRole('heading', { name: 'Usage and cost' }).isVisible()).toBe(true)
    await page.locator('#attack').click()
    expect(await page.evaluate('window.hacked')).toBeUndefined()
    expect(failed).toEqual(['csp', 'csp'])
    await page.close()
  })

  it.each([
    [1200, 'wide'],
    [360, 'narrow'],
  ])(
    'at %i pixels its charts are drawn, and nothing is wider than the page',
    async (width, shown) => {
      const { page } = await open({ viewport: { width, height: 800 } })
      const charts = page.locator('.chart svg:visible')
      expect(await charts.count()).toBe(2)
      for (const chart of await charts.all()) {
        expect(await chart.getAttribute('class')).toBe(shown)
        // A group for each of the 30 days; the highest bar is most of the height.
        expect(await chart.locator('g').count()).toBe(30)
        const boxes = await chart.locator('g rect:not(.room)').evaluateAll((bars: Drawn[]) =>
          bars.map((bar) => {
            const { height, right } = bar.getBoundingClientRect()
            return { height, right }
          }),
        )
        expect(Math.max(...boxes.map(({ height }) => height))).toBeGreaterThan(50)
        expect(Math.max(...boxes.map(({ right }) => right))).toBeLessThanOrEqual(width)
      }
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      await page.close()
    },
  )

  it('has the figures of each chart as a table', async () => {
    const { page } = await open()
    const tables = page.locator('details:not(.bill)')
    expect(await tables.count()).toBe(2)
    for (const table of await tables.all()) {
      await table.locator('summary').click()
      expect(await table.locator('tbody tr:visible').count()).toBe(30)
    }
    await page.close()
  })

  const colours = (page: Page) =>
    page.evaluate<string[]>(`[
      getComputedStyle(document.documentElement).backgroundColor,
      getComputedStyle(document.body).color,
      getComputedStyle(document.querySelector('svg .m0')).fill]`)

  it('is dark if the reader prefers it, and never on paper', async () => {
    const { page } = await open({ colorScheme: 'light' })
    const light = await colours(page)
    await page.emulateMedia({ colorScheme: 'dark' })
    const dark = await colours(page)
    expect(light[0]).toBe('rgb(255, 255, 255)')
    for (const index of [0, 1, 2]) expect(dark[index]).not.toBe(light[index])
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' })
    expect(await colours(page)).toEqual(light)
    await page.close()
  })

  it('prints its charts and tables on a few pages, without folded lists', async () => {
    const { page } = await open()
    const pdf = await page.pdf({ format: 'A4' })
    const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g) ?? []
    expect(pages.length).toBeGreaterThanOrEqual(2)
    expect(pages.length).toBeLessThanOrEqual(6)
    // As wide as A4 less its margins.
    await page.setViewportSize({ width: 688, height: 1000 })
    await page.emulateMedia({ media: 'print' })
    expect(await page.locator('.chart svg.wide:visible').count()).toBe(2)
    expect(await page.locator('details:visible').count()).toBe(0)
    await page.close()
  })

  /** The texts of a column of the table with this CSV file. */
  const columnOf = (page: Page, file: string, place: number) =>
    page
      .locator(`table:has([download="${file}.csv"]) tbody tr > :nth-child(${place})`)
      .allTextContents()
  const headOf = (page: Page, file: string, head: string) =>
    page.locator(`table:has([download="${file}.csv"]) thead th`).getByText(head, { exact: true })

  it('sorts a table at a click on its heading, amounts by all their digits, with the rest at the end', async () => {
    const { page, said } = await open()
    const amounts = async () =>
      await page
        .locator('table:has([download="users.csv"]) tbody tr:not([data-last]) > :nth-child(4)')
        .evaluateAll((cells: { title: string }[]) => cells.map(({ title }) => title))
    const before = await amounts()
    expect(before).toHaveLength(100)
    await headOf(page, 'users', 'User').click()
    const names = await columnOf(page, 'users', 1)
    expect(names.at(-1)).toBe('all others')
    expect(names.slice(1, 4)).toEqual(
      [...names.slice(1, 4)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })),
    )
    expect(await amounts()).not.toEqual(before)
    await headOf(page, 'users', 'Cost, USD').click()
    expect(await amounts()).toEqual(before)
    expect((await columnOf(page, 'users', 1)).at(-1)).toBe('all others')
    await headOf(page, 'users', 'Cost, USD').click()
    // 100 rows may have equal amounts, whose order stays.
    expect(await amounts()).toEqual([...before].reverse())
    const head = page.locator('table:has([download="users.csv"]) thead th[aria-sort]')
    expect(await head.getAttribute('aria-sort')).toBe('ascending')
    expect(await head.count()).toBe(1)
    expect(said).toEqual([url])
    await page.close()
  })

  it('sorts durations by time, and keeps what is not known last', async () => {
    const { page } = await open()
    await headOf(page, 'expensive', 'Duration').click()
    const durations = await columnOf(page, 'expensive', 7)
    expect(durations[0]).toBe('2h 00m')
    const seconds = durations.slice(1).map((text) => {
      const [, minutes = '0', rest] = /^(?:(\d+)m )?([\d.]+)s$/.exec(text) ?? []
      return 60 * Number(minutes) + Number(rest)
    })
    expect(seconds).toEqual([...seconds].sort((a, b) => b - a))
    await page.close()
  })

  it.each([true, false])(
    'saves a table as CSV with all digits, with JavaScript: %s',
    async (javaScriptEnabled) => {
      const { page, said } = await open({ javaScriptEnabled })
      const saving = page.waitForEvent('download')
      await page.locator('[download="expensive.csv"]').click()
      const download = await saving
      expect(download.suggestedFilename()).toBe('expensive.csv')
      const text = readFileSync(await download.path(), 'utf8')
      const [header, first] = text.split('\r\n')
      expect(header).toBe(
        'executionId,startTime,status,userId,workflowName,modelId,executionTimeMs,totalCost',
      )
      expect(first).toContain(
        '00000000-0000-7000-9000-000000000001,2026-11-20T10:00:00.000000Z,failed,',
      )
      expect(first).toMatch(/,7200000,123456.789012345678$/)
      expect(text.split('\r\n')).toHaveLength(12)
      expect(said.filter((line) => !line.startsWith('data:'))).toEqual([url])
      await page.close()
    },
  )

  it('saves no cell as a formula', async () => {
    const { page } = await open()
    const saving = page.waitForEvent('download')
    await page
      .locator('[download="cost-by-model.csv"]')
      .first()
      .evaluate((link: { click(): void }) => link.click())
    const text = readFileSync(await (await saving).path(), 'utf8')
    expect(text).toContain(`"'=HYPERLINK(""https://evil.example/"")"`)
    expect(text).not.toMatch(/(^|,|\n)"?[=+@]/)
    await page.close()
  })

  it('opens the bill of a user from the list of users, and prints a selected bill alone', async () => {
    const { page, said } = await open()
    await page.evaluate(
      'window.print = () => { window.printed = document.querySelectorAll(":target").length }',
    )
    const link = page.locator('table:has([download="users.csv"]) a[href="#bill-1"]')
    const user = await link.textContent()
    const bill = page.locator('#bill-1')
    expect(await bill.isVisible()).toBe(false)
    await link.click()
    expect(await bill.isVisible()).toBe(true)
    expect(await bill.locator('h3').textContent()).toContain(`Bill of ${user}`)
    await bill.getByText('Print only this bill').click()
    await page.waitForFunction('window.printed === 1')
    await page.emulateMedia({ media: 'print' })
    expect(await page.locator('h2:visible, h3:visible').allTextContents()).toEqual([
      await bill.locator('h3').textContent(),
    ])
    expect(await page.locator('table:visible').count()).toBe(1)
    expect(await page.locator('.headline:visible, .verdict:visible').count()).toBe(0)
    expect(said).toEqual([url])
    await page.close()
  })

  it('opens and prints a bill without JavaScript too', async () => {
    const { page } = await open({ javaScriptEnabled: false })
    await page.locator('table:has([download="users.csv"]) a[href="#bill-2"]').click()
    expect(await page.locator('#bill-2').isVisible()).toBe(true)
    await page.emulateMedia({ media: 'print' })
    expect(await page.locator('h3:visible').count()).toBe(1)
    await page.close()
  })

  it('every link inside the page has its target', async () => {
    const { page } = await open()
    const missing = await page.evaluate<string[]>(
      `[...document.querySelectorAll('a[href^="#"]')].map((a) => a.hash.slice(1)).filter((id) => !document.getElementById(id))`,
    )
    expect(missing).toEqual([])
    expect(await page.locator('a[href^="#f-"]').count()).toBeGreaterThan(0)
    await page.close()
  })

  it('a click on the command of an execution selects all of it', async () => {
    const { page } = await open()
    await page.locator('#e-00000000-0000-7000-9000-000000000001').click()
    expect(String(await page.evaluate('String(getSelection())'))).toMatch(
      /^wfstore executions show 00000000-0000-7000-9000-000000000001$/,
    )
    await page.close()
  })

  it('needs no JavaScript', async () => {
    const { page } = await open()
    const { page: without } = await open({ javaScriptEnabled: false })
    const [shot, other] = [await page.screenshot(), await without.screenshot()]
    expect(other.equals(shot)).toBe(true)
    await page.close()
    await without.close()
  })
})
