import type { Command } from 'commander'
import type { Environment } from '../../db/connect/libpq.ts'
import type { Io } from '../io.ts'
import type { GlobalOptions } from '../options/global.ts'
import { findConfig } from './find.ts'
import type { Settings, Traits } from './settings.ts'

/**
 * The settings of a command: reads the config and sets the options that no flag sets. Without a config this only looks
 * into each folder, and loads nothing.
 * @throws WfstoreError usage if the config is wrong, or has no such profile
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
