import type { Command } from 'commander'
import type { Environment } from '../../db/connect/libpq.ts'
import { WfstoreError } from '../../error.ts'
import type { GlobalOptions } from '../options/global.ts'
import { parseMaxLag } from '../options/max-lag.ts'
import { CONFIG_FILE, type Found } from './find.ts'
import { alternatives, type Config, profileUrl, reportsUrlOf, shown } from './profile.ts'
import type { Settings, Traits } from './settings.ts'

/** @throws WfstoreError usage if the config is wrong, has no such profile, or does not go with the flags and the environment */
export async function loadSettings(
  found: Found,
  program: Command,
  traits: Traits,
  env: Environment,
): Promise<Settings> {
  const config = found.file && (await import('./parse.ts')).parseConfig(found.file)
  const profile = await chooseProfile(config, found, program.opts<GlobalOptions>(), traits, env)
  return {
    ...{ traits, config, profile, ignored: found.ignored },
    origins: config ? setOptions(program, config, profile, env) : {},
    urls: config ? urlsOf(config, env) : [],
  }
}

async function chooseProfile(
  config: Config | undefined,
  found: Found,
  { profile: flag, databaseUrl }: GlobalOptions,
  { path, ownDatabase }: Traits,
  env: Environment,
): Promise<Settings['profile']> {
  if (flag !== undefined) {
    if (ownDatabase)
      throw new WfstoreError('usage', `${path} uses the embedded database and takes no profile`)
    if (databaseUrl !== undefined)
      throw new WfstoreError('usage', '--profile and --database-url cannot be used together', {
        hint: 'use only one of them',
      })
    return { of: findProfile(flag, '--profile', config, found), by: '--profile' }
  }
  if (ownDatabase || databaseUrl !== undefined) return undefined
  if (env.WFSTORE_PROFILE) {
    if (env.WFSTORE_DATABASE_URL)
      throw new WfstoreError(
        'usage',
        'WFSTORE_PROFILE and WFSTORE_DATABASE_URL are both set, and each names a database',
        { hint: 'unset one of them, or use --profile or --database-url' },
      )
    const by = 'WFSTORE_PROFILE'
    return { of: findProfile(env.WFSTORE_PROFILE, by, config, found), by }
  }
  const { isNamed } = await import('../../db/connect/target.ts')
  const preset = config?.default === undefined ? undefined : config.profiles.get(config.default)
  return preset && !isNamed(env) ? { of: preset, by: 'default' } : undefined
}

function findProfile(name: string, source: string, config: Config | undefined, found: Found) {
  const profile = config?.profiles.get(name)
  if (profile) return profile
  if (config)
    throw new WfstoreError('usage', `${config.path} has no profile ${shown(name)} (${source})`, {
      hint: alternatives(name, config.profiles),
    })
  const [passed] = found.ignored
  throw new WfstoreError(
    'usage',
    `profile ${shown(name)} (${source}) does not exist: there is no config`,
    {
      hint: passed
        ? `${passed.path} is ignored because ${passed.why}; set WFSTORE_CONFIG to its path to use it`
        : `create a ${CONFIG_FILE}, or set WFSTORE_CONFIG`,
    },
  )
}

/** Sets the options that no flag sets, from the profile or else from the defaults. */
function setOptions(
  program: Command,
  { defaults }: Config,
  profile: Settings['profile'],
  env: Environment,
): Record<string, string> {
  const origins: Record<string, string> = {}
  const isGiven = (name: string) =>
    program.getOptionValueSource(name) !== undefined ||
    (name === 'output' && program.getOptionValueSource('json') !== undefined) ||
    (name === 'color' && Boolean(env.NO_COLOR)) ||
    (name === 'maxLag' && Boolean(env.WFSTORE_MAX_LAG))
  const set = (name: string, value: string | undefined, origin: string) => {
    if (value === undefined || isGiven(name)) return
    const parsed = name === 'maxLag' ? parseMaxLag(value) : value
    program.setOptionValueWithSource(name, parsed, 'config')
    origins[name] = origin
  }
  const own = profile ? `profile ${profile.of.name}` : ''
  set('schema', profile?.of.schema, own)
  for (const name of ['tz', 'output', 'color', 'maxLag'] as const) {
    set(name, profile?.of[name], own)
    set(name, defaults[name], 'defaults')
  }
  return origins
}

function urlsOf({ profiles }: Config, env: Environment): string[] {
  return [...profiles.values()].flatMap((profile) =>
    [
      orElse(() => profileUrl(profile, env), profile.databaseUrl),
      orElse(() => reportsUrlOf(profile, env), profile.reports) ?? [],
    ].flat(),
  )
}

function orElse<T>(read: () => T, other: T): T {
  try {
    return read()
  } catch {
    return other
  }
}

/** Whether the file itself contains a password. */
const holdsPassword = ({ profiles }: Config): boolean =>
  [...profiles.values()].some(({ databaseUrl, reports = '' }) =>
    [databaseUrl, reports].some((url) =>
      /:\/\/[^:@/]*:[^@]+@|[?&]password=[^&]/i.test(url.replaceAll(/\$\{\w+\}/g, '')),
    ),
  )

/** Notes about the config for every command. */
export function warnings({ config, ignored }: Settings, isTerminal: boolean): string[] {
  const lines = ignored.map(
    ({ path, why }) =>
      `note: ${path} is ignored because ${why}; set WFSTORE_CONFIG to its path to use it`,
  )
  if (isTerminal && config?.othersMayRead && holdsPassword(config))
    lines.push(`note: ${config.path} contains a password and all users can read it; run chmod 600`)
  return lines
}
