import { rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { describe } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'
import { checkNames, type Names } from '../../../options.ts'
import { createFolder, createFolders } from '../../../rights.ts'
import { syncFolder } from '../../../sync-folder.ts'
import type {
  ArchiveFormat,
  ArchiveHead,
  ArchiveSink,
  ArchiveSummary,
  Cleaned,
} from '../../types.ts'
import { onDisk } from '../disk.ts'
import { FORM, fileName, folderName, type Head, JOURNAL } from '../form.ts'
import { type Block, blocksOf } from './blocks.ts'
import { createDataFile, type DataFile } from './data-file.ts'
import { gzip } from './gzip.ts'
import { createJournal, type Journal } from './journal.ts'
import { writeManifest } from './manifest.ts'

export interface FolderOptions {
  /** The maximum compressed size of a file before the next one is started (default: 64 MiB). */
  fileBytes?: number | undefined
  /** The rights of its files, such as 0o640 (default: 0o600). Who may read the files may enter the new folders. */
  fileMode?: number | undefined
  /**
   * 'parquet': after the cleanup its lines are converted to Parquet files (default: 'jsonl'). What killed cleanups of the
   * same database have left in the folder for this is converted, too.
   */
  format?: ArchiveFormat | undefined
  wfstoreVersion: string
}

const OPTIONS: Names<FolderOptions> = {
  fileBytes: true,
  fileMode: true,
  format: true,
  wfstoreVersion: true,
}

const FILE_BYTES = 64 * 1024 * 1024

/** The maximum number of blocks compressed in parallel: the number of threads of Node. */
const BLOCKS_AT_ONCE = 4

/**
 * Writes an archive to a new folder in `folder`, named after the start of the cleanup. `place` is this folder once it
 * exists.
 */
export function archiveInFolder(folder: string, options?: FolderOptions): ArchiveSink {
  checkNames('archiveInFolder', options, OPTIONS)
  const { fileBytes = FILE_BYTES, fileMode, format = 'jsonl', wfstoreVersion = '' } = options ?? {}
  if (format !== 'jsonl' && format !== 'parquet')
    throw new WfstoreError('usage', `format is ${JSON.stringify(format)}, not jsonl or parquet`)
  const isParquet = format === 'parquet'
  const parent = resolve(folder)
  const files: DataFile[] = []
  let place = parent
  let head: Head | undefined
  let began = 0
  let journal: Journal | undefined
  /** A new file may not be in the folder on disk yet. */
  let named = false
  let failure: unknown

  const lastOf = (kind: Cleaned) => files.findLast((file) => file.kind === kind)
  const fileFor = async (kind: Cleaned): Promise<DataFile> => {
    const last = lastOf(kind)
    if (last && !(last.bytes() >= fileBytes && last.whole())) return last
    const number = files.filter((file) => file.kind === kind).length + 1
    const file = await createDataFile(place, fileName(kind, number), kind, fileMode)
    files.push(file)
    named = true
    return file
  }
  const append = async (kind: Cleaned, data: Buffer, { lines, whole }: Block) => {
    if (failure) return
    try {
      await (await fileFor(kind)).append(data, lines, whole)
    } catch (error) {
      failure = error
    }
  }
  const takeBack = async () => {
    for (const file of files.filter((file) => file.hasGrown())) {
      if (!(await file.takeBack())) files.splice(files.indexOf(file), 1)
    }
    await journal?.takeBack()
    failure = undefined
  }

  return {
    get place() {
      return place
    },
    open: async (cleanup: ArchiveHead) => {
      began = performance.now()
      head = { form: FORM, wfstore: wfstoreVersion, ...(isParquet && { format }), ...cleanup }
      place = await makeFolder(parent, folderName(cleanup), fileMode)
      journal = await createJournal(join(place, JOURNAL), fileMode)
      await journal.append({ archive: head })
      await syncFolders(place, parent)
    },
    write: async (kind, chunks) => {
      let lines = 0
      const under: Promise<void>[] = []
      let last = Promise.resolve()
      try {
        for await (const block of blocksOf(chunks)) {
          lines += block.lines
          const before = last
          const compressed = gzip(block.data)
          last = Promise.all([compressed, before]).then(([data]) => append(kind, data, block))
          // Errors are thrown when it is awaited.
          last.catch(() => {})
          under.push(last)
          if (under.length >= BLOCKS_AT_ONCE) await under.shift()
          if (failure) throw failure
        }
      } finally {
        await Promise.allSettled(under)
      }
      await last
      if (failure) throw failure
      return lines
    },
    sync: async () => {
      if (failure) throw failure
      const grown = files.filter((file) => file.hasGrown())
      if (grown.length === 0) return
      try {
        const segments = await Promise.all(grown.map((file) => file.flush()))
        if (named) await onDisk(place, () => syncFolder(place))
        await journal?.append({ segments })
      } catch (error) {
        failure = error
        throw error
      }
      named = false
      for (const file of grown) file.keep()
      for (const file of grown) if (file !== lastOf(file.kind)) await file.close()
    },
    rollback: takeBack,
    finish: async (): Promise<ArchiveSummary> => {
      if (failure) throw failure
      await Promise.all(files.map((file) => file.close()))
      // By the clock of the server, as the start.
      const startedAt = Date.parse((head as Head).startedAt)
      const summary = await writeManifest(
        place,
        head as Head,
        {
          finishedAt: new Date(startedAt + performance.now() - began).toISOString(),
          files: files.map((file) => file.summary()),
        },
        fileMode,
      ).catch((cause) => {
        throw new WfstoreError('failed', describe(cause).message, {
          hint: 'the archive is incomplete, but it has all removed rows and they can be restored',
          cause,
        })
      })
      await journal?.close()
      await rm(join(place, JOURNAL), { force: true })
      return summary
    },
    abandon: async () => {
      await takeBack().catch(() => {})
      await Promise.allSettled(files.map((file) => file.close()))
      await journal?.close().catch(() => {})
      // Remove an empty archive.
      if (journal && files.length === 0) await rm(place, { recursive: true, force: true })
    },
    ...(isParquet && {
      convert: async (ended) => {
        const { convertFinished } = await import('../convert/finished.ts')
        return convertFinished(place, parent, ended)
      },
    }),
  }
}

/** @throws WfstoreError usage if the path is not a folder, failed if it cannot be written */
async function makeFolder(parent: string, name: string, fileMode?: number): Promise<string> {
  try {
    await createFolders(parent, fileMode)
  } catch (cause) {
    const { code, message } = describe(cause)
    if (code === 'EEXIST' || code === 'ENOTDIR') {
      throw new WfstoreError('usage', `cannot archive in ${parent}: it is not a folder`, { cause })
    }
    throw new WfstoreError('failed', `cannot archive in ${parent}: ${message}`, { cause })
  }
  const place = join(parent, name)
  try {
    await createFolder(place, fileMode)
    return place
  } catch (cause) {
    const { code, message } = describe(cause)
    const reason = code === 'EEXIST' ? 'it already has an archive with this name' : message
    throw new WfstoreError('failed', `cannot archive in ${parent}: ${reason}`, { cause })
  }
}

async function syncFolders(place: string, parent: string): Promise<void> {
  for (const folder of [place, parent, dirname(parent)]) {
    await onDisk(folder, () => syncFolder(folder))
  }
}
