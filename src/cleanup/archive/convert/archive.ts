import { rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { WfstoreError } from '../../../error.ts'
import { tryLock } from '../../../lock-file.ts'
import { createFolder, createFolders } from '../../../rights.ts'
import { syncFolder } from '../../../sync-folder.ts'
import type { ArchivedFile, ArchiveFormat, ArchiveSummary } from '../../types.ts'
import { onDisk } from '../disk.ts'
import { CONVERT_LOCK, formatOf, type Head, JOURNAL, MANIFEST, nameIn } from '../form.ts'
import { type ClaimedFile, type FolderClaim, readFolder } from '../verify/folder.ts'
import { namesIn } from '../verify/read.ts'
import { summaryOf, writeManifest } from '../write/manifest.ts'
import { convertFile, damaged, modeOf } from './file.ts'

export interface ConvertOptions {
  to: ArchiveFormat
  /** Writes a converted copy to this folder; the archive stays as it is. */
  out?: string | undefined
  /** Converts what a killed cleanup has left. Its cleanup must not run any more. */
  unfinished?: boolean | undefined
  /** No file is begun after it is aborted. */
  signal?: AbortSignal | undefined
  /** Called with the number of lines that were converted. */
  progress?: ((lines: number) => void) | undefined
}

export interface ConvertedArchive extends ArchiveSummary {
  /** 'unfinished': its cleanup runs or was killed, and it was left as it is. */
  outcome: 'converted' | 'unchanged' | 'unfinished' | 'stopped'
  /** The size before. */
  bytesBefore: number
}

/**
 * Converts an archive in its folder or to a copy. A file of the new format is read back and compared with the lines before
 * the manifest names it, and only then is the other one removed. Killed at any instant, the archive is complete, with files
 * of one format or of both, and the conversion can be run again.
 * @throws WfstoreError failed if the archive is damaged or the disk refuses, locked if it is being converted
 */
export async function convertArchive(
  place: string,
  options: ConvertOptions,
): Promise<ConvertedArchive> {
  const { out } = options
  if (out === undefined) return inTurn(place, () => convertIn(place, options))
  await onDisk(out, () => createFolders(out))
  return inTurn(out, () => copyTo(place, out, options))
}

/** @throws WfstoreError locked */
async function inTurn<T>(place: string, work: () => Promise<T>): Promise<T> {
  const lock = await onDisk(place, async () => tryLock(join(place, CONVERT_LOCK)))
  if ('holder' in lock)
    throw new WfstoreError(
      'locked',
      `${place} is being converted by process ${lock.holder ?? '?'}`,
      {
        hint: 'run it again when this has ended',
      },
    )
  try {
    return await work()
  } finally {
    lock.release()
  }
}

/** What an archive has, if nothing is wrong at first sight. The checksums are compared while it is read. */
export async function soundClaim(place: string): Promise<FolderClaim & { bytes: number }> {
  const { head, finishedAt, files, problems } = await readFolder(place)
  const [problem] = problems
  if (problem) throw damaged(join(place, problem.file), problem.problem)
  return { head, finishedAt, files, bytes: files.reduce((sum, file) => sum + file.bytes, 0) }
}

async function convertIn(place: string, options: ConvertOptions): Promise<ConvertedArchive> {
  const { to, unfinished = false, signal } = options
  const claim = await soundClaim(place)
  const { head, finishedAt, bytes: bytesBefore } = claim
  let files = claim.files.map(archived)
  const result = (outcome: ConvertedArchive['outcome']) => ({
    ...summaryOf(place, files),
    ...{ outcome, bytesBefore },
  })
  const left = claim.files.filter(({ name }) => formatOf(name) !== to)
  if (!head || (finishedAt === null && !unfinished && left.length > 0)) return result('unfinished')
  await removeLeftovers(place, claim)
  if (left.length === 0) return result('unchanged')
  // The journal of a killed cleanup and a manifest cannot share the files of one archive.
  const parts = finishedAt === null ? [left] : left.map((file) => [file])
  for (const part of parts) {
    if (signal?.aborted) return result('stopped')
    const made = new Map<string, ArchivedFile>()
    for (const file of part) {
      made.set(file.name, await convertFile(place, file, head, place, to))
      options.progress?.(file.lines)
    }
    await onDisk(place, () => syncFolder(place))
    files = files.map((file) => made.get(file.name) ?? file)
    await writeManifest(
      place,
      headFor(head, to),
      { finishedAt, files },
      await modeOf(join(place, part[0]?.name as string)),
    )
    for (const { name } of part) await rm(join(place, name), { force: true })
    await rm(join(place, JOURNAL), { force: true })
  }
  return result('converted')
}

const archived = ({ name, kind, lines, bytes, sha256, linesSha256, textColumns }: ClaimedFile) =>
  ({ name, kind, lines, bytes, sha256, linesSha256, textColumns }) as ArchivedFile

/** The head without what only a manifest has. */
function headFor(head: Head, to: ArchiveFormat): Head {
  const { form, wfstore, cleanupId, startedAt, cutoff, keepLast, schema, columns } = head
  return {
    ...{ form, wfstore, cleanupId, startedAt, cutoff, keepLast, schema, columns },
    ...(to === 'parquet' ? { format: to } : {}),
  }
}

/** What a killed conversion has left: files of the format that the manifest does not name. */
async function removeLeftovers(place: string, { files }: FolderClaim): Promise<void> {
  const known = new Set(files.map(({ name }) => name))
  const names = await namesIn(place)
  for (const name of names) {
    const others = [nameIn('jsonl', name), nameIn('parquet', name)].filter(
      (other) => other !== name,
    )
    const isLeft = name.endsWith('.part') || others.some((other) => known.has(other))
    if (isLeft && !known.has(name)) await rm(join(place, name), { force: true })
  }
  if (names.includes(MANIFEST)) await rm(join(place, JOURNAL), { force: true })
}

/** A copy appears when it is complete. */
async function copyTo(
  place: string,
  out: string,
  options: ConvertOptions,
): Promise<ConvertedArchive> {
  const { to, unfinished = false, signal } = options
  const { head, finishedAt, files, bytes: bytesBefore } = await soundClaim(place)
  const copy = join(out, basename(place))
  const result = (outcome: ConvertedArchive['outcome'], made: ArchivedFile[]) => ({
    ...summaryOf(copy, made),
    ...{ outcome, bytesBefore },
  })
  if (!head || (finishedAt === null && !unfinished)) return result('unfinished', [])
  if (await stat(copy).catch(() => undefined)) {
    const known = await soundClaim(copy)
    if (known.head?.cleanupId !== head.cleanupId)
      throw new WfstoreError('usage', `${copy} is another archive`, { hint: 'name another folder' })
    return result('unchanged', known.files.map(archived))
  }
  const part = `${copy}.part`
  await rm(part, { recursive: true, force: true })
  const mode = await modeOf(join(place, files[0]?.name ?? MANIFEST))
  await onDisk(part, () => createFolder(part, mode))
  const made: ArchivedFile[] = []
  for (const file of files) {
    if (signal?.aborted) {
      await rm(part, { recursive: true, force: true })
      return result('stopped', [])
    }
    made.push(await convertFile(place, file, head, part, to))
    options.progress?.(file.lines)
  }
  await writeManifest(part, headFor(head, to), { finishedAt, files: made }, mode)
  await onDisk(copy, () => rename(part, copy))
  await onDisk(out, () => syncFolder(out))
  return result('converted', made)
}
