import { type Environment, serviceSettings } from '../../db/connect/libpq.ts'
import {
  chooseDatabase,
  embeddedDir,
  isNamed,
  type Target,
  urlTarget,
} from '../../db/connect/target.ts'
import { parseUrl } from '../../db/connect/url.ts'
import { WfstoreError } from '../../error.ts'
import type { Context } from '../context.ts'
import { type GlobalOptions, useColor } from '../options/global.ts'
import { DEFAULT_MAX_LAG, maxLagOf } from '../options/max-lag.ts'
import { productionName } from './database.ts'
import { profileUrl } from './profile.ts'
import { reportsOf } from './reports.ts'
import type { Settings } from './settings.ts'

export interface Setting {
  setting: string
  value: string | null
  source: string
}

/**
 * Every setting of a command with these options, and where it comes from, without connecting. `problem` is the error that
 * a command would fail with.
 */
export async function listSettings(
  context: Context,
  options: GlobalOptions,
): Promise<{ rows: Setting[]; problem?: WfstoreError }> {
  const settings = context.settings()
  const rows: Setting[] = fileRows(settings, context.env)
  const shown = [...presentation(context, options), ...sectionRows(settings)]
  try {
    const named = nameOf(settings, context.env, options)
    if (!named) return { rows: [...rows, ...(await embeddedRows(context)), ...shown] }
    return { rows: [...rows, ...(await databaseRows(context, named, options)), ...shown] }
  } catch (error) {
    if (!(error instanceof WfstoreError)) throw error
    rows.push({ setting: 'database', value: null, source: error.message }, ...shown)
    return { rows, problem: error }
  }
}

function fileRows({ config, profile }: Settings, env: Environment): Setting[] {
  const by =
    profile?.by === 'default' ? 'default of the config' : profile?.by.replace(/^--/, 'flag --')
  return [
    {
      setting: 'config',
      value: config?.path ?? null,
      source: config ? (env.WFSTORE_CONFIG ? 'WFSTORE_CONFIG' : 'found') : 'none found',
    },
    { setting: 'profile', value: profile?.of.name ?? null, source: by ?? 'none chosen' },
  ]
}

interface Name {
  /** Undefined if the PG* variables name the database. */
  url: string | undefined
  source: string
}

/** What names the database, in the order of docs/CONFIG.md. */
function nameOf(settings: Settings, env: Environment, options: GlobalOptions): Name | undefined {
  const { profile } = settings
  if (options.databaseUrl !== undefined)
    return { url: options.databaseUrl, source: 'flag --database-url' }
  if (profile) return { url: profileUrl(profile.of, env), source: `profile ${profile.of.name}` }
  for (const name of ['WFSTORE_DATABASE_URL', 'DATABASE_URL'])
    if (env[name]) return { url: env[name], source: name }
  return isNamed(env) ? { url: undefined, source: 'PG* variables' } : undefined
}

async function databaseRows(
  { env, io, settings }: Context,
  { url, source }: Name,
  options: GlobalOptions,
): Promise<Setting[]> {
  const { schema } = options
  const target =
    url === undefined
      ? await chooseDatabase({ env, cwd: io.cwd, schema })
      : urlTarget(url, source.replace(/^flag /, ''), env, schema)
  const { config } = settings()
  const production = config && productionName(config, target, env)
  return [
    {
      setting: 'database',
      value: target.label,
      source: url === undefined ? target.source : source,
    },
    {
      setting: 'production',
      value: production === undefined ? 'no' : 'yes',
      source: production === undefined ? 'no profile marks it' : `profile ${production}`,
    },
    ...reportsRows(settings(), env, options),
    ...(await partRows(target, url, source, env)),
  ]
}

/** The replica of commands that read, and how far it may be behind. */
function reportsRows(settings: Settings, env: Environment, options: GlobalOptions): Setting[] {
  const found = reportsOf(settings, env, options)
  const source = found?.source.replace(/^--/, 'flag --')
  const maxLag = options.maxLag ?? maxLagOf(env)
  const origin = settings.origins.maxLag ?? (options.maxLag ? 'flag --max-lag' : 'WFSTORE_MAX_LAG')
  return [
    {
      setting: 'reports',
      value: found ? urlTarget(found.url, found.source, env).label : null,
      source: source ?? 'none set',
    },
    {
      setting: 'maxLag',
      value: maxLag?.text ?? DEFAULT_MAX_LAG,
      source: maxLag ? origin : 'default',
    },
  ]
}

/** Parts of an address: their names in a URL or service, and the variables that set them otherwise. */
const PARTS = [
  ['host', 'host', 'PGHOSTADDR', 'PGHOST'],
  ['port', 'port', 'PGPORT'],
  ['databaseName', 'dbname', 'PGDATABASE'],
  ['user', 'user', 'PGUSER'],
  ['sslMode', 'sslmode', 'PGSSLMODE'],
  ['connectTimeout', 'connect_timeout', 'PGCONNECT_TIMEOUT'],
  ['applicationName', 'application_name', 'PGAPPNAME'],
  ['startupOptions', 'options', 'PGOPTIONS'],
  ['password', 'password', 'PGPASSWORD'],
] as const

async function partRows(
  { config }: Target,
  url: string | undefined,
  source: string,
  env: Environment,
): Promise<Setting[]> {
  const given = url === undefined ? {} : parseUrl(url, source)
  const name = given.service || env.PGSERVICE
  const service = name ? serviceSettings(name, env) : {}
  const used: Record<string, unknown> = {
    ...{ host: config.host, port: config.port, databaseName: config.database, user: config.user },
    connectTimeout: Number(config.connectionTimeoutMillis) / 1000,
  }
  const rows: Setting[] = []
  for (const [setting, key, ...variables] of PARTS) {
    const text = given[key] || service[key] || undefined
    const own = given[key] ? source : `service ${name}`
    const variable = variables.find((name) => env[name])
    const value = used[setting] ?? text ?? (variable && env[variable])
    const from = text === undefined ? (variable ?? 'default') : own
    if (setting === 'password') rows.push(await passwordRow(config, from, env))
    else rows.push({ setting, value: value === undefined ? null : String(value), source: from })
  }
  return rows
}

async function passwordRow(
  { password }: Target['config'],
  from: string,
  env: Environment,
): Promise<Setting> {
  if (typeof password !== 'function') return { setting: 'password', value: '***', source: from }
  // This reads ~/.pgpass only. Without an entry there a connection would be refused; here it is an answer.
  const found = await Promise.resolve(password()).catch((error: unknown) => {
    if (error instanceof WfstoreError && error.code === 'access_denied') return undefined
    throw error
  })
  const file = env.PGPASSFILE ?? '~/.pgpass'
  return found
    ? { setting: 'password', value: '***', source: file }
    : { setting: 'password', value: null, source: `none, nor in ${file}` }
}

async function embeddedRows({ io, env, settings }: Context): Promise<Setting[]> {
  const { embeddedStatus } = await import('../../db/embedded/status.ts')
  const { state, folder } = await embeddedStatus(embeddedDir(io.cwd), env)
  if (state === 'none')
    throw new WfstoreError(
      'no_database',
      `no database is set, and there is no embedded database in ${folder}`,
      {
        hint: settings().config
          ? 'name one with --profile, --database-url or WFSTORE_DATABASE_URL'
          : 'name one with --database-url or WFSTORE_DATABASE_URL',
      },
    )
  return [
    { setting: 'database', value: folder, source: `embedded (${state}), as nothing names another` },
    { setting: 'production', value: 'no', source: 'no profile marks it' },
  ]
}

/** The settings apart from the database. */
function presentation({ io, env, settings }: Context, options: GlobalOptions): Setting[] {
  const { origins } = settings()
  const isTTY = io.stdout.isTTY === true
  const row = (
    setting: string,
    value: string | undefined,
    flag: string,
    unset: string,
  ): Setting => ({
    setting,
    value: value ?? null,
    source: value === undefined ? unset : (origins[setting] ?? `flag ${flag}`),
  })
  const quiet = ['NO_COLOR', 'TERM'].find((name) =>
    name === 'TERM' ? env.TERM === 'dumb' : env.NO_COLOR,
  )
  const color = row('color', options.color, '--color', quiet ?? 'default')
  return [
    row('schema', options.schema, '--schema', 'default: the search path of the connection'),
    row(
      'tz',
      options.tz,
      '--tz',
      `default: UTC for dates, ${isTTY ? io.timeZone : 'UTC'} for times`,
    ),
    options.json
      ? { setting: 'output', value: 'json', source: 'flag --json' }
      : {
          ...row('output', options.output, '--output', 'default'),
          value: options.output ?? 'table',
        },
    {
      ...color,
      value:
        options.color ??
        (quiet ? 'never' : `auto: ${useColor('auto', isTTY, env) ? 'on' : 'off'} here`),
    },
  ]
}

/** The keys that the sections of commands have. */
const sectionRows = ({ config }: Settings): Setting[] =>
  (['ingest', 'serve'] as const).flatMap((section) =>
    Object.entries(config?.[section] ?? {}).map(([key, value]) => ({
      setting: `${section}.${key}`,
      value: typeof value === 'string' ? value : JSON.stringify(value),
      source: section,
    })),
  )

export interface ListedProfile {
  profile: string
  inUse: boolean
  isDefault: boolean
  production: boolean
  database: string | null
  schema: string | null
  problem: string | null
}

/** The profiles of the config, in its order. */
export async function listProfiles({ settings, env }: Context): Promise<ListedProfile[]> {
  const { config, profile: used } = settings()
  return [...(config?.profiles.values() ?? [])].map((profile) => {
    const { name, production = false, schema = null } = profile
    const row = {
      profile: name,
      inUse: used?.of.name === name,
      isDefault: config?.default === name,
      production,
      schema,
    }
    try {
      const { label } = urlTarget(profileUrl(profile, env), `profile ${name}`, env)
      return { ...row, database: label, problem: null }
    } catch (error) {
      if (!(error instanceof WfstoreError)) throw error
      return { ...row, database: null, problem: error.message }
    }
  })
}
