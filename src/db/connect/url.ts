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
    if (/\s/.test(text)) throw unreadable('it has a space: write %20')
    // A zero byte ends a text in the protocol: what follows it would be another parameter.
    if (text.includes('%00')) throw unreadable('it has a zero byte, %00')
    try {
      return decodeURIComponent(text)
    } catch {
      throw unreadable('a % is not followed by the code of a character')
    }
  }
  const [login, ...afterAt] = authority.includes('@') ? authority.split('@') : ['', authority]
  // libpq ends the login at the first @, other clients at the last one.
  if (afterAt.length > 1) throw unreadable('it has two @: write %40 for the one of the password')
  const [user = '', ...rest] = (login ?? '').split(':')
  const hosts = (afterAt[0] ?? '').split(',')
  const places = hosts.map((text) => {
    const [, bracketed, name = '', port = ''] =
      /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text) ?? []
    if (bracketed === undefined && name === '' && text !== '' && !text.startsWith(':'))
      throw unreadable('its host is not one')
    return { host: decoded(bracketed ?? name), port: decoded(port) }
  })
  const written = {
    user: decoded(user),
    password: decoded(rest.join(':')),
    host: places.map(({ host }) => host).join(','),
    port: places.every(({ port }) => port === '') ? '' : places.map(({ port }) => port).join(','),
    dbname: decoded(path ?? ''),
  }
  const settings: Record<string, string> = Object.fromEntries(
    Object.entries(written).filter(([, text]) => text !== ''),
  )
  for (const pair of (search ?? '').split('&').filter(Boolean)) {
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(pair) ?? []
    if (name === undefined || value === undefined)
      throw unreadable('a parameter after the ? has no value')
    const [key, text] = modern(decoded(name), decoded(value))
    settings[key] = text
  }
  return settings
}

/** libpq has two other spellings of sslmode in URLs: the one of JDBC and an old one of its own. */
function modern(name: string, value: string): [string, string] {
  if (name === 'ssl' && value === 'true') return ['sslmode', 'require']
  if (name === 'requiressl') return ['sslmode', value.startsWith('1') ? 'require' : 'prefer']
  return [name, value]
}
