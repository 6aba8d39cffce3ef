import type { Environment } from '../db/connect/libpq.ts'

/** Replacing shorter passwords would damage ordinary words. In URLs, passwords of any length are removed. */
const SHORTEST_SECRET = 3

/**
 * Returns a function that removes passwords from a text: those from the arguments and the environment, also
 * percent-encoded, and any password in a URL.
 */
export function redactor(argv: readonly string[], env: Environment): (text: string) => string {
  const { WFSTORE_DATABASE_URL = '', DATABASE_URL = '', WFSTORE_REPORTS_URL = '' } = env
  const urls = [...argv, WFSTORE_DATABASE_URL, DATABASE_URL, WFSTORE_REPORTS_URL]
  const secrets = new Set(env.PGPASSWORD ? [env.PGPASSWORD] : [])
  for (const url of urls) {
    for (const [, userinfo, parameter] of url.matchAll(
      /:\/\/[^:@/]*:([^@]*)@|[?&]password=([^&#]*)/g,
    )) {
      const encoded = userinfo ?? parameter ?? ''
      secrets.add(encoded).add(decode(encoded))
    }
  }
  const known = [...secrets]
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length)
  return (text) => {
    const plain = known.reduce((result, secret) => result.replaceAll(secret, '***'), text)
    return plain.replace(/(:\/\/[^:@/\s]*:)[^@\s]*@/g, '$1***@')
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
