import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WfstoreError } from '../../../src/error.ts'
import { html } from '../../../src/server/markup/markup.ts'
import { FILTERS, filterForm } from '../../../src/server/pages/filters.ts'
import { page } from '../../../src/server/pages/page.ts'
import type { SiteEnv } from '../../../src/server/site.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite

beforeAll(async () => {
  database = await createMigrated('pages_frame')
  site = openSite(database, { basePath: '/wfstore' })
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

/** Pages of a test, on a server with the database. */
function withPage(path: string, work: Parameters<typeof page>[3]) {
  const app = new Hono<SiteEnv>().basePath(site.basePath)
  page(app, site, path, work)
  return async (query = '', headers: Record<string, string> = {}) => {
    const answer = await app.fetch(new Request(`http://localhost/wfstore${query}`, { headers }))
    return { status: answer.status, headers: answer.headers, body: await answer.text() }
  }
}

describe('assets', () => {
  it('have the hash of their content in their names, and browsers keep them', async () => {
    const body = await (await site.get('/nothing')).text()
    const paths = [...body.matchAll(/(?:href|src)="\/wfstore(\/assets\/[^"]+)"/g)].map(
      (found) => found[1] as string,
    )
    expect(paths.map((path) => path.replace(/-[\w-]{12}\./, '-HASH.'))).toEqual([
      '/assets/icon-HASH.svg',
      '/assets/style-HASH.css',
      '/assets/script-HASH.js',
    ])
    for (const path of paths) {
      const answer = await site.get(path)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    }
    expect((await site.get('/assets/style-000000000000.css')).status).toBe(404)
  })
})

describe('an address', () => {
  it('without a page is a page with status 404', async () => {
    const answer = await site.get('/nothing')
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('<h1>Not found</h1>')
  })

  it('with empty parameters, as a form sends them, leads to the address without them', async () => {
    const get = withPage('/a', async () => ({ title: 'A', body: html`` }))
    const { status, headers } = await get('/a?status=&user=x&since=')
    expect([status, headers.get('location')]).toEqual([302, '/wfstore/a?user=x'])
  })
})

describe('a page', () => {
  it('shows times in the zone of the address, else of the cookie, else in UTC, and names it once', async () => {
    const get = withPage('/a', async ({ timeZone }) => ({
      title: 'A',
      body: html`in:${timeZone};`,
    }))
    const cookie = { cookie: 'wfstore_tz=Asia%2FTokyo' }
    expect((await get('/a')).body).toContain('in:UTC;')
    expect((await get('/a', cookie)).body).toContain('in:Asia/Tokyo;')
    const { body } = await get('/a?tz=europe/berlin', cookie)
    expect(body).toContain('in:Europe/Berlin;')
    expect(body).toContain('Times are in <strong>Europe/Berlin</strong>')
    expect(body).toContain(`Database <bdi>${database.name}</bdi>`)
    // A cookie of another application is no error; an address is.
    expect((await get('/a', { cookie: 'wfstore_tz=nowhere' })).body).toContain('in:UTC;')
    const wrong = await get('/a?tz=IST')
    expect(wrong.status).toBe(400)
    expect(wrong.body).toContain('Asia/Kolkata')
  })

  it.each([
    ['usage', 400],
    ['not_found', 404],
    ['conflict', 409],
    ['permission_denied', 403],
    ['locked', 503],
    ['unreachable', 503],
    ['schema_behind', 503],
    ['failed', 500],
  ] as const)('of the error %s has the status %i and the frame', async (code, status) => {
    const get = withPage('/cost', async () => {
      throw new WfstoreError(code, 'it is <b>wrong</b>', { hint: 'do something else' })
    })
    const { status: actual, body, headers } = await get('/cost')
    expect(actual).toBe(status)
    expect(body).toContain('It is &lt;b&gt;wrong&lt;/b&gt;.')
    expect(body).toContain('Do something else.')
    expect(body).toContain('aria-current="page">Cost</a>')
    expect(headers.get('retry-after')).toBe(status === 503 ? (code === 'locked' ? '1' : '5') : null)
  })

  it('of an unexpected error says nothing of it to the reader, and all to the operator', async () => {
    const get = withPage('/a', async () => {
      throw new Error('password=secret')
    })
    const { status, body } = await get('/a')
    expect(status).toBe(500)
    expect(body).not.toContain('secret')
    expect(site.errors.at(-1)).toMatchObject({ message: 'password=secret' })
  })
})

describe('the filter form', () => {
  it('has the values of the address, and a link that removes each', async () => {
    const get = withPage('/a', async (view) => ({ title: 'A', body: filterForm(view, FILTERS) }))
    const { body } = await get('/a?status=failed,partial&user=%22%3E%3Cscript%3E&sort=x&cursor=y')
    expect(body).toContain('value="failed" checked')
    expect(body).toContain('value="partial" checked')
    expect(body).not.toContain('value="running" checked')
    expect(body).toContain('name="user" value="&quot;&gt;&lt;script&gt;"')
    expect(body).toContain('<input type="hidden" name="sort" value="x">')
    expect(body).toContain('href="/wfstore/a?status=failed%2Cpartial&amp;sort=x"')
    expect(body).toContain('href="/wfstore/a?sort=x">Remove all')
    expect(body).not.toContain('<script>')
  })
})
