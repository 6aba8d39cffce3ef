import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { browserPath, launchBrowser } from '../../../support/browser.ts'
import { type CliResult, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
let folder: string
beforeAll(async () => {
  database = await createMigrated('serve_open')
  folder = mkdtempSync(join(tmpdir(), 'wfstore-open-'))
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

/** Runs `wfstore open` until it says where the pages are. */
async function open(words: string[], path = folder) {
  const interruption = new AbortController()
  let ended: Promise<CliResult> | undefined
  const said = await new Promise<string>((resolve, reject) => {
    ended = runCli(['open', ...words, '--database-url', database.url], {
      env: { PATH: path },
      localNow: new Date(),
      signal: interruption.signal,
      sleep: (_, signal) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new Error('aborted'))),
        ),
      show: resolve,
    })
    ended.then(({ stderr }) => reject(new Error(stderr)), reject)
  })
  const end = () => {
    interruption.abort('SIGINT')
    return ended as Promise<CliResult>
  }
  return { said, end }
}

const go = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, { redirect: 'manual', headers: { accept: 'text/html', ...headers } })

it('opens a page in the browser, which alone can read until Ctrl-C', async () => {
  const opened = join(folder, 'opened')
  const opener = join(folder, process.platform === 'darwin' ? 'open' : 'xdg-open')
  writeFileSync(opener, `#!/bin/sh\necho "$@" > '${opened}'\n`)
  chmodSync(opener, 0o755)
  const { said, end } = await open(['executions?status=failed'])
  const link = readFileSync(opened, 'utf8').trim()
  const { origin } = new URL(link)
  expect(said).toBe(`${origin} is open in the browser; Ctrl-C ends it\n`)
  expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)

  expect((await go(`${origin}/`)).status).toBe(303)
  expect((await go(`${origin}/api/v1/executions`)).status).toBe(401)
  expect((await go(`${origin}/open?key=wrong`)).status).toBe(401)
  const first = await go(link)
  const cookie = first.headers.get('set-cookie') ?? ''
  expect([first.status, first.headers.get('location')]).toEqual([303, '/executions?status=failed'])
  expect(cookie).toMatch(/^wfstore_open_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  // Another user may have seen the link in the list of processes.
  const again = await go(link)
  expect([again.status, again.headers.get('set-cookie')]).toEqual([401, null])
  const own = { cookie: cookie.split(';')[0] as string }
  expect((await go(`${origin}/executions`, own)).status).toBe(200)
  expect((await go(`${origin}/api/v1/executions`, { ...own, accept: '*/*' })).status).toBe(200)
  const write = await fetch(`${origin}/api/v1/executions/fail`, {
    method: 'POST',
    headers: { ...own, 'content-type': 'application/json', 'idempotency-key': 'k' },
    body: '{"older-than":"1h"}',
  })
  expect(write.status).toBe(403)
  expect(await end()).toMatchObject({ code: 130, stdout: '' })
  await expect(go(`${origin}/`)).rejects.toThrow()
})

it('without a browser it prints the link', async () => {
  const { said, end } = await open([], join(folder, 'nothing-here'))
  const [, link = ''] = /^no browser was found; open (\S+) \(works once\)\n$/.exec(said) ?? []
  expect((await go(link)).headers.get('location')).toBe('/')
  await end()
})

it.skipIf(browserPath === undefined)(
  'a browser gets from the link to the page and on to others, and one without the cookie does not',
  async () => {
    const { said, end } = await open(['executions?status=failed'], join(folder, 'nothing-here'))
    const [, link = ''] = /open (\S+) /.exec(said) ?? []
    const browser = await launchBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(link)
      expect(page.url()).toBe(`${new URL(link).origin}/executions?status=failed`)
      expect(await page.textContent('h1')).toBe('Executions')
      await page.click('nav >> text=Cost')
      expect(await page.textContent('h1')).toBe('Cost')
      const other = await (await browser.newContext()).newPage()
      await other.goto(link)
      expect(await other.textContent('body')).toContain('Run `wfstore open` again')
    } finally {
      await browser.close()
      await end()
    }
  },
)

it.each(['https://evil.example/', '//evil.example/', '\\\\evil.example'])(
  '%s is no page',
  async (path) => {
    expect(await runCli(['open', path])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not a page'),
    })
  },
)
