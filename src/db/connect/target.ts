import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import type { EmbeddedOptions } from '../embedded/server.ts'
import { quote } from '../query/sql.ts'
import { type Environment, type PasswordKey, passwordFile, passwordFromFile } from './libpq.ts'
import { oneOf, type Parameters, readParameters, wholeNumber } from './parameters.ts'
import { escapeOption, withSessionSettings } from './settings.ts'
import { encryption, type SslMode } from './tls.ts'
import { parseUrl } from './url.ts'

export interface DatabaseChoice
  extends Pick<EmbeddedOptions, 'create' | 'created' | 'confirm' | 'install'> {
  /** --database-url, which comes first. */
  url?: string | undefined
  /** What gave the URL, if it was not --database-url: a profile of the config. */
  source?: string | undefined
  env: Environment
  /** The folder of `.wfstore/`. */
  cwd: string
  /** The name in pg_stat_activity, if the URL and PGAPPNAME have none. */
  applicationName?: string
  /** First in the search path of the connection. If undefined, the search path of the server applies. */
  schema?: string | undefined
}

type Surroundings = Pick<DatabaseChoice, 'env' | 'applicationName' | 'schema'>

/** A database chosen by the connection rules, before connecting. */
export interface Target {
  config: pg.ClientConfig
  /** 'postgres@db.example:5432/wf', without a password. */
  label: string
  /** What chose it: '--database-url', 'DATABASE_URL', 'PGHOST', 'the embedded database'. */
  source: string
  /** The schema that `config.options` puts first in the search path. */
  schema?: string | undefined
  sslMode?: SslMode
  /** The TLS settings to use if the server refuses sslmode=allow without TLS. */
  tls?: ConnectionOptions | false
  /** Why TLS failed, if sslmode=prefer connects without it then. */
  tlsFailure?: { reason: string; hint?: string }
  /** Where to connect, if `config.host` is only the name in its certificate. */
  address?: string | undefined
  channelBinding?: ChannelBinding
  /** Which servers are accepted (default: any). */
  session?: SessionKind | undefined
  /** The other hosts of a list, in the order to try them. */
  others?: Target[]
  /** Startup options without the settings of wfstore, for a pooler that refuses them. Undefined if they are already left out. */
  ownOptions?: string | undefined
}

const CHANNEL_BINDINGS = ['disable', 'prefer', 'require'] as const
export type ChannelBinding = (typeof CHANNEL_BINDINGS)[number]

const SESSION_KINDS = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const
export type SessionKind = (typeof SESSION_KINDS)[number]

/** libpq waits without limit, which is too long for an operator. */
const CONNECT_TIMEOUT_S = 10

const URL_VARIABLES = ['WFSTORE_DATABASE_URL', 'DATABASE_URL'] as const
const LIBPQ_VARIABLES = [
  'PGSERVICE',
  'PGHOST',
  'PGHOSTADDR',
  'PGPORT',
  'PGDATABASE',
  'PGUSER',
] as const

/** True if the environment names a database. */
export const isNamed = (env: Environment): boolean =>
  [...URL_VARIABLES, ...LIBPQ_VARIABLES].some((name) => env[name])

/** The folder of the embedded database. */
export const embeddedDir = (cwd: string): string => join(cwd, '.wfstore')

/**
 * The first one that is set: --database-url, WFSTORE_DATABASE_URL, DATABASE_URL, libpq's PG* variables. Otherwise the
 * embedded database of the working folder, which is started if it is not running.
 * @throws WfstoreError usage (not a PostgreSQL URL), no_database, unreachable (the embedded server)
 */
export async function chooseDatabase(choice: DatabaseChoice): Promise<Target> {
  const { env } = choice
  if (choice.url !== undefined)
    return fromUrl(choice.url, choice.source ?? '--database-url', choice)
  for (const name of URL_VARIABLES) {
    const value = env[name]
    if (value) return fromUrl(value, name, choice)
  }
  const named = LIBPQ_VARIABLES.find((name) => env[name])
  if (named) return target({}, named, choice)
  const { startEmbedded, readPassword } = await import('../embedded/server.ts')
  const dir = embeddedDir(choice.cwd)
  const server = await startEmbedded(dir, {
    ...{ path: env.PATH, env, confirm: choice.confirm, install: choice.install },
    create: choice.create ?? false,
    created: choice.created,
  })
  const config: pg.ClientConfig = {
    host: server.socketDir ?? '127.0.0.1',
    port: server.port,
    user: 'wfstore',
    database: 'wfstore',
    // Set explicitly, because pg would use PGSSLMODE and PGOPTIONS, which are for another server.
    ssl: false,
    options: '-c search_path=public',
    ...(server.socketDir ? {} : { password: readPassword(dir) }),
  }
  return finish(config, 'the embedded database', choice)
}

/**
 * The database of a URL. What the URL does not set comes from the PG* variables of `env`.
 * @throws WfstoreError usage if the text is not a PostgreSQL URL
 */
export function urlTarget(
  url: string,
  source: string,
  env: Environment,
  schema?: string | undefined,
): Target {
  return fromUrl(url, source, { env, schema })
}

function fromUrl(url: string, source: string, choice: Surroundings): Target {
  return target(parseUrl(url, source), source, choice)
}

/** What the URL does not set comes from a service, the PG* variables, then from libpq's defaults. */
function target(given: Record<string, string>, source: string, choice: Surroundings): Target {
  const { env } = choice
  const parameters = readParameters(given, source, env)
  const user = parameters.user ?? userName()
  const database = parameters.dbname ?? user
  const { application_name, fallback_application_name, password } = parameters
  const file = parameters.passfile ?? passwordFile(env)
  const places = hostsOf(parameters, source)
  const { mode, ssl, negotiation } = encryption(parameters, source, env, places.some(isEncryptable))
  const shared = {
    channelBinding: oneOf(parameters, 'channel_binding', CHANNEL_BINDINGS, source) ?? 'prefer',
    session: oneOf(parameters, 'target_session_attrs', SESSION_KINDS, source),
  }
  const targets = places.map((place): Target => {
    const { host, port, address } = place
    const sslMode = isEncryptable(place) ? mode : 'disable'
    const config: pg.ClientConfig = {
      ...{ host, port, user, database },
      password: password ?? (() => storedPassword({ host, port, database, user }, file)),
      // Always set, because pg would read PGSSLMODE.
      ssl: sslMode === 'disable' || sslMode === 'allow' ? false : ssl,
      connectionTimeoutMillis: connectTimeout(wholeNumber(parameters, 'connect_timeout', source)),
      keepAlive: wholeNumber(parameters, 'keepalives', source) !== 0,
      keepAliveInitialDelayMillis: (wholeNumber(parameters, 'keepalives_idle', source) ?? 0) * 1000,
      ...(application_name ? { application_name } : {}),
      ...(fallback_application_name ? { fallback_application_name } : {}),
      ...(parameters.options ? { options: parameters.options } : {}),
    }
    const direct = negotiation === 'direct' && sslMode !== 'disable'
    return { ...finish(config, source, choice, direct), ...shared, sslMode, tls: ssl, address }
  })
  const [first, ...others] = targets as [Target, ...Target[]]
  return others.length > 0 ? { ...first, others } : first
}

/** As in libpq, a Unix socket is never encrypted. */
const isEncryptable = ({ host }: Place): boolean => !host.startsWith('/')

interface Place {
  host: string
  port: number
  address: string | undefined
}

/** The servers of `host`, `hostaddr` and `port`, each a list, in the order to try them. */
function hostsOf(parameters: Parameters, source: string): Place[] {
  const list = (text: string | undefined) => text?.split(',').map((part) => part.trim())
  const names = list(parameters.host)
  const addresses = list(parameters.hostaddr)
  const ports = list(parameters.port) ?? ['']
  const count = names?.length ?? addresses?.length ?? 1
  const wrong = (message: string) =>
    new WfstoreError('usage', message, { hint: 'give each host one, in the same order' })
  if (addresses && addresses.length !== count)
    throw wrong(`${source} has ${count} hosts and ${addresses.length} addresses (hostaddr)`)
  if (ports.length !== 1 && ports.length !== count)
    throw wrong(`${source} has ${count} hosts and ${ports.length} ports`)
  const places = Array.from({ length: count }, (_, index): Place => {
    const text = (ports.length === 1 ? ports[0] : ports[index]) || '5432'
    const port = Number(text)
    if (!/^\d+$/.test(text) || port < 1 || port > 65535)
      throw new WfstoreError('usage', `the port of ${source} is not a port number`, {
        hint: 'give a number from 1 to 65535',
      })
    const address = addresses?.[index] || undefined
    if (address && !isIP(address))
      throw new WfstoreError('usage', `hostaddr of ${source} is not an IP address`, {
        hint: 'give a name as host',
      })
    const name = names?.[index]
    if (name?.startsWith('@'))
      throw new WfstoreError('usage', `a host of ${source} is an abstract socket`, {
        hint: 'use a socket in a folder, or TCP',
      })
    const named = address && name?.startsWith('/') ? undefined : name
    return { host: named || address || defaultHost(port), port, address }
  })
  const order = oneOf(parameters, 'load_balance_hosts', ['disable', 'random'] as const, source)
  if (order !== 'random') return places
  const keyed = places.map((place) => ({ place, key: Math.random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ place }) => place)
}

/** @throws WfstoreError usage if the operating system has no name for this user */
function userName(): string {
  try {
    return userInfo().username
  } catch (cause) {
    throw new WfstoreError(
      'usage',
      'no user of the database is named, and the user of this process has no name (no entry in /etc/passwd)',
      { hint: 'name one in the URL, postgresql://user@host/database, or set PGUSER', cause },
    )
  }
}

/** Called when the server asks for a password. @throws WfstoreError access_denied if none is stored */
async function storedPassword(key: PasswordKey, file: string): Promise<string> {
  const password = passwordFromFile(key, file)
  if (password) return password
  throw new WfstoreError(
    'access_denied',
    `the server requires a password for ${labelOf(key)}, and none is given`,
    {
      hint:
        password === false
          ? `other users may read ${file}, so it is ignored: run \`chmod 600\` on it`
          : 'set PGPASSWORD, or write it to ~/.pgpass',
    },
  )
}

const labelOf = ({ user, host, port, database }: pg.ClientConfig): string =>
  `${user}@${host}:${port}/${database}`

function finish(
  config: pg.ClientConfig,
  source: string,
  choice: Surroundings,
  direct = false,
): Target {
  const searchPath =
    choice.schema === undefined ? '' : `-c search_path=${escapeOption(quote(choice.schema))}`
  const ownOptions = [config.options, searchPath].filter(Boolean).join(' ')
  return {
    source,
    schema: choice.schema,
    label: labelOf(config),
    ownOptions,
    config: {
      connectionTimeoutMillis: CONNECT_TIMEOUT_S * 1000,
      keepAlive: true,
      fallback_application_name: choice.applicationName ?? 'wfstore',
      ...config,
      options: withSessionSettings(ownOptions),
      // Always set, because pg would read PGSSLNEGOTIATION.
      ...{ sslnegotiation: direct ? 'direct' : 'postgres' },
    },
  }
}

/** Seconds as in libpq: 0 and less mean no limit, and 1 means 2. */
function connectTimeout(seconds: number | undefined): number {
  if (seconds === undefined) return CONNECT_TIMEOUT_S * 1000
  return seconds <= 0 ? 0 : Math.max(seconds, 2) * 1000
}

/** As in psql: the Unix socket of the server if it is in one of the usual folders, else loopback. */
function defaultHost(port: number): string {
  const dirs = ['/var/run/postgresql', '/tmp']
  return dirs.find((dir) => existsSync(join(dir, `.s.PGSQL.${port}`))) ?? 'localhost'
}
