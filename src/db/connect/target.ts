import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { parse } from 'pg-connection-string'
import { WfstoreError } from '../../error.ts'
import { describe } from '../query/errors.ts'
import { type Environment, type PasswordKey, passwordFromFile, serviceSettings } from './libpq.ts'

export interface DatabaseChoice {
  /** --database-url, before all else. */
  url?: string | undefined
  /** What else has named the URL: a profile of the command line's config. */
  source?: string | undefined
  env: Environment
  /** Where `.wfstore/` is looked for. */
  cwd: string
  /** May an embedded database be made where there is none? */
  create?: boolean
  /** What pg_stat_activity shows, unless the URL or PGAPPNAME say otherwise. */
  applicationName?: string
  /** First in the search path of the connection; the server's own search path where undefined. */
  schema?: string | undefined
}

type Surroundings = Pick<DatabaseChoice, 'env' | 'applicationName' | 'schema'>

/** A database chosen by the connection rules, not yet connected to. */
export interface Target {
  config: pg.ClientConfig
  /** 'postgres@db.example:5432/wf', without a password. */
  label: string
  /** What named it: '--database-url', 'DATABASE_URL', 'PGHOST', 'the embedded database'. */
  source: string
  /** Was the embedded database made just now? */
  made?: boolean
  /** The one that `config.options` puts first in the search path. */
  schema?: string | undefined
  /** sslmode=prefer: continue without encryption if the server does not support it. */
  plainWhereUnsupported?: boolean
}

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

/** Does the environment name a database? */
export const isNamed = (env: Environment): boolean =>
  [...URL_VARIABLES, ...LIBPQ_VARIABLES].some((name) => env[name])

/** The folder of the embedded database. */
export const embeddedDir = (cwd: string): string => join(cwd, '.wfstore')

/**
 * The first that is set: --database-url, WFSTORE_DATABASE_URL, DATABASE_URL, libpq's PG* variables, else the
 * embedded database of the working folder, which is started if it does not run.
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
  if (named)
    return target({ ...(env.PGSERVICE ? serviceSettings(env.PGSERVICE, env) : {}) }, named, choice)
  const { startEmbedded, readPassword } = await import('../embedded/server.ts')
  const dir = embeddedDir(choice.cwd)
  const made = !existsSync(dir)
  const server = await startEmbedded(dir, { path: env.PATH, create: choice.create ?? false })
  const config: pg.ClientConfig = {
    host: server.socketDir ?? '127.0.0.1',
    port: server.port,
    user: 'wfstore',
    database: 'wfstore',
    // Said outright, because pg would ask PGSSLMODE and PGOPTIONS, which speak of another server.
    ssl: false,
    options: '-c search_path=public',
    ...(server.socketDir ? {} : { password: readPassword(dir) }),
  }
  return { ...finish(config, 'the embedded database', choice), made }
}

/**
 * The database that a URL names, with what it leaves open from the PG* variables of `env`.
 * @throws WfstoreError usage where the text is no PostgreSQL URL
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
  const example = 'it looks like postgresql://user@host:5432/database'
  if (!/^postgres(ql)?:\/\//i.test(url)) {
    throw new WfstoreError('usage', `${source} is not a PostgreSQL URL`, { hint: example })
  }
  let settings: Record<string, unknown>
  try {
    // libpq's meanings of sslmode, as psql has them.
    settings = { ...parse(url, { useLibpqCompat: true }) }
  } catch (cause) {
    throw new WfstoreError(
      'usage',
      `${source} cannot be read as a PostgreSQL URL: ${describe(cause).message}`,
      {
        hint: `${example}; percent-encode special characters of a password`,
      },
    )
  }
  return target(settings, source, choice)
}

/** What the URL or service leaves open comes from the PG* variables, then from libpq's defaults. */
function target(settings: Record<string, unknown>, source: string, choice: Surroundings): Target {
  const { env } = choice
  const given = (name: string, variable: string): string | undefined => {
    const value = settings[name]
    return value === undefined || value === null || value === ''
      ? env[variable] || undefined
      : String(value)
  }
  const port = Number(given('port', 'PGPORT') ?? 5432)
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new WfstoreError('usage', `the port of ${source} is not a port number`)
  }
  const user = given('user', 'PGUSER') ?? userInfo().username
  const database = given('database', 'PGDATABASE') ?? user
  const host = given('host', 'PGHOSTADDR') ?? env.PGHOST ?? defaultHost(port)
  const password = given('password', 'PGPASSWORD')
  // As libpq: a Unix socket is never encrypted.
  const { ssl, mode } = host.startsWith('/')
    ? { ssl: false, mode: undefined }
    : encryption(given, settings, source)
  const applicationName = given('application_name', 'PGAPPNAME')
  const options = given('options', 'PGOPTIONS')
  const config: pg.ClientConfig = {
    host,
    port,
    user,
    database,
    password: password ?? (() => storedPassword({ host, port, database, user })),
    connectionTimeoutMillis: connectTimeout(given('connect_timeout', 'PGCONNECT_TIMEOUT')),
    ...(ssl === undefined ? {} : { ssl }),
    ...(applicationName ? { application_name: applicationName } : {}),
    ...(options ? { options } : {}),
  } as pg.ClientConfig
  return { ...finish(config, source, choice), plainWhereUnsupported: mode === 'prefer' }
}

/** Called when the server asks for a password. @throws WfstoreError access_denied where none is stored */
async function storedPassword(key: PasswordKey): Promise<string> {
  const password = await passwordFromFile(key)
  if (password) return password
  throw new WfstoreError(
    'access_denied',
    `the server asks ${labelOf(key)} for a password and none is given`,
    { hint: 'set PGPASSWORD, or write it to ~/.pgpass' },
  )
}

const labelOf = ({ user, host, port, database }: pg.ClientConfig): string =>
  `${user}@${host}:${port}/${database}`

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const SSL_SETTINGS = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
}

type Given = (name: string, variable: string) => string | undefined

/** What sslmode and its files mean to libpq, in the terms of Node's TLS. */
function encryption(given: Given, settings: Record<string, unknown>, source: string) {
  const entries = Object.entries(SSL_SETTINGS).map(
    ([name, variable]) => [name, given(name, variable)] as const,
  )
  const named = entries.filter((entry): entry is [string, string] => entry[1] !== undefined)
  const { sslmode: mode } = Object.fromEntries(named)
  if (mode !== undefined && !SSL_MODES.includes(mode)) {
    throw new WfstoreError('usage', `sslmode ${JSON.stringify(mode)} of ${source} is unknown`, {
      hint: `it is one of ${SSL_MODES.join(', ')}`,
    })
  }
  // As libpq's allow: encrypted only where the server insists, and then its refusal says how.
  if (mode === 'allow') return { ssl: false, mode }
  if (settings.ssl !== undefined || named.length === 0)
    return { ssl: settings.ssl as object | undefined, mode }
  try {
    const { ssl } = parse(`postgresql://h/?${new URLSearchParams(named)}`, { useLibpqCompat: true })
    return { ssl: ssl as object | undefined, mode }
  } catch (cause) {
    throw new WfstoreError(
      'usage',
      `the TLS settings of ${source} do not work: ${describe(cause).message}`,
      { cause },
    )
  }
}

function finish(config: pg.ClientConfig, source: string, choice: Surroundings): Target {
  const searchPath =
    choice.schema === undefined
      ? ''
      : `-c search_path=${escapeOption(pg.escapeIdentifier(choice.schema))}`
  const options = [config.options, searchPath].filter(Boolean).join(' ')
  return {
    source,
    schema: choice.schema,
    label: labelOf(config),
    config: {
      connectionTimeoutMillis: CONNECT_TIMEOUT_S * 1000,
      keepAlive: true,
      fallback_application_name: choice.applicationName ?? 'wfstore',
      ...config,
      ...(options ? { options } : {}),
    },
  }
}

/** In the startup packet a space, tab or line end ends an option, unless a backslash is in front of it. */
const escapeOption = (value: string): string => value.replace(/[\\ \t-\r]/g, '\\$&')

/** Seconds as in libpq, where 0 and less mean no limit and 1 means 2. */
function connectTimeout(seconds: string | undefined): number {
  const parsed = Number(seconds)
  if (seconds === undefined || !Number.isFinite(parsed)) return CONNECT_TIMEOUT_S * 1000
  return parsed <= 0 ? 0 : Math.max(parsed, 2) * 1000
}

/** As psql: the server's Unix socket if it is in one of the usual places, else loopback. */
function defaultHost(port: number): string {
  const dirs = ['/var/run/postgresql', '/tmp']
  return dirs.find((dir) => existsSync(join(dir, `.s.PGSQL.${port}`))) ?? 'localhost'
}
