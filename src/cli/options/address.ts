import { isIP } from 'node:net'
import { InvalidArgumentError } from 'commander'

/** Where a server listens. */
export interface Address {
  host: string
  port: number
}

/** Parses HOST:PORT. An IPv6 address is in brackets, as in a URL. */
export function parseAddress(text: string): Address {
  const [, bracketed, plain = '', digits = ''] =
    /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const port = digits === '' ? Number.NaN : Number(digits)
  const isHost = bracketed === undefined ? /^[A-Za-z0-9._-]+$/.test(plain) : isIP(bracketed) === 6
  if (isHost && port <= 65_535) return { host: bracketed ?? plain, port }
  throw new InvalidArgumentError('It must be HOST:PORT, such as 127.0.0.1:4318 or [::1]:4318')
}

/** http://[::1]:4318 */
export const urlOf = ({ host, port }: Address, scheme: 'http' | 'https' = 'http'): string =>
  `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`

/** Whether only programs of this machine can reach it. */
export const isLocal = ({ host }: Address): boolean =>
  host.toLowerCase() === 'localhost' ||
  host === '::1' ||
  (isIP(host) === 4 && host.startsWith('127.'))
