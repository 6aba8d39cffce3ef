import { mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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

/** A new folder for data, in memory where there is room. No program may run from there. */
export const dataFolder = (label: string): string =>
  mkdtempSync(join(hasRoom() ? MEMORY : tmpdir(), `wfstore-${label}-`))
