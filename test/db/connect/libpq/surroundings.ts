import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Relay, type Sight, startRelay } from '../../../support/tls/relay.ts'
import {
  PASSWORD,
  SERVERS,
  type ServerName,
  startTlsServers,
} from '../../../support/tls/servers.ts'
import type { Case } from './cases.ts'

/** What a case needs: servers behind relays, files and home folders. */
export interface Surroundings {
  url: string | undefined
  env: Record<string, string>
}

export interface World {
  of: (one: Case) => Surroundings
  /** False for IPv6 on a machine without it. */
  possible: (one: Case) => boolean
  /** What the relays saw since the last call. */
  seen: () => string
  /** Replaces what differs from run to run. */
  stable: (text: string) => string
  close: () => Promise<void>
}

const SERVICES = `# services
[db]
host=db.test
port={port db}
user=scram
password=${PASSWORD}
dbname=wfstore
sslmode=disable

[commented] # of the test
host=db.test
port={port db}
user=scram
password=${PASSWORD}
dbname=wfstore

[before]
port={port db}
user=scram
password=${PASSWORD}
[after] ; another comment
sslmode=disable

[twice]
host=db.test
port={port db}
user=scram
password=${PASSWORD}
[twice]
dbname=wfstore
sslmode=disable

[misspelt]
host=db.test
sslmod=require
[no-value]
host=db.test
sslmode verify-full
[nested]
service=db
`

export async function makeWorld(): Promise<World> {
  const ipv6 = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === '::1')
  const servers = await startTlsServers()
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-libpq-'))
  const seen: { server: ServerName; sight: Sight }[] = []
  const relays: Relay[] = []
  const port = {} as Record<ServerName, number>
  for (const server of SERVERS) {
    const see = (sight: Sight) => seen.push({ server, sight })
    const relay = await startRelay(servers.port[server], { host: '127.0.0.1', port: 0 }, see)
    relays.push(relay)
    if (ipv6) {
      const again = { host: '::1', port: relay.port }
      relays.push(await startRelay(servers.port[server], again, see))
    }
    port[server] = relay.port
  }
  const socket = join(folder, 'socket')
  mkdirSync(socket)
  const path = join(socket, '.s.PGSQL.5432')
  relays.push(
    await startRelay(servers.port.db, { path }, (sight) => seen.push({ server: 'db', sight })),
  )
  const values = (name: string): string => {
    const [, portOf] = /^port (.*)$/.exec(name) ?? []
    if (portOf) return String(port[portOf as ServerName])
    if (SERVERS.includes(name as ServerName)) return `db.test:${port[name as ServerName]}`
    if (/^[a-z0-9_]+$/.test(name) && !['missing', 'socket', 'services'].includes(name))
      return `${name}:${encodeURIComponent(PASSWORD)}`
    const known: Record<string, string> = {
      PASSWORD,
      'PASSWORD in url': encodeURIComponent(PASSWORD),
      missing: join(folder, 'missing'),
      services: join(folder, 'services'),
      socket,
      'socket in url': encodeURIComponent(socket),
    }
    return known[name] ?? servers.file(name)
  }
  const filled = (text: string) => text.replace(/\{([^}]*)\}/g, (_, name) => values(name))
  writeFileSync(join(folder, 'services'), filled(SERVICES))
  makeHomes(folder, servers.file)
  return {
    possible: ({ url = '', env = {} }) => ipv6 || !`${url} ${env.PGHOSTADDR}`.includes('::1'),
    of: ({ url, env = {}, home = 'empty' }) => ({
      url: url === undefined ? undefined : filled(url),
      env: {
        HOME: join(folder, home),
        ...Object.fromEntries(
          Object.entries({ PGHOSTADDR: '127.0.0.1', ...env }).map(([name, value]) => [
            name,
            filled(value),
          ]),
        ),
      },
    }),
    seen: () => {
      const all = seen.splice(0)
      const [first] = all
      return all
        .map(({ server, sight }) => (server === first?.server ? sight : `${sight} (${server})`))
        .join(', ')
    },
    stable: (text) => {
      let result = text.replaceAll(folder, '{folder}').replaceAll(servers.file(''), '{files}')
      for (const [name, number] of Object.entries(port))
        result = result.replaceAll(String(number), `{port ${name}}`)
      return result
    },
    close: async () => {
      for (const relay of relays) await relay.close()
      rmSync(folder, { recursive: true })
      await servers.close()
    },
  }
}

/** Home folders with the files that libpq looks for. */
function makeHomes(folder: string, file: (name: string) => string): void {
  const home = (name: string, files: Record<string, string>) => {
    mkdirSync(join(folder, name, '.postgresql'), { recursive: true })
    for (const [to, from] of Object.entries(files))
      copyFileSync(file(from), join(folder, name, '.postgresql', to))
  }
  home('empty', {})
  home('root', { 'root.crt': 'authority.crt' })
  home('other', { 'root.crt': 'other.crt' })
  home('revoked', { 'root.crl': 'revoked.crl' })
  home('client', { 'postgresql.crt': 'both.crt', 'postgresql.key': 'both.key' })
  for (const [name, mode] of [
    ['passwords', 0o600],
    ['open passwords', 0o644],
  ] as const) {
    home(name, {})
    writeFileSync(join(folder, name, '.pgpass'), `db.test:*:*:scram:${PASSWORD}\n`, { mode })
  }
}
