import { existsSync, readFileSync } from 'node:fs'
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

/** The password for this connection in PGPASSFILE or ~/.pgpass. It is read only if the server requires a password. */
export async function passwordFromFile(key: PasswordKey): Promise<string | undefined> {
  const { default: pgpass } = await import('pgpass')
  const look = (host: string) =>
    new Promise<string | undefined>((resolve) => pgpass({ ...key, host }, resolve))
  // The file knows a Unix socket by its folder, or by the name localhost.
  return (await look(key.host)) ?? (key.host.startsWith('/') ? look('localhost') : undefined)
}

/**
 * The settings of a service in pg_service.conf, with libpq's `dbname` under the name that pg uses.
 * @throws WfstoreError usage where the file does not define the service
 */
export function serviceSettings(service: string, env: Environment): Record<string, string> {
  const files = [
    env.PGSERVICEFILE ?? join(env.HOME ?? homedir(), '.pg_service.conf'),
    ...(env.PGSYSCONFDIR ? [join(env.PGSYSCONFDIR, 'pg_service.conf')] : []),
  ]
  for (const file of files.filter((name) => existsSync(name))) {
    const settings = section(readFileSync(file, 'utf8'), service)
    if (settings) return settings
  }
  throw new WfstoreError('usage', `PGSERVICE names ${service}, which is not defined`, {
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
      if (current === name) found = {}
    } else if (found && current === name && !line.startsWith('#') && line.includes('=')) {
      const [key = '', ...value] = line.split('=')
      found[key.trim() === 'dbname' ? 'database' : key.trim()] = value.join('=').trim()
    }
  }
  return found
}
