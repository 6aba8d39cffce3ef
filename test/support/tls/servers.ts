import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { dataDir } from '../../../src/db/embedded/folder.ts'
import {
  readPassword,
  startEmbedded,
  stopEmbedded,
  trustEmbedded,
} from '../../../src/db/embedded/server.ts'
import { dataFolder } from '../folder.ts'
import { type Certificates, makeCertificates } from './certificates.ts'

/** Servers on loopback that differ in their certificate. `off` has none and refuses TLS. */
export const SERVERS = ['db', 'db.test', 'address', 'self', 'expired', 'off'] as const
export type ServerName = (typeof SERVERS)[number]

/** The password of every role below. */
export const PASSWORD = 'known to the test'

/** A role for each way to log in. */
const HBA = `
hostssl all certificate all cert
hostssl all both        all scram-sha-256 clientcert=verify-full
hostssl all tls_only    all scram-sha-256
hostnossl all certificate,both,tls_only all reject
hostssl all clear_only  all reject
host    all password    all password
host    all md5         all md5
host    all trust       all trust
`
const ROLES = `
create role certificate login;
create role trust login;
create role "both" login password '${PASSWORD}';
create role tls_only login password '${PASSWORD}';
create role clear_only login password '${PASSWORD}';
create role scram login password '${PASSWORD}';
create role password login password '${PASSWORD}';
create role no_room login password '${PASSWORD}' connection limit 0;
set password_encryption = 'md5';
create role md5 login password '${PASSWORD}';
`

export interface TlsServers {
  file: Certificates
  /** The port of each server. */
  port: Record<ServerName, number>
  close: () => Promise<void>
}

/** One server is made; the others start from copies of its data. */
export async function startTlsServers(names: readonly ServerName[] = SERVERS): Promise<TlsServers> {
  const file = makeCertificates()
  const launch = (dir: string, create: boolean, settings: Record<string, string> = {}) =>
    startEmbedded(dir, {
      ...{ create, transport: 'tcp', path: process.env.PATH },
      settings: { fsync: 'off', max_connections: '20', shared_buffers: '1MB', ...settings },
    })
  const made = dataFolder('tls')
  const { port } = await launch(made, true)
  const config = { host: '127.0.0.1', port, user: 'wfstore', database: 'wfstore' }
  const client = new pg.Client({ ...config, password: readPassword(made), ssl: false })
  await client.connect()
  await client.query(ROLES)
  await client.end()
  await stopEmbedded(made)
  const { uid, gid } = statSync(dataDir(made))
  const give = (from: string, to: string) => {
    copyFileSync(from, to)
    chownSync(to, uid, gid)
    chmodSync(to, 0o600)
  }
  const hba = join(dataDir(made), 'pg_hba.conf')
  writeFileSync(hba, `${HBA}${readFileSync(hba, 'utf8')}`)
  give(file('authority.crt'), join(dataDir(made), 'authority.crt'))
  const started = names.map(async (name) => {
    const dir = dataFolder('tls')
    copyData(dataDir(made), dataDir(dir))
    if (name !== 'off')
      for (const end of ['crt', 'key'])
        give(file(`${name}.${end}`), join(dataDir(dir), `server.${end}`))
    trustEmbedded(dir)
    const tls = { ssl: 'on', ssl_ca_file: 'authority.crt' }
    const { port } = await launch(dir, false, name === 'off' ? {} : tls)
    return { name, dir, port }
  })
  const servers = await Promise.all(started)
  return {
    file,
    port: Object.fromEntries(servers.map(({ name, port }) => [name, port])) as TlsServers['port'],
    close: async () => {
      await Promise.all(servers.map(({ dir }) => stopEmbedded(dir)))
      for (const folder of [made, ...servers.map(({ dir }) => dir), dirname(file('config'))])
        rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Copies a folder with the owner of its files. */
function copyData(from: string, to: string): void {
  cpSync(from, to, { recursive: true })
  const { uid, gid } = statSync(from)
  for (const name of ['.', ...readdirSync(to, { recursive: true, encoding: 'utf8' })])
    chownSync(join(to, name), uid, gid)
}
