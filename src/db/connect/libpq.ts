import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { WfstoreError } from '../../error.ts'

/** Environment variables by name. */
export type Environment = Record<string, string | undefined>

export interface PasswordKey {
  host: string
  port: number
  database: string
  user: string
}

/** A path in the home folder of the user. */
export const homePath = (env: Environment, ...path: string[]): string =>
  join(homeOf(env) ?? '/nonexistent', ...path)

/** False if the user has neither HOME nor an entry in passwd. */
export const hasHome = (env: Environment): boolean => homeOf(env) !== undefined

function homeOf(env: Environment): string | undefined {
  if (env.HOME) return env.HOME
  try {
    return homedir()
  } catch {
    return undefined
  }
}

/** The default password file, if PGPASSFILE and the parameter passfile are not set. */
export const passwordFile = (env: Environment): string => homePath(env, '.pgpass')

/** As in libpq, a file that other users can read is ignored. */
const isPrivate = (file: string): boolean =>
  process.platform === 'win32' || (statSync(file).mode & 0o077) === 0

/**
 * The password for this connection in the file. It is read only if the server requires a password.
 * @returns undefined if there is none, or false if the file is ignored because other users can read it
 */
export function passwordFromFile(key: PasswordKey, file: string): string | undefined | false {
  if (!existsSync(file) || !statSync(file).isFile()) return undefined
  if (!isPrivate(file)) return false
  const entries = readFileSync(file, 'utf8')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map(fieldsOf)
  const look = (host: string) => {
    const wanted = [host, String(key.port), key.database, key.user]
    const found = entries.find((entry) =>
      wanted.every((text, index) => entry[index] === '*' || unescaped(entry[index]) === text),
    )
    return found && unescaped(found[4])
  }
  // In the file a Unix socket is named by its folder or as localhost.
  return look(key.host) ?? (key.host.startsWith('/') ? look('localhost') : undefined)
}

/** Fields end at a colon, unless a backslash precedes it. */
const fieldsOf = (line: string): string[] =>
  [...`${line}:`.matchAll(/((?:\\.|[^:\\])*):/g)].map(([, field = '']) => field)

const unescaped = (field: string | undefined): string | undefined =>
  field?.replace(/\\(.)/g, '$1') || undefined

/**
 * The parameters of the service in pg_service.conf.
 * @throws WfstoreError usage if no file defines the service
 */
export function serviceSettings(service: string, env: Environment): Record<string, string> {
  const own = env.PGSERVICEFILE || homePath(env, '.pg_service.conf')
  const files = [own, join(env.PGSYSCONFDIR || '/etc/postgresql-common', 'pg_service.conf')]
  if (env.PGSERVICEFILE && !existsSync(own))
    throw new WfstoreError('usage', `PGSERVICEFILE ${own} does not exist`, {
      hint: 'set it to the file of the service, or unset it',
    })
  for (const file of files.filter((name) => existsSync(name))) {
    const settings = section(file, service)
    if (settings) return settings
  }
  throw new WfstoreError('usage', `the service "${service}" is not defined`, {
    hint: service ? `define [${service}] in ${own}` : 'name one, or leave the parameter out',
  })
}

/** As in libpq, a line that starts with [ ends a section, the first section of a name counts, and its first value. */
function section(file: string, name: string): Record<string, string> | undefined {
  let found: Record<string, string> | undefined
  for (const [index, text] of readFileSync(file, 'utf8').split(/\r?\n/).entries()) {
    const line = text.trim()
    if (line.startsWith('[')) {
      if (found) return found
      if (line.startsWith(`[${name}]`)) found = {}
    } else if (found && line !== '' && !line.startsWith('#')) {
      const [key = '', ...value] = line.split('=')
      if (value.length === 0)
        throw new WfstoreError('usage', `line ${index + 1} of ${file} is not a parameter`, {
          hint: 'write name=value',
        })
      found[key.trim()] ??= value.join('=').trim()
    }
  }
  return found
}
