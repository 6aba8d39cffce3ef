import type { Config, Profile } from './parse.ts'

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
}

/** A database that the config calls production. */
export interface Production {
  /** Its profile, which a person types to confirm a write. */
  name: string
  /** 'ops@db.example:5432/app' */
  database: string
}
