import { parsers } from '../options/serving.ts'
import { areTexts, type ConfigCheck, isTrueOrFalse, parsed } from './check.ts'

/** The section `serve` of the config, with the texts of the file. A flag of `wfstore serve` overrides each of these. */
export interface ServeSettings {
  listen?: string
  tlsCert?: string
  tlsKey?: string
  behindProxy?: boolean
  host?: readonly string[]
  cors?: readonly string[]
  basePath?: string
  allowWrites?: boolean
  ingest?: boolean
  queries?: number
  statementTimeout?: string
  oldUserHeader?: string
  oldAdmin?: readonly string[]
}

const each =
  (parse: (text: string) => unknown, what: string): ConfigCheck =>
  (value) => {
    const one = parsed(parse, what)
    return areTexts(value) && value.every((text) => one(text) === undefined)
      ? undefined
      : `must be a list of ${what}`
  }

/** What each key must be. */
export const SERVE: Record<keyof ServeSettings, ConfigCheck> = {
  listen: parsed(parsers.listen, 'an address such as "127.0.0.1:8787"'),
  tlsCert: parsed(parsers.tlsCert, 'the path of a file'),
  tlsKey: parsed(parsers.tlsKey, 'the path of a file'),
  behindProxy: isTrueOrFalse,
  host: each(parsers.host, 'names such as "wfstore.example.com"'),
  cors: each(parsers.cors, 'origins such as "https://grafana.example.com"'),
  basePath: parsed(parsers.basePath, 'a path such as "/wfstore"'),
  allowWrites: isTrueOrFalse,
  ingest: isTrueOrFalse,
  queries: (value) =>
    parsed(
      parsers.queries,
      'a number from 1 to 100',
    )(typeof value === 'number' ? String(value) : ''),
  statementTimeout: parsed(parsers.statementTimeout, 'a duration such as "30s"'),
  oldUserHeader: parsed(parsers.oldUserHeader, 'the name of a header'),
  oldAdmin: each(parsers.oldAdmin, 'users'),
}
