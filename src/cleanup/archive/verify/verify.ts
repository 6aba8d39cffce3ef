import { stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { WfstoreError } from '../../../error.ts'
import type { Removed } from '../../types.ts'
import { addRows, noRows } from '../form.ts'
import type { ArchiveProblem } from './faults.ts'
import { isArchive, verifyFolder } from './folder.ts'
import { namesIn, reading } from './read.ts'
import type { VerifiedArchive } from './report.ts'
import { verifyStream } from './stream.ts'

export type { ArchiveProblem } from './faults.ts'
export type { CoveredFile, VerifiedArchive } from './report.ts'

export interface ArchiveReport {
  place: string
  /** In the order in which their cleanups began. */
  archives: VerifiedArchive[]
  /** No cleanup of them was killed. */
  complete: boolean
  lines: Removed
  /** Empty where all that the archives cover is what was written. Files are named from `place`. */
  problems: ArchiveProblem[]
}

/**
 * Reads an archive, a folder of several, or the file that a cleanup's standard output was written to, and compares all
 * of it with the checksums and counts that were written with it.
 * @throws WfstoreError usage where there is no archive, failed where the disk cannot be read
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
  if (!found) throw new WfstoreError('usage', `there is no ${place}`)
  if (!found.isDirectory()) return [await verifyStream(place)]
  const names = await namesIn(place)
  if (isArchive(basename(place), names)) return [await verifyFolder(place)]
  const archives: VerifiedArchive[] = []
  for (const name of names) {
    const inner = join(place, name)
    const isFolder = await reading(inner, async () => (await stat(inner)).isDirectory())
    if (isFolder && isArchive(name, await namesIn(inner))) archives.push(await verifyFolder(inner))
  }
  if (archives.length > 0) return archives
  throw new WfstoreError('usage', `${place} holds no archive`, {
    hint: 'an archive has a manifest.json, or a segments.jsonl where its cleanup was killed',
  })
}
