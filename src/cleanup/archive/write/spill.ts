import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onDisk } from '../disk.ts'
import { writeAll } from './data-file.ts'

/** A buffer in memory that moves to a temporary file when it is large. */
export interface Spill {
  add: (data: Buffer) => Promise<void>
  read: () => AsyncGenerator<Buffer>
  clear: () => Promise<void>
  /** Removes the file. */
  close: () => Promise<void>
}

const IN_MEMORY = 8 * 1024 * 1024
const READ_BYTES = 1024 * 1024

export function createSpill(): Spill {
  let waiting: Buffer[] = []
  let size = 0
  let folder: string | undefined
  let file: FileHandle | undefined
  let written = 0
  const spill = async () => {
    folder ??= await onDisk(tmpdir(), () => mkdtemp(join(tmpdir(), 'wfstore-archive-')))
    const path = join(folder, 'batch')
    file ??= await onDisk(path, () => open(path, 'w+', 0o600))
    const data = Buffer.concat(waiting)
    await onDisk(path, () => writeAll(file as FileHandle, data, written))
    written += data.length
    waiting = []
    size = 0
  }
  return {
    add: async (data) => {
      waiting.push(data)
      size += data.length
      if (size > IN_MEMORY) await spill()
    },
    read: async function* () {
      for (let at = 0; at < written; ) {
        const length = Math.min(READ_BYTES, written - at)
        // A new buffer, because the last one may still be in use.
        const data = Buffer.alloc(length)
        const { bytesRead } = await (file as FileHandle).read(data, 0, length, at)
        if (bytesRead === 0) throw new Error(`${folder} has lost data`)
        at += bytesRead
        yield data.subarray(0, bytesRead)
      }
      yield* waiting
    },
    clear: async () => {
      waiting = []
      size = 0
      if (written > 0) await file?.truncate(0)
      written = 0
    },
    close: async () => {
      await file?.close()
      if (folder) await rm(folder, { recursive: true, force: true })
      file = undefined
      folder = undefined
    },
  }
}
