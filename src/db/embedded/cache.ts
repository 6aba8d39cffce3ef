import * as fs from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { type Environment, homePath } from '../connect/libpq.ts'
import { platform, type ServerPackage } from './packages.ts'

const isRoot = (): boolean => process.getuid?.() === 0
const OTHERS_WRITE = 0o022

/**
 * Where wfstore installs servers, which all databases of a user share. The server of root runs as another user, who
 * cannot enter the home of root.
 */
export function serverCache(env: Environment): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = env
  if (xdg && isAbsolute(xdg)) return join(xdg, 'wfstore')
  if (process.platform === 'win32' && local) return join(local, 'wfstore', 'cache')
  return isRoot() ? '/var/cache/wfstore' : homePath(env, '.cache', 'wfstore')
}

/** The variable that moves the cache. Without a cache of its own, HOME does, which npm needs too. */
export const cacheVariable = ({ XDG_CACHE_HOME: xdg }: Environment): string =>
  xdg || isRoot() ? 'XDG_CACHE_HOME' : process.platform === 'win32' ? 'LOCALAPPDATA' : 'HOME'

/** The folder whose node_modules has this package. */
export const serverFolder = (cache: string, { version }: ServerPackage): string =>
  join(cache, `postgres-${version}-${platform}`)

/** The mode of folders that only this user can write to, and that the server can enter. */
const folderMode = (): number => (isRoot() ? 0o755 : 0o700)

/** @throws WfstoreError unreachable if another user can write to it, otherwise what the file system refuses */
export function makeCache(cache: string): void {
  fs.mkdirSync(cache, { recursive: true, mode: folderMode() })
  assertOurs(cache)
}

/** Lets the server enter a new folder. */
export const openFolder = (folder: string): void => fs.chmodSync(folder, folderMode())

/**
 * What other users can write is not run.
 * @throws WfstoreError unreachable
 */
export function assertOurs(cache: string): void {
  const uid = process.getuid?.()
  if (uid === undefined) return
  const stats = fs.statSync(cache)
  if (stats.uid === uid && (stats.mode & OTHERS_WRITE) === 0) return
  throw new WfstoreError(
    'unreachable',
    stats.uid === uid
      ? `other users can write to ${cache}, where wfstore installs PostgreSQL`
      : `${cache}, where wfstore installs PostgreSQL, belongs to another user`,
    { hint: 'remove it, or set XDG_CACHE_HOME to a folder of yours' },
  )
}
