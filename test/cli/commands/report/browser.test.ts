import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { fillReport, HOSTILE } from './support.ts'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, name)))
  .find((path) => existsSync(path))

/** An element of the page: Node knows no types of a browser. */
interface Drawn {
  getBoundingClientRect: () => { height: number; right: number }
}

/** Elsewhere than in .ci/run, which installs one, the tests of a browser wait for a browser. */
const browserIsThere = executablePath !== undefined
it('the Chromium that WFSTORE_TEST_BROWSER=1 promises is on PATH', () => {
  if (process.env.WFSTORE_TEST_BROWSER === '1') expect(executablePath).toBeDefined()
})

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
    browser = await chromium.launch({
      executablePath: executablePath as string,
      // Root has no sandbox; the others keep it from asking the network for anything of its own.
      args: '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
        ' ',
      ),
    })
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
    expect(await page.evaluate('document.scripts.length')).toBe(0)
    expect(await page.getByText(HOSTILE.user).count()).toBe(1)
    expect(said).toEqual([url])
    await page.close()
  })

  it('runs and loads nothing that is written into it', async () => {
    const attack = `<script>window.hacked = 1</script><img src="http://127.0.0.1:1/x.png" onerror="window.hacked = 2">
      <link rel="stylesheet" href="http://127.0.0.1:1/x.css"><style>body { display: none }</style>`
    const path = join(folder, 'attacked.html')
    writeFileSync(path, readFileSync(join(folder, 'report.html'), 'utf8').replace('<main>', attack))
    const page = await browser.newPage()
    const failed: string[] = []
    page.on('requestfailed', (request) => failed.push(String(request.failure()?.errorText)))
    await page.goto(pathToFileURL(path).href)
    expect(await page.evaluate('window.hacked')).toBeUndefined()
    expect(await page.getByRole('heading', { name: 'Usage and cost' }).isVisible()).toBe(true)
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
    const tables = page.locator('details')
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

  it('needs no JavaScript', async () => {
    const { page } = await open()
    const { page: without } = await open({ javaScriptEnabled: false })
    const [shot, other] = [await page.screenshot(), await without.screenshot()]
    expect(other.equals(shot)).toBe(true)
    await page.close()
    await without.close()
  })
})
