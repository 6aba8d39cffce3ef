import type { Environment } from '../db/connect/libpq.ts'

/** Shorter ones would blot out ordinary words; the URL form is covered whatever the length. */
const SHORTEST_SECRET = 3

/**
 * A function that takes passwords out of a text: those that this process was given, in plain and percent-encoded
 * form, and whatever stands between a user and a host in a URL.
 */
export function redactor(argv: readonly string[], env: Environment): (text: string) => string {
  const urls = [...argv, env.WFSTORE_DATABASE_URL ?? '', env.DATABASE_URL ?? '']
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
