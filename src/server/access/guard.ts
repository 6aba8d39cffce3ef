import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { WfstoreError } from '../../error.ts'
import { OLD_ROUTES } from '../legacy/routes.ts'
import type { Site, SiteEnv } from '../site.ts'
import { addressOf } from './address.ts'
import { limitBody } from './body.ts'
import { SECURITY_HEADERS } from './headers.ts'
import { isForged } from './origin.ts'
import { refuse, wantsPage } from './refuse.ts'

type Guard = MiddlewareHandler<SiteEnv>

/** What each request passes, in this order. Routes then have a caller, except those that need none. */
export const guards = (site: Site): Guard[] => [
  addHeaders,
  endHead,
  ...(site.access.cors?.length ? [answerOrigins(site.access.cors)] : []),
  refuseForged(site),
  requireCaller(site),
  // Of a client without a token nothing is read.
  limitBody,
]

const addHeaders: Guard = async (context, next) => {
  await next()
  if (context.get('isForeign')) return
  const { headers } = context.res
  // context.header would copy the answer for each of them.
  for (const [name, value] of Object.entries(SECURITY_HEADERS))
    if (!headers.has(name)) headers.set(name, value)
}

/** The body of an answer to a HEAD is never read: its query would never end. */
const endHead: Guard = async (context, next) => {
  await next()
  if (context.req.raw.method === 'HEAD') await context.res.body?.cancel()
}

const answerOrigins = (origins: readonly string[]): Guard =>
  cors({
    origin: [...origins],
    allowMethods: ['GET', 'HEAD', 'POST'],
    allowHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-none-match'],
    exposeHeaders: ['etag', 'link', 'retry-after', 'wfstore-note'],
    maxAge: 600,
  })

const refuseForged =
  ({ access }: Site): Guard =>
  (context, next) =>
    isForged(context.req.raw, access) ? Promise.resolve(refuse(context, forged())) : next()

function requireCaller({ access, basePath, userOf }: Site): Guard {
  const { authenticate, login } = access
  const open = ['/healthz', '/readyz', ...(login?.paths ?? []), ...(userOf ? OLD_ROUTES : [])].map(
    (path) => basePath + path,
  )
  return async (context, next) => {
    const { path, raw } = context.req
    if (open.includes(path) || path.startsWith(`${basePath}/assets/`)) return next()
    const caller = await authenticate(raw, addressOf(context, access))
    if (caller instanceof Response) {
      if (!login) context.set('isForeign', true)
      return caller
    }
    if (typeof caller !== 'string') {
      context.set('caller', caller)
      return next()
    }
    if (!login || !wantsPage(raw) || path.startsWith(`${basePath}/api/`))
      return refuse(context, access.unknown ?? unknown(caller), 401)
    const { search } = new URL(raw.url)
    return context.redirect(
      `${basePath}${login.paths[0]}?next=${encodeURIComponent(path + search)}`,
      303,
    )
  }
}

const forged = () =>
  new WfstoreError('permission_denied', 'the request comes from a page of another site', {
    hint: 'allow its origin: `wfstore serve --cors <origin>`, or cors of createHandler',
  })

const unknown = (which: 'none' | 'wrong') =>
  which === 'none'
    ? new WfstoreError('access_denied', 'a token is required', {
        hint: 'send it in the header Authorization: Bearer wfs_…; `wfstore token create` creates one',
      })
    : new WfstoreError('access_denied', 'the token is unknown, expired or revoked', {
        hint: 'create a new one: `wfstore token create`',
      })
