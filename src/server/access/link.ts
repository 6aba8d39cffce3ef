import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { parse } from 'hono/utils/cookie'
import type { SiteAccess } from './access.ts'

const PATH = '/open'

/**
 * Access for one browser, which opens a link: another user of this machine can reach the server, but does not know the link. It
 * works once, because the addresses that a browser is started with are in the list of processes.
 */
export function linkAccess(next: string): SiteAccess & { link: string } {
  const secrets = {
    link: randomBytes(32).toString('base64url'),
    cookie: randomBytes(32).toString('base64url'),
  }
  let isUsed = false
  // Servers of several ports share the cookies of a host.
  const cookieOf = ({ url }: Request) => `wfstore_open_${new URL(url).port}`
  return {
    link: `${PATH}?key=${secrets.link}`,
    authenticate: async (request) => {
      const name = cookieOf(request)
      const given = parse(request.headers.get('cookie') ?? '', name)[name]
      return isSame(given ?? '', secrets.cookie) ? { name: 'local', can: 'read' } : 'none'
    },
    login: {
      paths: [PATH],
      answer: async (request) => {
        const key = new URL(request.url).searchParams.get('key') ?? ''
        if (isUsed || !isSame(key, secrets.link))
          return new Response('This link works once. Run `wfstore open` again.\n', { status: 401 })
        isUsed = true
        const cookie = `${cookieOf(request)}=${secrets.cookie}; Path=/; HttpOnly; SameSite=Strict`
        return new Response(null, {
          status: 303,
          headers: { location: next, 'set-cookie': cookie },
        })
      },
    },
  }
}

const hashOf = (text: string) => createHash('sha256').update(text).digest()
/** In a time that does not depend on the texts. */
const isSame = (one: string, other: string) => timingSafeEqual(hashOf(one), hashOf(other))
