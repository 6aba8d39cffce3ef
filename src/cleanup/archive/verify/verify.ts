import { stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { WfstoreError } from '../../../error.ts'
import type { Removed } from '../../types.ts'
import { addRows, noRows } from '../form.ts'
import { isArchive, verifyFolder } from './folder.ts'
import { namesIn, reading } from './read.ts'
import type { ArchiveProblem, VerifiedArchive } from './report.ts'
import { verifyStream } from './stream.ts'

export type { ArchiveProblem, CoveredFile, VerifiedArchive } from './report.ts'

export interface ArchiveReport {
  place: string
  /** In the order of the start of their cleanups. */
  archives: VerifiedArchive[]
  /** Whether no cleanup was killed. */
  complete: boolean
  lines: Removed
  /** Empty if everything that the archives cover is correct. File names are relative to `place`. */
  problems: ArchiveProblem[]
}

/**
 * Reads an archive, a folder of archives, or the output file of a cleanup to stdout, and compares everything with the
 * checksums and counts in it.
 * @throws WfstoreError usage if there is no archive, failed if the disk cannot be read
 */
export async function verifyArchive(place: string): Promise<ArchiveReport> {
  const archives = await archivesIn(resolve(place))
  archives.sort((a, b) => (beganAt(a) < beganAt(b) ? -1 : 1))
  const lines = noRows()
  for (const archive of archives) addRows(lines, archive.lines)
  const named = ({ place: of, form }: VerifiedArchive, file: string) =>
    form === 'stream' ? file : join(relative(resolve(place), of), file)
  return {
    place,
    archives,
    complete: archives.every(({ complete }) => complete),
    lines,
    problems: archives.flatMap((archive) =>
      archive.problems.map(({ file, problem }) => ({ file: named(archive, file), problem })),
    ),
  }
}

const beganAt = ({ head }: VerifiedArchive) => head?.startedAt ?? ''

async function archivesIn(place: string): Promise<VerifiedArchive[]> {
  const found = await stat(place).catch(() => undefined)
  if (found?.isDirectory() === false) return [await verifyStream(place)]
  const archives: VerifiedArchive[] = []
  for (const archive of await archiveFolders(place)) archives.push(await verifyFolder(archive))
  return archives
}

/**
 * The folders of the archives in a folder, which may be one of them, in the order of their names.
 * @throws WfstoreError usage if there is none, failed if the disk cannot be read
 */
export async function archiveFolders(place: string): Promise<string[]> {
  const found = await stat(place).catch(() => undefined)
  if (!found) throw new WfstoreError('usage', `archive not found: ${place}`)
  if (!found.isDirectory()) throw new WfstoreError('usage', `${place} is not a folder of archives`)
  const names = await namesIn(place)
  if (isArchive(basename(place), names)) return [place]
  const archives: string[] = []
  for (const name of names) {
    const inner = join(place, name)
    const isFolder = await reading(inner, async () => (await stat(inner)).isDirectory())
    if (isFolder && isArchive(name, await namesIn(inner))) archives.push(inner)
  }
  if (archives.length > 0) return archives
  throw new WfstoreError('usage', `${place} has no archive`, {
    hint: 'an archive has a manifest.json or, if its cleanup was killed, a segments.jsonl',
  })
}
