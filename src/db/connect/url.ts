import { WfstoreError } from '../../error.ts'

const EXAMPLE = 'it looks like postgresql://user@host:5432/database'

/**
 * The parameters of a URL, by libpq's names. Several hosts are separated by commas, as in libpq.
 * @throws WfstoreError usage, without the text: it may contain a password
 */
export function parseUrl(url: string, source: string): Record<string, string> {
  const unreadable = (reason: string) =>
    new WfstoreError('usage', `${source} cannot be read as a PostgreSQL URL: ${reason}`, {
      hint: `${EXAMPLE}; percent-encode special characters of a password`,
    })
  const [, authority, path, search] =
    /^\s*postgres(?:ql)?:\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*?))?\s*$/is.exec(url) ?? []
  if (authority === undefined)
    throw new WfstoreError('usage', `${source} is not a PostgreSQL URL`, { hint: EXAMPLE })
  const decoded = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      throw unreadable('a % is not followed by the code of a character')
    }
  }
  const at = authority.lastIndexOf('@')
  const [user = '', ...rest] = authority.slice(0, Math.max(at, 0)).split(':')
  const hosts = authority.slice(at + 1).split(',')
  const places = hosts.map((text) => {
    const [, bracketed, name = '', port = ''] =
      /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text) ?? []
    if (bracketed === undefined && name === '' && text !== '' && !text.startsWith(':'))
      throw unreadable('its host is not one')
    return { host: decoded(bracketed ?? name), port: decoded(port) }
  })
  const settings: Record<string, string> = {
    user: decoded(user),
    password: decoded(rest.join(':')),
    host: places.map(({ host }) => host).join(','),
    port: places.every(({ port }) => port === '') ? '' : places.map(({ port }) => port).join(','),
    dbname: decoded(path ?? ''),
  }
  for (const pair of (search ?? '').split('&').filter(Boolean)) {
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(pair) ?? []
    if (name === undefined || value === undefined)
      throw unreadable('a parameter after the ? has no value')
    settings[decoded(name)] = decoded(value)
  }
  return settings
}
