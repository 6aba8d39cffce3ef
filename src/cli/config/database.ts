import type { Environment } from '../../db/connect/libpq.ts'
import type { Target } from '../../db/connect/target.ts'
import { urlTarget } from '../../db/connect/target.ts'
import { WfstoreError } from '../../error.ts'
import type { Io } from '../io.ts'
import { type TargetOptions, useColor } from '../options/global.ts'
import { productionMark } from '../output/text/production.ts'
import { confirm, isAttended } from '../terminal/confirm.ts'
import { type Config, type Profile, profileUrl } from './profile.ts'
import type { Production, Settings } from './settings.ts'

/** Flags that only some commands have. */
type Flags = TargetOptions & { dryRun?: boolean; yes?: boolean }

/**
 * The database of the profile in use, if there is one.
 * @throws WfstoreError no_database if a command that writes would use the default profile without a terminal, such as a
 *   cron job that has lost its DATABASE_URL; or if a variable in its URL is not set
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
      `no database is set; without a terminal, ${traits.path} does not use the default profile of ${config?.path}`,
      { hint: `use --profile ${of.name}` },
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
 * If the config marks the database as production, prints so on a terminal. A write must be confirmed there with the name
 * of the profile, unless the command asks a question of its own, for which the result is returned.
 * @throws WfstoreError failed if the answer is no
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
    unattended: 'proceed',
    production: name,
  })
  return production
}

/** The profile that marks this database as production, whether or not it is the profile in use. */
export function productionName(
  { profiles }: Config,
  target: Target,
  env: Environment,
): string | undefined {
  const isSame = (profile: Profile) => {
    try {
      // A password that is not set makes no difference here.
      const other = urlTarget(profileUrl(profile, env, 'unset'), profile.name, env)
      const known = places(other)
      return places(target).some((place) => known.includes(place))
    } catch {
      // A profile with an invalid URL matches no database.
      return false
    }
  }
  return [...profiles.values()].find((profile) => profile.production && isSame(profile))?.name
}

/** Names of this machine, and the usual folders of a server's socket. */
const HERE = ['localhost', '127.0.0.1', '::1', '/var/run/postgresql', '/run/postgresql', '/tmp']

/** Where the target may be: each host of a list. */
const places = (target: Target): string[] => [target, ...(target.others ?? [])].map(placeOf)

function placeOf({ config }: Target): string {
  const host = String(config.host)
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/(?<=.)\/$/, '')
  return JSON.stringify([HERE.includes(host) ? 'localhost' : host, config.port, config.database])
}
