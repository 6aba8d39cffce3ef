import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createDemo, idsOf, type Tried, tried } from './support.ts'

let database: TestDatabase
let api: Tried
let id: string

beforeAll(async () => {
  database = await createDemo('api_http')
  api = tried(database)
  id = (await idsOf(database))['/executions/:id'] as string
})
afterAll(async () => {
  await api.close()
  await database.drop()
})

const get = (path: string, headers?: Record<string, string>) => api.get(`/api/v1${path}`, headers)

describe('Accept', () => {
  it.each([
    ['*/*', 'application/json'],
    ['text/*', 'text/csv; charset=utf-8'],
    ['application/*', 'application/json'],
    ['text/csv;q=0.5, application/x-ndjson', 'application/x-ndjson'],
    ['text/html, */*;q=0.1', 'application/json'],
    ['application/json;q=0, text/csv', 'text/csv; charset=utf-8'],
    ['TEXT/CSV', 'text/csv; charset=utf-8'],
  ])('%s selects %s', async (accept, type) => {
    const response = await get('/settings', { accept })
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('vary')).toBe('accept')
  })

  it.each(['text/html', 'application/json;q=0', 'image/*'])('%s is 406', async (accept) => {
    const response = await get('/settings', { accept })
    expect(response.status).toBe(406)
    expect(await response.json()).toEqual({
      error: {
        code: 'not_acceptable',
        message: 'none of the types in the header Accept is available',
        hint: 'use one of application/json, application/x-ndjson, text/csv, text/tab-separated-values',
      },
    })
  })

  it('the parameter output goes before it, for links', async () => {
    const response = await get('/settings?output=csv', { accept: 'application/json' })
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  })

  it('the report is a page for a browser', async () => {
    const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    const response = await get('/report', { accept: browser })
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await response.text()).toMatch(/^<!doctype html>/i)
  })
})

describe('ETag', () => {
  it('an answer that has not changed is 304 without a body', async () => {
    const first = await get(`/executions/${id}`)
    const etag = first.headers.get('etag') as string
    expect(etag).toMatch(/^"[\w-]{27}"$/)
    for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get(`/executions/${id}`, { 'if-none-match': header })
      expect([again.status, await again.text()]).toEqual([304, ''])
      expect(again.headers.get('etag')).toBe(etag)
    }
  })

  it('an answer that has changed has another one', async () => {
    const first = await get('/executions/running')
    const etag = first.headers.get('etag') as string
    await database.sql(`update workflow_executions set mode = 'changed' where status = 'running'`)
    const again = await get('/executions/running', { 'if-none-match': etag })
    expect(again.status).toBe(200)
    expect(again.headers.get('etag')).not.toBe(etag)
  })
})

describe('Link', () => {
  it.each(['json', 'jsonl', 'csv'])(
    'leads through each row of a list once, in %s',
    async (output) => {
      const idsIn = (body: string) => [...body.matchAll(/"?logId"?: ?"([^"]+)|^([0-9a-f-]{36}),/gm)]
      const all = idsIn(await (await get(`/audit?since=30d&output=${output}`)).text())
      const found: string[] = []
      let next: string | undefined = `/api/v1/audit?since=30d&limit=97&output=${output}`
      while (next !== undefined) {
        const response = await api.get(next)
        expect(response.headers.get('wfstore-note')).toBeNull()
        found.push(
          ...idsIn(await response.text()).map(([, one, other]) => (one ?? other) as string),
        )
        const link: string | null = response.headers.get('link')
        next = link === null ? undefined : /^<([^>]+)>; rel="next"$/.exec(link)?.[1]
      }
      expect(all.length).toBeGreaterThan(200)
      expect(found).toEqual(all.map(([, one, other]) => one ?? other))
    },
  )

  it('the parameter page has the cursor in JSON too', async () => {
    const response = await get('/executions?page&limit=2')
    const { nextCursor } = (await response.json()) as { nextCursor: string }
    expect(response.headers.get('link')).toBe(
      `</api/v1/executions?page=&limit=2&cursor=${nextCursor}>; rel="next"`,
    )
  })
})

describe('Wfstore-Note', () => {
  it('says what the command says to people', async () => {
    const response = await get('/executions?sort=totalCost:desc&limit=3')
    const note = response.headers.get('wfstore-note') as string
    expect(note).toMatch(/^showing 3 of \d+; use limit all$/)
  })

  it('is percent-encoded, so that it can contain any text', async () => {
    const response = await get('/prices?model=Ünïcode,+"100 %25"')
    expect(response.headers.get('wfstore-note')).toBe(
      '%C3%9Cn%C3%AFcode has no price, "100 %25" has no price',
    )
  })

  it('a check that fails is an answer, with a note', async () => {
    await database.sql('drop index workflow_executions_user_start_idx')
    const response = await get('/doctor?columns=check,state')
    const findings = (await response.json()) as { check: string; state: string }[]
    expect(response.status).toBe(200)
    expect(findings.map(({ state }) => state)).toContain('failed')
    expect(response.headers.get('wfstore-note')).toMatch(/^\d checks? failed: /)
  })
})

describe('methods', () => {
  it('HEAD has the headers of GET and no body', async () => {
    const { site } = api
    const { createApp } = await import('../../../src/server/app.ts')
    const head = await createApp(site).request('/api/v1/settings', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(head.headers.get('etag')).toBe((await get('/settings')).headers.get('etag'))
  })

  it('another method is 405 and names those that are allowed', async () => {
    const response = await api.post('/api/v1/executions', {})
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })
})
