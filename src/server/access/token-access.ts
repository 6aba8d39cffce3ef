import type { Site } from '../site.ts'
import type { Authenticate, SiteAccess } from './access.ts'
import { tokenOf } from './bearer.ts'
import { tokenLogin } from './login.ts'
import { type CheckToken, tokenCheck } from './tokens.ts'

export interface TokenAccessOptions extends Pick<Site, 'database' | 'basePath' | 'now'> {
  behindProxy: boolean
}

/** Callers have a token of `wfstore token create`: in the header Authorization or, in browsers, in a cookie of the page /login. */
export function tokenAccess(
  options: TokenAccessOptions,
): Required<Pick<SiteAccess, 'authenticate' | 'login'>> {
  const check = tokenCheck(options)
  return { authenticate: authenticateBy(check), login: tokenLogin({ ...options, check }) }
}

const authenticateBy =
  (check: CheckToken): Authenticate =>
  async (request, address) => {
    const token = tokenOf(request)
    if (token === undefined) return 'none'
    const found = await check(token, address)
    if (found === 'busy') return tooMany()
    return found === 'wrong' ? 'wrong' : found.caller
  }

const tooMany = (): Response =>
  Response.json(
    {
      error: {
        code: 'access_denied',
        message: 'too many wrong tokens come from this address',
        hint: 'use a valid token and try again in a minute',
      },
    },
    { status: 429, headers: { 'retry-after': '60' } },
  )
