import { parse } from 'hono/utils/cookie'

/** In browsers; the page /login sets it. */
export const TOKEN_COOKIE = 'wfstore_token'

/** The token of a request. It is never read from the address, which is in logs and histories. */
export function tokenOf({ headers }: Request): string | undefined {
  const [, bearer] = /^bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '') ?? []
  return bearer ?? parse(headers.get('cookie') ?? '', TOKEN_COOKIE)[TOKEN_COOKIE]
}
