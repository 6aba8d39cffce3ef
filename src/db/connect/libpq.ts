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
export function homePath(env: Environment, ...path: string[]): string {
  if (env.HOME) return join(env.HOME, ...path)
  try {
    return join(homedir(), ...path)
  } catch {
    // The user has no entry in passwd and no HOME.
    return join('/nonexistent', ...path)
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
  const files = [
    env.PGSERVICEFILE ?? homePath(env, '.pg_service.conf'),
    join(env.PGSYSCONFDIR || '/etc/postgresql-common', 'pg_service.conf'),
  ]
  for (const file of files.filter((name) => existsSync(name))) {
    const settings = section(readFileSync(file, 'utf8'), service)
    if (settings) return settings
  }
  throw new WfstoreError('usage', `the service ${service} is not defined`, {
    hint: `define [${service}] in ${files[0]}`,
  })
}

function section(content: string, name: string): Record<string, string> | undefined {
  let found: Record<string, string> | undefined
  let current = ''
  for (const line of content.split(/\r?\n/).map((text) => text.trim())) {
    const header = /^\[(.+)\]$/.exec(line)
    if (header) {
      current = header[1] as string
      if (current === name) found ??= {}
    } else if (found && current === name && !line.startsWith('#') && line.includes('=')) {
      const [key = '', ...value] = line.split('=')
      found[key.trim()] ??= value.join('=').trim()
    }
  }
  return found
}
