import type { Config, Profile } from './profile.ts'

/** What the config needs to know about a command. */
export interface Traits {
  /** 'executions list' */
  path: string
  /** Whether it changes the database. 'asks': it asks its own question first. */
  writes?: 'asks' | 'begins' | undefined
  /** It may read from a replica. */
  reads?: boolean
  /** It uses the embedded database and takes no profile. */
  ownDatabase: boolean
}

export interface Settings {
  traits: Traits
  config?: Config | undefined
  /** The profile in use, and what chose it. */
  profile?: { of: Profile; by: '--profile' | 'WFSTORE_PROFILE' | 'default' } | undefined
  /** The options that the config has set, and where: tz → 'defaults'. */
  origins: Readonly<Record<string, string>>
  /** The databases of the profiles; they may contain passwords. */
  urls: readonly string[]
  ignored: readonly { path: string; why: string }[]
}

/** A database that the config marks as production. */
export interface Production {
  /** The name of its profile, typed to confirm a write. */
  name: string
  /** 'ops@db.example:5432/app' */
  database: string
}
