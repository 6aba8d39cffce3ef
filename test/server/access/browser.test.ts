import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Listening, listen } from '../../../src/server/listen.ts'
import { browserPath, launchBrowser } from '../../support/browser.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { type Watched, watch } from '../pages/crawl.ts'
import { createToken, openTokenSite, type TokenSite } from './token-site.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'

describe.runIf(browserPath !== undefined)('in a browser (needs chromium on PATH)', () => {
  let database: TestDatabase
  let browser: Browser
  let site: TokenSite
  let server: Listening
  let url: string
  let token: string
  let watched: Watched
  let page: Page
  /** All addresses and referrers that the server was asked with. */
  let addresses: string[]
  /** A server of an attacker, whose page is `attack`. */
  let other: Server
  let attack: string

  beforeAll(async () => {
    database = await createMigrated('server_browser')
    browser = await launchBrowser()
    other = createServer((_, response) => {
      response.setHeader('content-type', 'text/html').end(attack)
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    await browser.close()
    other.close()
    await database.drop()
  })
  beforeEach(async () => {
    await database.sql(`
      truncate wfstore_tokens, workflow_executions cascade;
      insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time)
        values ('${ID}', 'w', 'user_7', 'Sales', 'gpt-4o', 'running', now())`)
    token = await createToken(database, '--name on-call --can write')
    site = openTokenSite(database, { allowWrites: true })
    addresses = []
    const answer = getRequestListener(site.fetch, { overrideGlobalObjects: false })
    server = await listen(
      (request, response) => {
        addresses.push(`${request.url} ${request.headers.referer}`)
        return answer(request, response)
      },
      { host: '127.0.0.1', port: 0 },
    )
    url = `http://127.0.0.1:${server.port}`
    watched = await watch(browser, url)
    page = watched.page
  })
  afterEach(async () => {
    await watched.close()
    site.stop()
    await server.close()
    await site.close()
  })

  /** The browser puts the cursor into the field after it has shown the page. */
  const focused = () => page.locator('#token:focus').waitFor()
  const logIn = async (path = '/cost') => {
    await page.goto(url + path)
    await focused()
    await page.keyboard.type(token)
    await page.keyboard.press('Enter')
    await page.waitForURL(url + path)
  }
  const heading = () => page.locator('h1').textContent()

  it('the keyboard logs in, and leads back to the page; no script and no address has the token', async () => {
    await logIn('/executions?status=failed')
    expect(await heading()).toBe('Executions')
    expect(await page.evaluate('document.cookie')).not.toContain('wfstore_token')
    await page.goto(`${url}/login`)
    expect(await page.content()).not.toContain(token)
    expect(addresses.filter((address) => address.includes('wfs_'))).toEqual([])
    expect(watched.said).toEqual([])
  })

  it('a wrong token is named next to its field', async () => {
    await page.goto(`${url}/cost`)
    await focused()
    await page.keyboard.type('wfs_wrong')
    await page.keyboard.press('Enter')
    await page.locator('[role=alert]', { hasText: 'unknown, expired or revoked' }).waitFor()
    expect(await page.getByLabel('Token').getAttribute('aria-invalid')).toBe('true')
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.waitForURL(`${url}/cost`)
  })

  it('Log out ends it', async () => {
    await logIn()
    expect(await page.locator('footer').textContent()).toContain('on-call may write')
    await page.getByRole('link', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.waitForURL(`${url}/login`)
    await page.goto(`${url}/cost`)
    expect(page.url()).toBe(`${url}/login?next=%2Fcost`)
  })

  it('axe finds no fault in the login, light and dark, on a phone', async () => {
    const faults: unknown[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const step of ['log in', 'wrong', 'logged in']) {
        await page.setViewportSize({ width: 360, height: 780 })
        if (step === 'log in') await page.goto(`${url}/login`)
        else {
          await page.getByLabel('Token').fill(step === 'wrong' ? 'wfs_x' : token)
          await page.keyboard.press('Enter')
          if (step === 'wrong') await page.locator('[role=alert]').waitFor()
          else {
            await page.waitForURL(`${url}/`)
            await page.goto(`${url}/login`)
          }
        }
        await page.evaluate(AXE)
        const { violations } = await page.evaluate<{ violations: { id: string }[] }>('axe.run()')
        faults.push(...violations.map(({ id }) => `${colorScheme} ${step} ${id}`))
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
      }
      await page.context().clearCookies()
    }
    expect(faults).toEqual([])
  })

  /** Another site, and another program of this machine, to which the browser sends the same cookies. */
  const PLACES: [place: string, host: string][] = [
    ['another site', 'localhost'],
    ['another port of this host', '127.0.0.1'],
  ]
  const visit = (host: string) =>
    page.goto(`http://${host}:${(other.address() as AddressInfo).port}/`)

  it.each(PLACES)('a link of %s opens the page that it leads to', async (_, host) => {
    await logIn()
    attack = `<a href="${url}/executions?status=running">a run</a>`
    await visit(host)
    await page.getByRole('link').click()
    await page.waitForURL(`${url}/executions?status=running`)
    expect(await heading()).toBe('Executions')
    await page.context().clearCookies()
    await visit(host)
    await page.getByRole('link').click()
    await page.getByLabel('Token').waitFor()
    expect(page.url()).toBe(`${url}/login?next=%2Fexecutions%3Fstatus%3Drunning`)
  })

  it.each(PLACES)('a page of %s cannot act, read, log out or frame a page', async (_, host) => {
    await logIn()
    const action = `${url}/api/v1/executions/${ID}/cancel`
    attack = `<title>attack</title>
      <iframe name="of-forms"></iframe><iframe src="${url}/cost" name="framed"></iframe>
      <form method="post" enctype="text/plain" action="${action}" target="of-forms"><input name='{"reason":"' value='"}'></form>
      <form method="post" action="${action}" target="of-forms"><input name="reason" value="x"></form>
      <form method="post" action="${url}/logout" target="of-forms"></form>
      <form method="post" action="${url}/login" target="of-forms"><input name="token" value="wfs_x"></form>
      <script>
        const json = { 'content-type': 'application/json', 'idempotency-key': 'k' }
        const tries = [
          ['${action}', { method: 'POST', mode: 'no-cors', body: '{}' }],
          ['${action}', { method: 'POST', mode: 'no-cors', body: new Blob(['{}'], { type: 'text/plain' }) }],
          ['${action}', { method: 'POST', headers: json, body: '{}' }],
          ['${url}/api/v1/executions', {}],
          ['${url}/cost', {}],
          ['${url}/logout', { method: 'POST', mode: 'no-cors' }],
        ]
        const read = async ([to, init]) => {
          try {
            const answer = await fetch(to, { credentials: 'include', ...init })
            return answer.type === 'opaque' ? '' : await answer.text()
          } catch {
            return ''
          }
        }
        addEventListener('load', async () => {
          for (const form of document.forms) {
            form.submit()
            await new Promise((done) => document.querySelector('iframe').addEventListener('load', done, { once: true }))
          }
          window.found = (await Promise.all(tries.map(read))).join('')
          document.title = 'done'
        })
      </script>`
    await visit(host)
    await page.waitForFunction('document.title === "done"')
    expect(await page.evaluate('window.found')).toBe('')
    expect(page.frame('framed')?.url()).not.toBe(`${url}/cost`)
    expect(await database.sql('select status from workflow_executions')).toEqual([
      { status: 'running' },
    ])
    expect(await database.sql('select from wfstore_requests')).toEqual([])
    await page.goto(`${url}/cost`)
    expect(page.url()).toBe(`${url}/cost`)
  })

  it('a script of its own page can act with the cookie', async () => {
    await logIn()
    const status = await page.evaluate(
      `fetch('/api/v1/executions/${ID}/cancel', { method: 'POST', body: '{}',
        headers: { 'content-type': 'application/json', 'idempotency-key': 'k' } }).then(({ status }) => status)`,
    )
    expect(status).toBe(200)
    expect(await database.sql('select status from workflow_executions')).toEqual([
      { status: 'cancelled' },
    ])
  })
})
