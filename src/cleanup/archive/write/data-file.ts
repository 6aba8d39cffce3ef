import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createFile } from '../../../rights.ts'
import type { ArchivedFile, Cleaned } from '../../types.ts'
import { onDisk } from '../disk.ts'
import type { Segment } from '../form.ts'

/** A growing file of an archive. What is not synced can be discarded. */
export interface DataFile {
  name: string
  kind: Cleaned
  /** The size including data that is not kept yet. */
  bytes: () => number
  /** Whether it ends with a complete line. */
  whole: () => boolean
  /** Whether data that is not kept may be on disk. */
  hasGrown: () => boolean
  append: (data: Buffer, lines: number, whole: boolean) => Promise<void>
  /** Writes everything to disk and returns the part since the last flush. It can be discarded until `keep`. */
  flush: () => Promise<Segment>
  keep: () => void
  /** Discards everything that is not kept. @returns whether the file still exists */
  takeBack: () => Promise<boolean>
  /** The summary of what is kept. */
  summary: () => ArchivedFile
  close: () => Promise<void>
}

interface State {
  bytes: number
  lines: number
  whole: boolean
  hash: Hash
}

export async function createDataFile(
  folder: string,
  name: string,
  kind: Cleaned,
  fileMode?: number,
): Promise<DataFile> {
  const path = join(folder, name)
  let handle: FileHandle | undefined = await onDisk(path, () => createFile(path, fileMode))
  let kept: State = { bytes: 0, lines: 0, whole: true, hash: createHash('sha256') }
  let state = copyOf(kept)
  let segment = createHash('sha256')
  let grown = true
  const file = () => handle as FileHandle
  return {
    name,
    kind,
    bytes: () => state.bytes,
    whole: () => state.whole,
    hasGrown: () => grown,
    append: async (data, lines, whole) => {
      grown = true
      await onDisk(path, () => writeAll(file(), data, state.bytes))
      state.hash.update(data)
      segment.update(data)
      state.bytes += data.length
      state.lines += lines
      state.whole = whole
    },
    flush: async () => {
      await onDisk(path, () => file().datasync())
      return {
        file: name,
        kind,
        offset: kept.bytes,
        bytes: state.bytes - kept.bytes,
        lines: state.lines - kept.lines,
        sha256: segment.copy().digest('hex'),
      }
    },
    keep: () => {
      kept = copyOf(state)
      segment = createHash('sha256')
      grown = false
    },
    takeBack: async () => {
      state = copyOf(kept)
      segment = createHash('sha256')
      if (kept.bytes > 0) {
        await onDisk(path, () => file().truncate(kept.bytes))
        grown = false
        return true
      }
      await handle?.close()
      handle = undefined
      await onDisk(path, () => rm(path, { force: true }))
      return false
    },
    summary: () => ({
      name,
      kind,
      lines: kept.lines,
      bytes: kept.bytes,
      sha256: kept.hash.copy().digest('hex'),
    }),
    close: async () => {
      await handle?.close()
      handle = undefined
    },
  }
}

const copyOf = (state: State): State => ({ ...state, hash: state.hash.copy() })

export async function writeAll(handle: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position + done)
    done += bytesWritten
  }
}
