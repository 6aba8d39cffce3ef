import type { FileHandle } from 'node:fs/promises'
import { createFile } from '../../../rights.ts'
import { onDisk } from '../disk.ts'
import { type Mark, seal } from '../form.ts'
import { writeAll } from './data-file.ts'

export interface Journal {
  /** Resolves when the line is on disk. */
  append: (mark: Mark) => Promise<void>
  /** Removes a partly written line. */
  takeBack: () => Promise<void>
  close: () => Promise<void>
}

/** A sealed line per sync. */
export async function createJournal(path: string, fileMode?: number): Promise<Journal> {
  const handle: FileHandle = await onDisk(path, () => createFile(path, fileMode))
  let bytes = 0
  let torn = false
  return {
    append: (mark) =>
      onDisk(path, async () => {
        const line = Buffer.from(`${seal(mark)}\n`)
        torn = true
        await writeAll(handle, line, bytes)
        await handle.datasync()
        bytes += line.length
        torn = false
      }),
    takeBack: async () => {
      if (torn) await onDisk(path, () => handle.truncate(bytes))
      torn = false
    },
    close: () => handle.close(),
  }
}
