import { setTimeout as delay } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import type { Site } from '../site.ts'
import type { Mailbox } from './mailbox.ts'
import type { PageWork } from './page.ts'
import { problemOf, sentence } from './problem.ts'
import { type PageRequest, viewOf } from './view.ts'

/** The updates of one page, which all its readers share. */
export interface Channel {
  /** Its readers, also those that wait for the first reading. The channel lives as long as it has one. */
  clients: Set<Mailbox>
  /** The first reading of the page. It is rejected if the address is not valid; if the database is away, it is not. */
  first: Promise<void>
  /** Sends a client what there is, and from then on what changes. */
  join: (client: Mailbox) => void
  stop: () => void
}

/** A query that takes long is repeated less often: it uses at most this share of the time. */
const MOST_BUSY = 0.2

const encoder = new TextEncoder()
export const eventOf = (name: string, data: unknown): Uint8Array =>
  encoder.encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)

/** Reads the page again and again until `stop`, and sends the parts that have changed. */
export function openChannel(
  site: Site,
  request: PageRequest,
  work: PageWork,
  everyMs: number,
): Channel {
  const clients = new Set<Mailbox>()
  /** Those that get events. */
  const joined = new WeakSet<Mailbox>()
  const left = new AbortController()
  /** The newest event of each key, for a client that comes later. */
  const newest = new Map<string, Uint8Array>()
  const compared = new Map<string, string>()

  const send = (key: string, name: string, data: unknown, text: string) => {
    if (compared.get(key) === text) return
    const event = eventOf(name, data)
    compared.set(key, text)
    newest.set(key, event)
    for (const client of clients) if (joined.has(client)) client.put(key, event)
  }
  const sendState = (problem: string) => send('state', 'state', { problem }, problem)

  const read = async (update: number) => {
    const { signal } = left
    const parts = await site.database.report(signal, async (connection) => {
      const { view, parts } = viewOf(request, connection, signal, update)
      await work(view)
      return parts
    })
    for (const [id, html] of parts) send(`part ${id}`, 'part', { id, html }, withoutAges(html))
    sendState('')
  }

  let wasAway = false
  const fail = (error: unknown) => {
    // Nothing new because the server has too much to do is no news.
    if (left.signal.aborted || (error instanceof WfstoreError && error.code === 'locked')) return
    const { status, title, message } = problemOf(error)
    if (status >= 500 && !wasAway) site.onError(error)
    wasAway = status >= 500
    sendState(`${title}: ${sentence(message)}`)
  }

  const started = performance.now()
  const first = read(0).catch((error: unknown) => {
    if (problemOf(error).status < 500) throw error
    fail(error)
  })
  const repeat = async () => {
    let took = 0
    await first.then(() => {
      took = performance.now() - started
    })
    for (let update = 1; !left.signal.aborted; update++) {
      await delay(Math.max(everyMs, took / MOST_BUSY), undefined, { signal: left.signal })
      const began = performance.now()
      try {
        await read(update)
        wasAway = false
      } catch (error) {
        fail(error)
      }
      took = performance.now() - began
    }
  }
  // Ends with the last client, or with the first reading.
  repeat().catch(() => {})

  return {
    clients,
    first,
    join: (client) => {
      joined.add(client)
      for (const [key, event] of newest) client.put(key, event)
    },
    stop: () => left.abort(),
  }
}

/** The script counts the time since an instant, so that alone is no change. */
const withoutAges = (html: string) => html.replaceAll(/( data-since="[^"]*"[^>]*>)[^<]*/g, '$1')
