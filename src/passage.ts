import { constants, createWriteStream, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** Open files by their number: replacing them would not reach the program that has opened them. */
const OPEN_FILE = /^\/dev\/(std(in|out|err)|fd\/\d+)$|^\/proc\/[^/]+\/fd\/\d+$/

/** Whether the path is a device, a FIFO or an open file, which is written directly and never replaced. */
export async function isPassage(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (!found || found.isDirectory()) return false
  return !found.isFile() || OPEN_FILE.test(path)
}

/** Whether a path names the stdout of this process. */
export const isStdout = (path: string): boolean =>
  /^\/dev\/(stdout|fd\/1)$|^\/proc\/self\/fd\/1$/.test(path)

const POLL_MS = 50

/** Opens a device, a FIFO or an open file for writing. A FIFO waits for its reader. */
export async function openPassage(path: string): Promise<Writable> {
  if (!(await stat(path)).isFIFO()) return createWriteStream(path, { flags: 'w' })
  // A blocked open would keep the process from exiting.
  for (;;) {
    try {
      const fd = await promisify(open)(path, constants.O_WRONLY | constants.O_NONBLOCK)
      return new Socket({ fd, readable: false, writable: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
      await delay(POLL_MS)
    }
  }
}
