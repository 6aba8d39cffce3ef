import type { Command } from 'commander'
import type { ServeSettings } from '../../config/serve.ts'
import type { Address } from '../../options/address.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { parsers } from '../../options/serving.ts'
import type { Duration } from '../../options/span.ts'
import { list } from '../../options/values.ts'

export interface ServeFlags extends GlobalOptions {
  listen?: Address
  tlsCert?: string
  tlsKey?: string
  behindProxy?: true
  host?: string[]
  cors?: string[]
  basePath?: string
  allowWrites?: true
  ingest?: true
  queries?: number
  statementTimeout?: Duration
  oldUserHeader?: string
  oldAdmin?: string[]
}

const each = (parse: (text: string) => string) =>
  list<string>((text, previous = []) => [...previous, parse(text)])

/** Each has the name of its key in the section `serve` of the config. */
export const addServeOptions = (serve: Command): Command =>
  serve
    .option('--listen <address>', 'HOST:PORT (default: 127.0.0.1:8787)', parsers.listen)
    .option('--tls-cert <file>', 'answer with TLS: certificate, PEM', parsers.tlsCert)
    .option('--tls-key <file>', 'its private key, PEM', parsers.tlsKey)
    .option('--behind-proxy', 'a proxy has TLS, and sets X-Forwarded-*')
    .option('--host <name>', 'a further name of this server; repeat it', each(parsers.host))
    .option('--cors <origin>', 'a site whose scripts may read; repeat it', each(parsers.cors))
    .option('--base-path <path>', 'serve below this path, such as /wfstore', parsers.basePath)
    .option('--allow-writes', 'allow actions to tokens that may write')
    .option('--ingest', 'also take OpenTelemetry traces at /v1/traces')
    .option('--queries <n>', 'requests that query at once (default: 8)', parsers.queries)
    .option(
      '--statement-timeout <duration>',
      'limit of a query (default: 30s)',
      parsers.statementTimeout,
    )
    .option(
      '--old-user-header <name>',
      'old routes: the header that names the user',
      parsers.oldUserHeader,
    )
    .option(
      '--old-admin <user>',
      'old routes: a user who may clean up; repeat it',
      each(parsers.oldAdmin),
    )
    .option('-y, --yes', 'skip the confirmation for production')

/** The flags, else the config. */
export function withConfig(flags: ServeFlags, config: ServeSettings = {}): ServeFlags {
  const configured: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(config)) {
    const parse = (parsers as Record<string, ((text: string) => unknown) | undefined>)[key]
    const parsed = (one: unknown) => (parse ? parse(String(one)) : one)
    configured[key] = Array.isArray(value) ? value.map(parsed) : parsed(value)
  }
  return { ...configured, ...flags }
}
