import type { Environment } from '../../db/connect/libpq.ts'
import { WfstoreError } from '../../error.ts'
import { nearest } from '../../nearest.ts'
import type { Format } from '../output/format.ts'
import type { IngestSettings } from './ingest.ts'
import type { ServeSettings } from './serve.ts'

/** How results are shown. A flag overrides each of these. */
export interface Presentation {
  tz?: string
  output?: Format
  color?: 'auto' | 'always' | 'never'
}

export interface Profile extends Presentation {
  maxLag?: string
  name: string
  /** As written in the file, with ${NAME}. */
  databaseUrl: string
  /** A replica of it for commands that only read, as written in the file. */
  reports?: string
  schema?: string
  production?: boolean
}

export interface Config {
  path: string
  /** The profile that is used if nothing else names a database. */
  default?: string | undefined
  profiles: ReadonlyMap<string, Profile>
  defaults: Presentation & { maxLag?: string }
  ingest: IngestSettings
  serve: ServeSettings
  othersMayRead: boolean
}

/** An environment variable in a database URL. */
export const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/**
 * The URL of a profile. A variable that is the whole URL is used as it is. Within a URL its value is percent-encoded, so
 * that any password can be used.
 * @throws WfstoreError no_database if a variable is not set, unless `unset` replaces it
 */
export const profileUrl = (profile: Profile, env: Environment, unset?: string): string =>
  withVariables(profile.databaseUrl, profile.name, env, unset)

/** The URL of the replica of a profile. @throws WfstoreError no_database if a variable is not set */
export const reportsUrlOf = ({ name, reports }: Profile, env: Environment): string | undefined =>
  reports === undefined ? undefined : withVariables(reports, name, env)

function withVariables(url: string, name: string, env: Environment, unset?: string): string {
  return url.replace(REFERENCE, (reference, variable: string) => {
    const value = env[variable]
    if (value) return reference === url ? value : encodeURIComponent(value)
    if (unset !== undefined) return unset
    throw new WfstoreError(
      'no_database',
      `the environment variable ${variable} of profile ${name} is not set`,
      { hint: 'set it, or choose another database' },
    )
  })
}

/** A hint for a profile that does not exist. */
export const alternatives = (name: string, profiles: ReadonlyMap<string, Profile>): string => {
  const names = [...profiles.keys()]
  if (names.length === 0) return 'the config has no profiles'
  const meant = nearest(name, names)
  return `${meant ? `did you mean ${meant}? ` : ''}profiles: ${names.join(', ')}`
}

/** A name for a message. One with other characters may be a misplaced URL with a password, and is not shown. */
export const shown = (name: string): string => (/^[$\w.-]{1,63}$/.test(name) ? name : '…')
