import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { dataDir } from '../../src/db/embedded/folder.ts'
import { readPassword, startEmbedded, stopEmbedded } from '../../src/db/embedded/server.ts'
import { dataFolder } from './folder.ts'

/** A server with TLS on loopback. Its certificate is for the name db.test, from an authority of its own. */
export interface TlsServer {
  port: number
  password: string
  /** The certificate of the authority, and one of another authority. */
  authority: string
  other: string
  /** Puts a line at the top of pg_hba.conf. */
  admit: (line: string) => Promise<void>
  run: (sql: string) => Promise<Record<string, unknown>[]>
  close: () => Promise<void>
}

export async function startTlsServer(): Promise<TlsServer> {
  const dir = dataFolder('tls')
  const { port } = await startEmbedded(dir, {
    create: true,
    transport: 'tcp',
    path: process.env.PATH,
  })
  const password = readPassword(dir)
  const certificates = mkdtempSync(join(tmpdir(), 'wfstore-tls-'))
  const at = (name: string) => join(certificates, name)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['authority', 'other'])
    openssl(
      ...['req', '-x509', ...key, '-days', '30', '-subj', `/CN=${name}`],
      ...['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)],
    )
  openssl(
    ...['req', '-x509', ...key, '-days', '30', '-subj', '/CN=db.test'],
    ...['-CA', at('authority.crt'), '-CAkey', at('authority.key')],
    ...['-addext', 'subjectAltName=DNS:db.test', '-addext', 'basicConstraints=critical,CA:false'],
    ...['-keyout', at('server.key'), '-out', at('server.crt')],
  )
  const data = dataDir(dir)
  const { uid, gid } = statSync(data)
  for (const name of ['server.key', 'server.crt']) {
    copyFileSync(at(name), join(data, name))
    chownSync(join(data, name), uid, gid)
    chmodSync(join(data, name), 0o600)
  }
  const run = async (sql: string) => {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port, user: 'wfstore', database: 'wfstore', password },
      ssl: false,
    })
    await client.connect()
    try {
      return (await client.query(sql)).rows as Record<string, unknown>[]
    } finally {
      await client.end()
    }
  }
  await run('alter system set ssl = on')
  await run('select pg_reload_conf()')
  return {
    ...{ port, password, run },
    admit: async (line) => {
      const file = join(data, 'pg_hba.conf')
      writeFileSync(file, `${line}\n${readFileSync(file, 'utf8')}`)
      await run('select pg_reload_conf()')
    },
    authority: at('authority.crt'),
    other: at('other.crt'),
    close: async () => {
      await stopEmbedded(dir)
      for (const folder of [dir, certificates]) rmSync(folder, { recursive: true, force: true })
    },
  }
}
