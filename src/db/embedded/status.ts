import {
  type Endpoint,
  embeddedExists,
  embeddedVersion,
  logFile,
  passFile,
  runningServer,
} from './server.ts'

export interface EmbeddedStatus {
  state: 'running' | 'stopped' | 'none'
  folder: string
  /** Major version of PostgreSQL. */
  version: string | null
  pid: number | null
  /** RFC 3339. */
  startedAt: string | null
  url: string | null
  log: string | null
}

/** The state of the embedded database of a folder. Does not start it. */
export async function embeddedStatus(folder: string): Promise<EmbeddedStatus> {
  const unknown = { version: null, pid: null, startedAt: null, url: null, log: null }
  if (!embeddedExists(folder)) return { state: 'none', folder, ...unknown }
  const known = { folder, version: embeddedVersion(folder), log: logFile(folder) }
  const server = await runningServer(folder)
  if (!server) return { ...unknown, ...known, state: 'stopped' }
  return {
    ...known,
    state: 'running',
    pid: server.pid,
    startedAt: server.startedAt.toISOString().replace('Z', '000Z'),
    url: embeddedUrl(folder, server),
  }
}

/** A libpq URL. For TCP it names the file with the password. */
export function embeddedUrl(folder: string, server: Endpoint): string {
  return server.socketDir
    ? `postgresql://wfstore@localhost:${server.port}/wfstore?host=${encodeURIComponent(server.socketDir)}`
    : `postgresql://wfstore@127.0.0.1:${server.port}/wfstore?passfile=${encodeURIComponent(passFile(folder))}`
}
