import type { Hono } from 'hono'
import { WfstoreError } from '../../error.ts'
import { activityOf } from '../metrics/activity.ts'
import type { Site, SiteEnv } from '../site.ts'
import { type Channel, eventOf, openChannel } from './channel.ts'
import type { PageContext } from './frame.ts'
import { type Mailbox, mailbox } from './mailbox.ts'
import { workAt } from './page.ts'
import { problemOf } from './problem.ts'
import { type PageRequest, zoneIn } from './view.ts'

export interface EventOptions {
  /** How often a page is read again (default: 3 seconds). */
  everyMs?: number
  /** How often a client hears that the server is still there (default: 15 seconds). */
  heartbeatMs?: number
  /** (default: 1000) */
  mostClients?: number
  /** Different pages, each of which is read for all its clients (default: 100). */
  mostPages?: number
  /** After this time the browser connects again, so that the right of its caller is checked again (default: 10 minutes). */
  longestMs?: number
}

const HEARTBEAT = new TextEncoder().encode(':\n\n')

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // A proxy sends each event at once.
  'x-accel-buffering': 'no',
}

/** Server-sent events that keep the pages up to date: /events?page=executions&status=failed */
export function addEvents(app: Hono<SiteEnv>, site: Site, options: EventOptions = {}): void {
  const { everyMs = 3000, heartbeatMs = 15_000, longestMs = 600_000 } = options
  const { mostClients = 1000, mostPages = 100 } = options
  const channels = new Map<string, Channel>()
  /** With the time at which each has come. */
  const clients = new Map<Mailbox, number>()
  activityOf(site).streams = () => clients.size

  const everyHeartbeat = () => {
    for (const [client, since] of clients) {
      if (performance.now() - since > longestMs) client.end()
      else client.put('heartbeat', HEARTBEAT)
    }
  }
  let heartbeats: NodeJS.Timeout | undefined

  const leave = (client: Mailbox, key: string, channel: Channel) => {
    clients.delete(client)
    channel.clients.delete(client)
    if (clients.size === 0) clearInterval(heartbeats)
    if (channel.clients.size > 0) return
    channel.stop()
    if (channels.get(key) === channel) channels.delete(key)
  }

  site.stopping.addEventListener('abort', () => {
    for (const client of clients.keys()) {
      client.put('stop', eventOf('stop', {}))
      client.end()
    }
  })

  app.get('/events', async (context) => {
    if (site.stopping.aborted) return busy(context, 'the server is stopping')
    if (clients.size >= mostClients)
      return busy(context, `the server has ${mostClients} clients of live updates`)
    try {
      const { request, work, key } = asked(context, site)
      if (context.req.method === 'HEAD') return context.body(null, 200, HEADERS)
      let channel = channels.get(key)
      if (!channel) {
        if (channels.size >= mostPages)
          return busy(context, `the server updates ${mostPages} other pages`)
        channel = openChannel(site, request, work, everyMs)
        channels.set(key, channel)
      }
      const client = mailbox(() => leave(client, key, channel))
      if (clients.size === 0) heartbeats = setInterval(everyHeartbeat, heartbeatMs)
      clients.set(client, performance.now())
      const { signal } = context.req.raw
      signal.addEventListener('abort', () => leave(client, key, channel))
      // It counts as a client while the page is read for the first time.
      channel.clients.add(client)
      try {
        await channel.first
      } catch (error) {
        leave(client, key, channel)
        throw error
      }
      if (signal.aborted) leave(client, key, channel)
      else channel.join(client)
      return context.body(client.stream, 200, HEADERS)
    } catch (error) {
      const { status, message } = problemOf(error)
      if (status >= 500) site.onError(error)
      return context.text(`${message}\n`, status)
    }
  })
}

/** The page that is asked for. @throws WfstoreError not_found, usage */
function asked(context: PageContext, site: Site) {
  const { searchParams } = new URL(context.req.url)
  const path = `/${searchParams.get('page') ?? ''}`
  const parameters = new URLSearchParams(
    [...searchParams].filter(([name, value]) => name !== 'page' && value !== ''),
  )
  const found = workAt(site, path)
  if (!found) throw new WfstoreError('not_found', 'there is no such page')
  const { work, variables } = found
  const timeZone = zoneIn(parameters) ?? 'UTC'
  const can = context.get('caller')?.can ?? 'read'
  const request: PageRequest = { site, path, parameters, variables, timeZone, can }
  return { request, work, key: `${can} ${path}?${parameters}` }
}

const busy = (context: PageContext, reason: string) =>
  context.text(`${reason}\n`, 503, { 'retry-after': '30' })
