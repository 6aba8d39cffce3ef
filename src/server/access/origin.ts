import type { SiteAccess } from './access.ts'

/** The host of a Host header or of an origin, without its port, in lower case. */
export function hostName(text: string): string {
  const url = `http://${text.replace(/^[a-z]+:\/\//i, '')}`
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : ''
}

const isSafe = ({ method }: Request): boolean => /^(GET|HEAD|OPTIONS)$/.test(method)

/**
 * True for what another site makes a browser send: writes, and reads that are no link of a page. Other programs than browsers send
 * neither header.
 */
export function isForged(
  request: Request,
  { cors = [], hosts = [], behindProxy = false }: SiteAccess,
): boolean {
  const header = (name: string) => request.headers.get(name)
  const origin = header('origin')
  if (origin !== null && cors.includes(origin)) return false
  const site = header('sec-fetch-site')
  if (isSafe(request))
    return (
      (site === 'cross-site' || site === 'same-site') && header('sec-fetch-mode') !== 'navigate'
    )
  // A page cannot write this header. The name of the server is checked before.
  if (site !== null) return site !== 'same-origin' && site !== 'none'
  // The origin of a form is null, because pages send no referrer.
  if (site === 'same-origin') return false
  if (origin === null) return false
  const forwarded = behindProxy ? header('x-forwarded-host') : null
  // A Request of an application may have no header Host.
  const { host } = new URL(request.url)
  const own = [host, header('host'), forwarded, ...hosts].map((name) => name?.toLowerCase())
  return !URL.canParse(origin) || !own.includes(new URL(origin).host)
}
