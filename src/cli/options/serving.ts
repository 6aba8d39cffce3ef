import { InvalidArgumentError } from 'commander'
import { hostName } from '../../server/access/origin.ts'
import { parseAddress } from './address.ts'
import { type Duration, parseSpan } from './span.ts'
import { parseText, wholeNumber } from './values.ts'

/** The values of `wfstore serve`, as flags and in the config. */
export const parsers = {
  listen: parseAddress,
  tlsCert: parseText,
  tlsKey: parseText,
  host: parseHost,
  cors: parseOrigin,
  basePath: parsePath,
  queries: wholeNumber(1, 100),
  statementTimeout: parseTimeout,
  oldUserHeader: parseHeader,
  oldAdmin: parseText,
}

function parseHost(text: string): string {
  if (/^[\w.-]+$|^\[[\da-f:.]+\]$/i.test(text)) return hostName(text)
  throw new InvalidArgumentError('It must be a name without a port, such as wfstore.example.com')
}

function parseOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new InvalidArgumentError('It must be an origin, such as https://grafana.example.com')
}

function parsePath(text: string): string {
  if (/^(\/[\w.~-]+)*\/?$/.test(text)) return text.replace(/\/$/, '')
  throw new InvalidArgumentError('It must be a path, such as /wfstore')
}

function parseHeader(text: string): string {
  if (/^[\w-]+$/.test(text)) return text
  throw new InvalidArgumentError('It must be the name of a header, such as X-User')
}

/** PostgreSQL keeps it in 32 bits of milliseconds. */
function parseTimeout(text: string): Duration {
  const duration = parseSpan(text)
  if (duration.ms < 2 ** 31) return duration
  throw new InvalidArgumentError('It must be at most 24d')
}
