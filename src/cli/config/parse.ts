import { isUtf8 } from 'node:buffer'
import type { Environment } from '../../db/connect/libpq.ts'
import { WfstoreError } from '../../error.ts'
import type { ConfigFile } from './find.ts'
import { findFlaw } from './json-error.ts'
import { nearest } from './nearest.ts'

/** What a config says of how things are shown; each ranks below its flag. */
export interface Presentation {
  tz?: string
  output?: 'table' | 'json' | 'jsonl' | 'csv'
  color?: 'auto' | 'always' | 'never'
}

export interface Profile extends Presentation {
  name: string
  /** As it stands in the file, with ${NAME}. */
  databaseUrl: string
  schema?: string
  production?: boolean
}

export interface Config {
  path: string
  /** The profile that counts where nothing else names a database. */
  default?: string | undefined
  profiles: ReadonlyMap<string, Profile>
  defaults: Presentation
  othersMayRead: boolean
}

/** What is wrong with a value, in words that do not repeat it: it may be a secret. */
type Check = (value: unknown) => string | undefined

/** An environment variable in a database URL. */
const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g
const REFERENCE_EXAMPLE = '$\x7bNAME}'

/** NUL ends a text in what is sent to a server. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\0')
const text: Check = (value) => (isText(value) ? undefined : 'must be a text that is not empty')
const oneOf =
  (...words: string[]): Check =>
  (value) =>
    words.includes(value as string) ? undefined : `must be one of ${words.join(', ')}`

const PRESENTATION: Record<string, Check> = {
  tz: (value) =>
    isText(value) && isZone(value)
      ? undefined
      : 'must be the IANA name of a time zone, such as Europe/Berlin',
  output: oneOf('table', 'json', 'jsonl', 'csv'),
  color: oneOf('auto', 'always', 'never'),
}

const PROFILE: Record<string, Check> = {
  databaseUrl: (value) => {
    if (!isText(value))
      return `must be a text such as postgresql://ops@db/app, or ${REFERENCE_EXAMPLE}`
    if (value.replaceAll(REFERENCE, '').includes('${'))
      return `has a $ and { that begin no ${REFERENCE_EXAMPLE}, an environment variable`
    return /^(postgres(ql)?:\/\/|\$\{)/i.test(value)
      ? undefined
      : `must begin with postgresql:// or ${REFERENCE_EXAMPLE}`
  },
  schema: (value) =>
    isText(value) && Buffer.byteLength(value) <= 63 && !/^pg_/i.test(value)
      ? undefined
      : 'must be a name of 1 to 63 bytes that does not begin with pg_',
  production: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
  ...PRESENTATION,
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** @throws WfstoreError usage: one line with the file and the place */
export function parseConfig({ path, bytes, othersMayRead }: ConfigFile): Config {
  const wrong = (what: string, hint?: string) =>
    new WfstoreError('usage', `${path}: ${what}`, { hint: hint ?? 'docs/CONFIG.md has an example' })
  if (!isUtf8(bytes)) throw wrong('it is not UTF-8')
  const content = bytes.toString('utf8').replace(/^\ufeff/, '')
  const top = members(parseJson(content, path), '', wrong)
  check(
    top,
    '',
    { $schema: text, default: text, profiles: () => undefined, defaults: () => undefined },
    wrong,
  )
  const profiles = new Map<string, Profile>()
  for (const [name, value] of members(top.get('profiles') ?? {}, 'profiles', wrong)) {
    const key = `profiles.${shown(name)}`
    if (!NAME.test(name))
      throw wrong(`${key} is no name`, 'letters, digits, dots, dashes and underscores, up to 63')
    const profile = members(value, key, wrong)
    check(profile, key, PROFILE, wrong)
    if (!profile.has('databaseUrl')) throw wrong(`${key} has no databaseUrl`)
    profiles.set(name, { name, ...Object.fromEntries(profile) } as Profile)
  }
  const defaults = members(top.get('defaults') ?? {}, 'defaults', wrong)
  check(defaults, 'defaults', PRESENTATION, wrong)
  const preset = top.get('default') as string | undefined
  if (preset !== undefined && !profiles.has(preset))
    throw wrong(`default names no profile: ${shown(preset)}`, alternatives(preset, profiles))
  return { path, default: preset, profiles, defaults: Object.fromEntries(defaults), othersMayRead }
}

type Wrong = (what: string, hint?: string) => WfstoreError

function parseJson(content: string, path: string): unknown {
  try {
    return JSON.parse(content)
  } catch (cause) {
    const { line, column, what } = findFlaw(content) ?? { line: 1, column: 1, what: 'no JSON' }
    throw new WfstoreError('usage', `${path}:${line}:${column}: ${what}`, { cause })
  }
}

function members(value: unknown, key: string, wrong: Wrong): Map<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return new Map(Object.entries(value))
  throw wrong(`${key === '' ? 'it' : key} must be an object in { }`)
}

function check(
  values: ReadonlyMap<string, unknown>,
  within: string,
  checks: Record<string, Check>,
  wrong: Wrong,
): void {
  for (const [name, value] of values) {
    const key = within === '' ? shown(name) : `${within}.${shown(name)}`
    if (!Object.hasOwn(checks, name)) {
      const meant = nearest(name, Object.keys(checks))
      const known = `it can be ${Object.keys(checks).join(', ')}`
      throw wrong(`${key} is unknown`, meant ? `did you mean ${meant}?` : known)
    }
    const what = checks[name]?.(value)
    if (what) throw wrong(`${key} ${what}`)
  }
}

export const alternatives = (name: string, profiles: ReadonlyMap<string, Profile>): string => {
  const names = [...profiles.keys()]
  if (names.length === 0) return 'it has no profiles'
  const meant = nearest(name, names)
  return `${meant ? `did you mean ${meant}? ` : ''}profiles: ${names.join(', ')}`
}

/** A name from the file, of which a message has room for so much. */
export const shown = (name: string): string => (name.length > 64 ? `${name.slice(0, 63)}…` : name)

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/**
 * The URL of a profile. A variable that is all of it stands as it is; within a URL its value is percent-encoded, so that
 * a password needs no care.
 * @throws WfstoreError no_database where a variable is not set, unless `without` stands for those
 */
export function profileUrl(
  { name, databaseUrl }: Profile,
  env: Environment,
  without?: string,
): string {
  return databaseUrl.replace(REFERENCE, (reference, variable: string) => {
    const value = env[variable]
    if (value) return reference === databaseUrl ? value : encodeURIComponent(value)
    if (without !== undefined) return without
    throw new WfstoreError(
      'no_database',
      `profile ${name} wants the environment variable ${variable}, which is not set`,
      { hint: 'set it, or name another database' },
    )
  })
}
