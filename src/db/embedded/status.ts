import { resolve } from 'node:path'
import type { Environment } from '../connect/libpq.ts'
import { ownFolder } from './owner.ts'
import {
  type Endpoint,
  embeddedExists,
  embeddedVersion,
  isTrusted,
  logFile,
  passFile,
  runningServer,
} from './server.ts'

export interface EmbeddedStatus {
  /** 'untrusted': this user has not created it, so it does not start without a question. */
  state: 'running' | 'stopped' | 'none' | 'untrusted'
  folder: string
  /** Major version of PostgreSQL. */
  version: string | null
  pid: number | null
  /** RFC 3339. */
  startedAt: string | null
  url: string | null
  log: string | null
}

/**
 * The state of the embedded database of a folder. Does not start it.
 * @throws WfstoreError unreachable if another user owns the folder
 */
export async function embeddedStatus(dir: string, env: Environment = {}): Promise<EmbeddedStatus> {
  const folder = ownFolder(resolve(dir))
  const unknown = { version: null, pid: null, startedAt: null, url: null, log: null }
  if (!embeddedExists(folder)) return { state: 'none', folder, ...unknown }
  const known = { folder, version: embeddedVersion(folder), log: logFile(folder) }
  if (!isTrusted(folder, env)) return { ...unknown, ...known, state: 'untrusted' }
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
