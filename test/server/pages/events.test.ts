import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WfstoreError } from '../../../src/error.ts'
import { html } from '../../../src/server/markup/markup.ts'
import { addEvents, type EventOptions } from '../../../src/server/pages/events.ts'
import { addExecutions } from '../../../src/server/pages/executions.ts'
import { mailbox } from '../../../src/server/pages/mailbox.ts'
import { type PageWork, page } from '../../../src/server/pages/page.ts'
import type { Site, SiteDatabase, SiteEnv } from '../../../src/server/site.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite
beforeAll(async () => {
  database = await createMigrated('pages_events')
  site = openSite(database)
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

const NEVER = 3_600_000

/** The events of one client. */
interface Client {
  status: number
  headers: Headers
  /** Reads up to an event that has this text, and returns all events up to it. */
  until: (text: string) => Promise<string>
  leave: () => void
}

/** A server with the page /a, on whose database a test has its hand. */
function withEvents(work: PageWork, options: EventOptions = {}) {
  const stopping = new AbortController()
  const readings: AbortSignal[] = []
  const control = { fails: undefined as Error | undefined }
  const report: SiteDatabase['report'] = (signal, use) => {
    readings.push(signal)
    return control.fails ? Promise.reject(control.fails) : site.database.report(signal, use)
  }
  const here: Site = {
    ...site,
    database: { ...site.database, report },
    stopping: stopping.signal,
  }
  const app = new Hono<SiteEnv>()
  page(app, here, '/a', work)
  addExecutions(app, here)
  addEvents(app, here, { everyMs: 5, ...options })
  const open = async (query: string): Promise<Client> => {
    const leaving = new AbortController()
    const request = new Request(`http://localhost/events?${query}`, { signal: leaving.signal })
    const { status, headers, body } = await app.fetch(request)
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    clients.push(() => leaving.abort())
    let text = ''
    return {
      status,
      headers,
      leave: () => leaving.abort(),
      until: async (expected) => {
        for (;;) {
          const { done, value } = await reader.read()
          text += new TextDecoder().decode(value)
          const place = text.indexOf(expected)
          if (place < 0 && done) throw new Error(`ended without ${expected}: ${text}`)
          if (place < 0) continue
          const end = text.indexOf('\n\n', place) + 2
          const found = text.slice(0, end)
          text = text.slice(end)
          return found
        }
      },
    }
  }
  return { open, readings, control, stop: () => stopping.abort() }
}
const clients: (() => void)[] = []
afterEach(() => {
  for (const leave of clients.splice(0)) leave()
})

describe('events', () => {
  it('bring a new run to the list, and only parts that have changed', async () => {
    await database.sql('truncate workflow_executions cascade')
    const { open } = withEvents(async () => ({ title: '', body: html`` }))
    const client = await open('page=executions&user=user_1&tz=UTC')
    expect(client.headers.get('content-type')).toBe('text/event-stream')
    const first = await client.until('event: state')
    expect(first).toContain('No run matches.')
    await database.sql(`insert into workflow_executions (workflow_name, user_id, mode, model_id)
                        values ('Other', 'user_2', 'm', 'm'), ('Mine', 'user_1', 'm', 'm')`)
    const changed = await client.until('Mine')
    expect(changed).toContain('"id":"runs"')
    expect(changed).not.toContain('No run matches.')
    expect(changed).not.toContain('Other')
  })

  it('of 200 readers of a page need one reading', async () => {
    const { open, readings } = withEvents(
      async (view) => ({ title: '', body: view.live('x', html`same`) }),
      { everyMs: NEVER },
    )
    const all = await Promise.all(Array.from({ length: 200 }, () => open('page=a&tz=UTC')))
    for (const client of all) expect(await client.until('event: state')).toContain('same')
    expect(readings).toHaveLength(1)
    // Another address is another page.
    await (await open('page=a&tz=Asia/Tokyo')).until('event: state')
    expect(readings).toHaveLength(2)
  })

  it('are not read for anyone when the last reader has left', async () => {
    const { open, readings } = withEvents(async () => ({ title: '', body: html`` }), {
      everyMs: NEVER,
    })
    const [one, other] = [await open('page=a'), await open('page=a')]
    one.leave()
    expect(readings.map(({ aborted }) => aborted)).toEqual([false])
    other.leave()
    expect(readings.map(({ aborted }) => aborted)).toEqual([true])
    // The next reader gets a new reading.
    await (await open('page=a')).until('event: state')
    expect(readings.map(({ aborted }) => aborted)).toEqual([true, false])
  })

  it('say that the database is away, and that it is back', async () => {
    const { open, control } = withEvents(async (view) => ({
      title: '',
      body: view.live('x', html`same`),
    }))
    const client = await open('page=a')
    expect(await client.until('event: state')).toContain('"problem":""')
    control.fails = new WfstoreError('unreachable', 'the server has closed the connection')
    const away = await client.until('event: state')
    expect(away).toContain('The database cannot be read: The server has closed the connection.')
    control.fails = undefined
    const back = await client.until('event: state')
    expect(back).toContain('"problem":""')
    // What the reader has is still right, so it is not sent again.
    expect(away + back).not.toContain('event: part')
    // The operator hears of it once.
    expect(site.errors.splice(0)).toHaveLength(1)
  })

  it('begin while the database is away, so that the page recovers by itself', async () => {
    const { open, control } = withEvents(async (view) => ({
      title: '',
      body: view.live('x', html`here`),
    }))
    control.fails = new WfstoreError('unreachable', 'the server is unreachable')
    const client = await open('page=a')
    expect(client.status).toBe(200)
    await client.until('The database cannot be read')
    control.fails = undefined
    await client.until('here')
    site.errors.length = 0
  })

  it('end with a word when the server stops', async () => {
    const { open, stop } = withEvents(async () => ({ title: '', body: html`` }), { everyMs: NEVER })
    const client = await open('page=a')
    await client.until('event: state')
    stop()
    await client.until('event: stop')
    await expect(client.until('more')).rejects.toThrow('ended without more')
    expect((await open('page=a')).status).toBe(503)
  })

  it('have a limit of readers and of pages, and a reader who leaves makes room', async () => {
    const { open } = withEvents(async () => ({ title: '', body: html`` }), {
      everyMs: NEVER,
      mostClients: 3,
      mostPages: 2,
    })
    const first = await open('page=a&limit=1')
    await open('page=a&limit=2')
    const third = await open('page=a&limit=3')
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '30'])
    expect((await open('page=a&limit=2')).status).toBe(200)
    expect((await open('page=a&limit=2')).status).toBe(503)
    first.leave()
    expect((await open('page=a&limit=3')).status).toBe(200)
  })

  it('end after a time, so that the right of the reader is checked again', async () => {
    const { open } = withEvents(async () => ({ title: '', body: html`` }), {
      everyMs: NEVER,
      heartbeatMs: 1,
      longestMs: 0,
    })
    const client = await open('page=a')
    await expect(client.until('event: stop')).rejects.toThrow('ended without')
  })

  it('of an address that is not valid are refused', async () => {
    const { open } = withEvents(async () => {
      throw new WfstoreError('usage', 'since is "x", not a time')
    })
    expect((await open('page=a&since=x')).status).toBe(400)
    expect((await open('page=nothing')).status).toBe(404)
    expect((await open('page=a&tz=IST')).status).toBe(400)
  })
})

describe('a reader that does not read', () => {
  it('gets the newest event of each kind, so that it needs no memory', async () => {
    const { stream, put, end } = mailbox(() => {})
    const bytes = (text: string) => new TextEncoder().encode(text)
    for (let time = 0; time < 10_000; time++) {
      put('a', bytes(`a${time} `))
      put('b', bytes(`b${time} `))
    }
    end()
    let text = ''
    for await (const chunk of stream) text += new TextDecoder().decode(chunk)
    expect(text).toBe('a9999 b9999 ')
  })
})
