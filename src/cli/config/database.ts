import type { Environment } from '../../db/connect/libpq.ts'
import type { Target } from '../../db/connect/target.ts'
import { urlTarget } from '../../db/connect/target.ts'
import { WfstoreError } from '../../error.ts'
import type { Io } from '../io.ts'
import { type TargetOptions, useColor } from '../options/global.ts'
import { productionMark } from '../output/text/production.ts'
import { confirm, isAttended } from '../terminal/confirm.ts'
import { type Config, type Profile, profileUrl } from './parse.ts'
import type { Production, Settings } from './settings.ts'

/** A command's own flags, if it has them. */
type Flags = TargetOptions & { dryRun?: boolean; yes?: boolean }

/**
 * The database of the profile in use, if there is one.
 * @throws WfstoreError no_database where a command that writes would come to it without anybody having named it: a cron
 *   job that has lost its DATABASE_URL; or where its URL wants a variable that is not set
 */
export function profileDatabase(
  { profile, traits, config }: Settings,
  io: Io,
  env: Environment,
  options: Flags,
): { url: string; source: string } | undefined {
  if (!profile) return undefined
  const { of, by } = profile
  if (by === 'default' && traits.writes && !options.dryRun && !isAttended(io)) {
    throw new WfstoreError(
      'no_database',
      `no database is named, and without a terminal ${traits.path} does not take the default profile of ${config?.path}`,
      { hint: `name it with --profile ${of.name}` },
    )
  }
  return { url: profileUrl(of, env), source: `profile ${of.name}` }
}

interface Chosen {
  io: Io
  env: Environment
  target: Target
  options: Flags
}

/**
 * Where the config calls the database production: says so on a terminal and, unless the command asks by itself, has a
 * write confirmed there with the profile's name. Returns what the commands that ask by themselves need.
 * @throws WfstoreError failed where the answer is no
 */
export async function guardProduction(
  settings: Settings,
  chosen: Chosen,
): Promise<Production | undefined> {
  const { config, profile, traits } = settings
  const { io, env, target, options } = chosen
  if (!config || !io.stderr.isTTY) return undefined
  const name =
    profile?.of.production === true ? profile.of.name : productionName(config, target, env)
  if (name === undefined) return undefined
  const production = { name, database: target.label }
  const colored = useColor(options.color, true, env)
  io.stderr.write(`${productionMark(name, target.label, colored)}\n`)
  if (traits.writes !== 'begins' || options.dryRun) return production
  await confirm(io, `${traits.path} changes this database.`, {
    yes: options.yes,
    unattended: 'go on',
    production: name,
  })
  return production
}

/** The profile that calls this database production, however it was come to. */
export function productionName(
  { profiles }: Config,
  target: Target,
  env: Environment,
): string | undefined {
  const isSame = (profile: Profile) => {
    try {
      // Whose password is not at hand is still the same database.
      const other = urlTarget(profileUrl(profile, env, 'unset'), profile.name, env)
      return place(other) === place(target)
    } catch {
      // A profile that cannot be read is nobody's database.
      return false
    }
  }
  return [...profiles.values()].find((profile) => profile.production && isSame(profile))?.name
}

/** Names of this machine, and the folders where a server of it mostly has its socket. */
const HERE = ['localhost', '127.0.0.1', '::1', '/var/run/postgresql', '/run/postgresql', '/tmp']

function place({ config }: Target): string {
  const host = String(config.host)
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/(?<=.)\/$/, '')
  return JSON.stringify([HERE.includes(host) ? 'localhost' : host, config.port, config.database])
}
