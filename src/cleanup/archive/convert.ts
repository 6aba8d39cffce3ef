import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe } from '../../db/query/errors.ts'
import { WfstoreError } from '../../error.ts'
import { tryLock } from '../../lock-file.ts'
import { createFile, createFolder, createFolders } from '../../rights.ts'
import { syncFolder } from '../../sync-folder.ts'
import type { ArchivedFile, ArchiveFormat, ArchiveSummary, Cleaned } from '../types.ts'
import { onDisk } from './disk.ts'
import {
  CONVERT_LOCK,
  formatOf,
  type Head,
  isFileName,
  isFolderName,
  JOURNAL,
  MANIFEST,
  nameIn,
} from './form.ts'
import { linesOfParquet } from './parquet/read.ts'
import { planLayout, writeParquet } from './parquet/write.ts'
import { type ClaimedFile, type FolderClaim, linesIn, readFolder } from './verify/folder.ts'
import { namesIn } from './verify/read.ts'
import { Fault } from './verify/report.ts'
import { blocksOf } from './write/blocks.ts'
import { writeAll } from './write/data-file.ts'
import { gzip } from './write/gzip.ts'
import { summaryOf, writeManifest } from './write/manifest.ts'

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

/**
 * Converts the archive of a cleanup to Parquet, and what killed cleanups and conversions have left in its folder.
 * @param ended gives those of the cleanups that do not run any more
 * @throws WfstoreError failed, locked
 */
export async function convertFinished(
  place: string,
  folder: string,
  ended: (cleanupIds: string[]) => Promise<string[]>,
): Promise<ArchiveSummary> {
  try {
    const {
      outcome: _,
      bytesBefore: __,
      ...summary
    } = await convertArchive(place, { to: 'parquet' })
    await convertLeft(folder, ended)
    return summary
  } catch (cause) {
    const { code, message } = describe(cause)
    throw new WfstoreError(code === 'locked' ? code : 'failed', message, {
      hint: `all rows were removed and are archived; fix the cause, then run \`wfstore archive convert ${folder} --to parquet --unfinished\``,
      cause,
    })
  }
}

async function convertLeft(
  folder: string,
  ended: (cleanupIds: string[]) => Promise<string[]>,
): Promise<void> {
  for (const name of (await namesIn(folder)).filter(isFolderName)) {
    const place = join(folder, name)
    const names = await namesIn(place)
    if (!names.some((name) => isFileName(name) && formatOf(name) === 'jsonl')) continue
    const { head, finishedAt } = await readFolder(place)
    if (head?.format !== 'parquet') continue
    if (finishedAt === null && (await ended([head.cleanupId])).length === 0) continue
    await convertArchive(place, { to: 'parquet', unfinished: true })
  }
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

const damaged = (file: string, problem: string) =>
  new WfstoreError('failed', `${file} ${problem}`, {
    hint: 'the archive was left as it is; run `wfstore archive verify` to list all problems',
  })

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
    for (const file of part)
      made.set(file.name, await convertFile(place, file, head, place, options))
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
    made.push(await convertFile(place, file, head, part, options))
  }
  await writeManifest(part, headFor(head, to), { finishedAt, files: made }, mode)
  await onDisk(copy, () => rename(part, copy))
  await onDisk(out, () => syncFolder(out))
  return result('converted', made)
}

/**
 * The Parquet files with the covered lines of an archive, in their order. Files of lines are converted to `folder`.
 * @param kinds those that are wanted
 * @throws WfstoreError failed if the archive is damaged
 */
export async function parquetFilesOf(
  place: string,
  kinds: readonly Cleaned[],
  folder: string,
): Promise<{ head: Head | null; files: { kind: Cleaned; path: string }[]; converted: number }> {
  const { head, files } = await soundClaim(place)
  const found: { kind: Cleaned; path: string }[] = []
  let converted = 0
  for (const file of files.filter(({ kind }) => kinds.includes(kind))) {
    const { kind, name } = file
    if (head && formatOf(name) === 'jsonl') {
      const made = await convertFile(place, file, head, folder, { to: 'parquet' })
      found.push({ kind, path: join(folder, made.name) })
      converted++
    } else found.push({ kind, path: join(place, name) })
  }
  return { head, files: found, converted }
}

const modeOf = async (path: string): Promise<number | undefined> => {
  const found = await stat(path).catch(() => undefined)
  return found && found.mode & 0o777
}

/** Writes a file of the new format with the lines of `file` to `folder`, and compares it with them. */
async function convertFile(
  place: string,
  file: ClaimedFile,
  head: Head,
  folder: string,
  { to, progress = () => {} }: ConvertOptions,
): Promise<ArchivedFile> {
  const name = nameIn(to, file.name)
  const path = join(folder, name)
  const part = `${path}.part`
  await rm(part, { force: true })
  const { kind, lines } = file
  const mode = await modeOf(join(place, file.name))
  try {
    const handle = await onDisk(part, () => createFile(part, mode))
    let more: Partial<ArchivedFile> = {}
    try {
      more = await (to === 'parquet' ? toParquet : toLines)(handle, place, file, head)
      await onDisk(part, () => handle.datasync())
    } finally {
      await handle.close()
    }
    if (more.linesSha256) await assertSame(part, lines, more.linesSha256)
    const { bytes, sha256 } = await sumOf(part)
    await onDisk(path, () => rename(part, path))
    progress(lines)
    return { name, kind, lines, bytes, sha256, ...more }
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    if (error instanceof Fault) throw damaged(join(place, file.name), error.message)
    throw error
  }
}

/** @throws WfstoreError failed if the file does not give the lines of which it was made */
async function assertSame(part: string, lines: number, sha256: string): Promise<void> {
  try {
    for await (const _ of linesOfParquet(part, lines, sha256));
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new WfstoreError('failed', `${part} ${error.message}`, {
      hint: 'the archive was left as it is; keep it as JSON lines',
    })
  }
}

async function toParquet(
  handle: FileHandle,
  place: string,
  file: ClaimedFile,
  head: Head,
): Promise<Partial<ArchivedFile>> {
  const hash = createHash('sha256')
  const hashed = async function* () {
    for await (const chunk of linesIn(place, file)) {
      hash.update(chunk)
      yield chunk
    }
  }
  const layout = await planLayout(file.kind, hashed(), head.columns[file.kind])
  const rows = await writeParquet(handle, linesIn(place, file), layout)
  if (rows !== file.lines) throw new Fault(`has ${rows} lines, not ${file.lines}`)
  const textColumns = layout.columns
    .filter(({ stored, fits }) => stored === 'text' && fits !== 'text')
    .map(({ name }) => name)
  return { linesSha256: hash.digest('hex'), ...(textColumns.length > 0 ? { textColumns } : {}) }
}

async function toLines(
  handle: FileHandle,
  place: string,
  file: ClaimedFile,
): Promise<Partial<ArchivedFile>> {
  let position = 0
  for await (const { data } of blocksOf(linesIn(place, file))) {
    const compressed = await gzip(data)
    await writeAll(handle, compressed, position)
    position += compressed.length
  }
  return {}
}

async function sumOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}
