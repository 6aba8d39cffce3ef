import { chmodSync, mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { inject } from 'vitest'

/** Linux keeps what is here in memory: nothing that a test makes needs to reach a disk. */
const MEMORY = '/dev/shm'
/** A run takes at most a quarter of this. */
const ROOM = 2 * 1024 ** 3

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize >= ROOM
  } catch {
    return false
  }
}

/** The folder of a whole run, in memory where there is room. Servers of other users work below it. */
export function makeRunFolder(): string {
  const folder = mkdtempSync(join(hasRoom() ? MEMORY : tmpdir(), 'wfstore-test-'))
  chmodSync(folder, 0o711)
  return folder
}

/** A new folder for data, removed at the end of the run at the latest. No program may run from there. */
export const dataFolder = (label: string): string =>
  mkdtempSync(join(inject('runFolder'), `${label}-`))

/** What the names of this run's templates begin with: a server of yours may have other runs. */
export const templatesOf = (runFolder: string): string =>
  `${basename(runFolder).toLowerCase().replace(/\W/g, '_')}_`
