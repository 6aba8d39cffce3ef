import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, launchBrowser } from '../../support/browser.ts'
import { NOW } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createBills } from './bills-support.ts'
import { type ListeningSite, listenSite } from './listening.ts'

/** Node knows no types of a browser. */
interface Focused {
  tagName: string
}

describe.runIf(browserPath !== undefined)(
  'Bills and Cost in Chromium (needs chromium on PATH)',
  () => {
    let database: TestDatabase
    let site: ListeningSite
    let browser: Browser

    beforeAll(async () => {
      database = await createBills('pages_bills_browser')
      site = await listenSite(database, { now: () => new Date(NOW) })
      browser = await launchBrowser()
    })
    afterAll(async () => {
      await browser.close()
      await site.close()
      await database.drop()
    })

    const open = async (path: string, javaScriptEnabled = true): Promise<Page> => {
      const page = await browser.newPage({
        javaScriptEnabled,
        // Playwright evaluates the conditions that it waits for.
        bypassCSP: true,
        viewport: { width: 1280, height: 900 },
      })
      await page.goto(site.url + path)
      return page
    }
    const sheetsOf = async (page: Page) =>
      (await page.pdf({ format: 'A4' })).toString('latin1').match(/\/Type\s*\/Page\b/g)?.length

    /** Presses Tab until an element with this tag has the focus. */
    async function tabTo(page: Page, tag: string): Promise<void> {
      for (let pressed = 0; pressed < 60; pressed++) {
        await page.keyboard.press('Tab')
        if ((await page.locator(':focus').evaluate(({ tagName }: Focused) => tagName)) === tag)
          return
      }
      throw new Error(`no ${tag} gets the focus`)
    }

    it('prints each statement on a sheet of its own, without what belongs to a screen', async () => {
      const page = await open('/bills/2026-11/statements')
      const users = await page.locator('.statement').count()
      expect(users).toBe(3)
      expect(await sheetsOf(page)).toBe(users)
      await page.emulateMedia({ media: 'print' })
      expect(
        await page.locator('nav:visible, .filter:visible, .csv:visible, button:visible').count(),
      ).toBe(0)
      expect(await page.locator('h2:visible').count()).toBe(users)
      // As wide as A4 less its margins: nothing is cut.
      await page.setViewportSize({ width: 688, height: 1000 })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(688)
      await page.close()
    })

    it('prints a period on one sheet, on white, also for a reader who prefers dark', async () => {
      const page = await open('/bills/2026-11')
      expect(await sheetsOf(page)).toBe(1)
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
      const colour = await page.evaluate('getComputedStyle(document.body).color')
      expect(colour).toBe('rgb(26, 31, 38)')
      await page.close()
    })

    it('the button prints the page, and is not there without JavaScript', async () => {
      const page = await open('/bills/2026-11/statements')
      await page.evaluate('window.print = () => { window.printed = true }')
      await page.getByRole('button', { name: 'Print' }).click()
      await page.waitForFunction('window.printed')
      await page.close()
      const without = await open('/bills/2026-11/statements', false)
      expect(await without.locator('button.print:visible').count()).toBe(0)
      expect(await without.locator('.statement:visible').count()).toBe(3)
      await without.close()
    })

    it.each([true, false])(
      'dimensions and time are chosen with the keyboard, with JavaScript: %s',
      async (javaScriptEnabled) => {
        const page = await open('/cost?since=2026-11-01', javaScriptEnabled)
        await page.keyboard.press('Tab')
        expect(await page.locator(':focus').textContent()).toBe('Skip to the content')
        await page.keyboard.press('Enter')
        await tabTo(page, 'SELECT')
        await page.keyboard.type('user')
        await page.keyboard.press('Tab')
        await page.keyboard.type('model')
        await tabTo(page, 'BUTTON')
        await Promise.all([page.waitForURL(/by=user&by=model/), page.keyboard.press('Enter')])
        expect(await page.locator('h2').last().textContent()).toBe('Cost by user and model')
        expect(await page.locator('tbody tr').count()).toBeGreaterThan(3)
        await page.close()
      },
    )

    it('a table that is too wide is scrolled with the keyboard', async () => {
      const page = await open('/bills/2026-11')
      await page.setViewportSize({ width: 360, height: 800 })
      const region = page.locator('.scroll').first()
      await region.focus()
      await page.keyboard.press('ArrowRight')
      await page.waitForFunction(`document.querySelector('.scroll').scrollLeft > 0`)
      await page.close()
    })
  },
)
