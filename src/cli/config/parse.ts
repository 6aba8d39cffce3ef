import { isUtf8 } from 'node:buffer'
import {
  getLocation,
  getNodePath,
  getNodeValue,
  type JSONPath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { WfstoreError } from '../../error.ts'
import { nearest } from '../../nearest.ts'
import { timeZoneOf, zonesMeant } from '../../time-zone.ts'
import { parseMaxLag } from '../options/max-lag.ts'
import { FORMATS } from '../output/format.ts'
import { parsed } from './check.ts'
import type { ConfigFile } from './find.ts'
import { INGEST } from './ingest.ts'
import { alternatives, type Config, type Profile, REFERENCE, shown } from './profile.ts'
import { SERVE } from './serve.ts'

/** What is wrong with a value. The message does not repeat the value, which may be a secret. */
type Check = (value: unknown) => string | undefined

const REFERENCE_EXAMPLE = '$\x7bNAME}'

/** PostgreSQL cannot receive a NUL character. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\0')
const text: Check = (value) => (isText(value) ? undefined : 'must be a string that is not empty')
const oneOf =
  (...words: string[]): Check =>
  (value) =>
    words.includes(value as string) ? undefined : `must be one of ${words.join(', ')}`

const PRESENTATION: Record<string, Check> = {
  tz: (value) => {
    const name = isText(value) ? value : ''
    return timeZoneOf(name) === undefined
      ? `must be the IANA name of a time zone, such as ${zonesMeant(name) ?? 'Europe/Berlin'}`
      : undefined
  },
  output: oneOf(...FORMATS),
  color: oneOf('auto', 'always', 'never'),
}

const databaseUrl: Check = (value) => {
  if (!isText(value))
    return `must be a string such as postgresql://ops@db/app, or ${REFERENCE_EXAMPLE}`
  if (value.replaceAll(REFERENCE, '').includes('${'))
    return `has an invalid environment variable: write it as ${REFERENCE_EXAMPLE}`
  return /^(postgres(ql)?:\/\/|\$\{)/i.test(value)
    ? undefined
    : `must begin with postgresql:// or ${REFERENCE_EXAMPLE}`
}

const DEFAULTS: Record<string, Check> = {
  ...PRESENTATION,
  maxLag: parsed(parseMaxLag, 'a duration such as "30s", or "any"'),
}

const PROFILE: Record<string, Check> = {
  databaseUrl,
  reports: databaseUrl,
  schema: (value) =>
    isText(value) && Buffer.byteLength(value) <= 63 && !/^pg_/i.test(value)
      ? undefined
      : 'must be a name of 1 to 63 bytes that does not begin with pg_',
  production: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
  ...DEFAULTS,
}

const TOP: Record<string, Check> = {
  $schema: text,
  default: text,
  profiles: () => undefined,
  defaults: () => undefined,
  ingest: () => undefined,
  serve: () => undefined,
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** @throws WfstoreError usage: one line with the file, line, column and key */
export function parseConfig({ path, bytes, othersMayRead }: ConfigFile): Config {
  if (!isUtf8(bytes)) throw new WfstoreError('usage', `${path} is not UTF-8`)
  const content = bytes.toString('utf8').replace(/^\ufeff/, '')
  const wrong: Wrong = (node, what, hint = '`wfstore help config-file` has an example') =>
    new WfstoreError(
      'usage',
      [placeOf(path, content, node.offset), keyOf(getNodePath(node)), what]
        .filter(Boolean)
        .join(' '),
      { hint },
    )
  const top = members(readTree(path, content), wrong)
  const { default: preset } = check(top, TOP, wrong)
  const profiles = new Map<string, Profile>()
  for (const [name, { key, value }] of membersOf(top, 'profiles', wrong)) {
    if (!NAME.test(name))
      throw wrong(
        key,
        'is not a valid name',
        'use letters, digits, dots, dashes and underscores, at most 63, and begin with a letter or digit',
      )
    const profile = check(members(value, wrong), PROFILE, wrong)
    if (profile.databaseUrl === undefined) throw wrong(value, 'has no databaseUrl')
    profiles.set(name, { name, ...profile } as Profile)
  }
  const defaults = check(membersOf(top, 'defaults', wrong), DEFAULTS, wrong)
  const ingest = check(membersOf(top, 'ingest', wrong), INGEST, wrong)
  const serve = check(membersOf(top, 'serve', wrong), SERVE, wrong)
  if (typeof preset === 'string' && !profiles.has(preset))
    throw wrong(
      top.get('default')?.value as Node,
      `is ${shown(preset)}, which is not a profile`,
      alternatives(preset, profiles),
    )
  return {
    path,
    default: preset as string | undefined,
    profiles,
    defaults,
    ingest,
    serve,
    othersMayRead,
  }
}

type Wrong = (node: Node, what: string, hint?: string) => WfstoreError
type Members = ReadonlyMap<string, { key: Node; value: Node }>

/** JSON with the comments and trailing commas that settings of VS Code may have. */
function readTree(path: string, content: string): Node {
  const errors: ParseError[] = []
  try {
    const tree = parseTree(content, errors, { allowTrailingComma: true })
    const [error] = errors
    if (!error) return tree as Node
    // 'CommaExpected' as 'comma expected'.
    const what = printParseErrorCode(error.error)
      .replaceAll(/(?<!^)(?=[A-Z])/g, ' ')
      .toLowerCase()
    const key = keyOf(getLocation(content, error.offset).path)
    throw new WfstoreError(
      'usage',
      `${placeOf(path, content, error.offset)} ${what}${key && ` at ${key}`}`,
      { hint: what === 'invalid symbol' ? 'put names and strings in double quotes' : undefined },
    )
  } catch (cause) {
    // The parser calls itself for each level.
    if (!(cause instanceof RangeError)) throw cause
    throw new WfstoreError('usage', `${path} is nested too deeply`, { cause })
  }
}

/** '/srv/wfstore.config.json:4:3:' */
function placeOf(path: string, content: string, offset: number): string {
  const before = content.slice(0, offset).split('\n')
  return `${path}:${before.length}:${(before.at(-1) as string).length + 1}:`
}

/** 'profiles.prod.tz' */
const keyOf = (path: JSONPath): string =>
  path
    .filter((segment) => segment !== '')
    .map((segment) => shown(String(segment)))
    .join('.')

function members(node: Node, wrong: Wrong): Members {
  if (node.type !== 'object') throw wrong(node, 'must be an object in { }')
  const found = new Map<string, { key: Node; value: Node }>()
  for (const { children } of node.children ?? []) {
    const [key, value] = children as [Node, Node]
    if (found.has(key.value)) throw wrong(key, 'is given twice')
    found.set(key.value, { key, value })
  }
  return found
}

function membersOf(top: Members, name: string, wrong: Wrong): Members {
  const given = top.get(name)
  return given ? members(given.value, wrong) : new Map()
}

/** The values of an object whose keys and values are as they must be. */
function check(given: Members, checks: Record<string, Check>, wrong: Wrong) {
  const values: Record<string, unknown> = {}
  for (const [name, { key, value }] of given) {
    if (!Object.hasOwn(checks, name)) {
      const meant = nearest(name, Object.keys(checks))
      const known = `known keys: ${Object.keys(checks).join(', ')}`
      throw wrong(key, 'is unknown', meant ? `did you mean ${meant}?` : known)
    }
    const given = getNodeValue(value)
    const what = checks[name]?.(given)
    if (what) throw wrong(value, what)
    values[name] = given
  }
  return values
}
