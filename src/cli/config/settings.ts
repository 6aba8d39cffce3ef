import type { Command } from 'commander'
import type { Environment } from '../../db/connect/libpq.ts'
import type { Config, Profile } from './parse.ts'
import { findConfig } from './find.ts'
import type { GlobalOptions, Io } from '../context.ts'

/** What of a command the config has to know. */
export interface Traits {
  /** 'executions list' */
  path: string
  /** Does it change the database? 'asks': and asks before it does, with what it is about to do. */
  writes?: 'asks' | 'begins' | undefined
  /** Its database is one of its own, which no profile names. */
  ownDatabase: boolean
}

export interface Settings {
  traits: Traits
  config?: Config | undefined
  /** The profile in use, and what has chosen it. */
  profile?: { of: Profile; by: '--profile' | 'WFSTORE_PROFILE' | 'default' } | undefined
  /** Of the options that the config has set, where each stands: tz → 'defaults'. */
  origins: Readonly<Record<string, string>>
  /** What may hold a password. */
  urls: readonly string[]
  ignored: readonly { path: string; why: string }[]
  /** Set on a terminal when the database is chosen and is production: its profile, and the database in words. */
  production?: { name: string; database: string }
}

/**
 * The settings of a command: the config is read, and what it sets goes to the options that no flag has set. Without a
 * config this costs a look into each folder, and loads nothing.
 * @throws WfstoreError usage where the config is wrong, or has no such profile
 */
export async function readSettings(
  program: Command,
  traits: Traits,
  io: Io,
  env: Environment,
): Promise<Settings> {
  const found = findConfig(io.cwd, env)
  const { profile } = program.opts<GlobalOptions>()
  if (!found.file && profile === undefined && !env.WFSTORE_PROFILE)
    return { traits, origins: {}, urls: [], ignored: found.ignored }
  const { loadSettings } = await import('./resolve.ts')
  return loadSettings(found, program, traits, env)
}
