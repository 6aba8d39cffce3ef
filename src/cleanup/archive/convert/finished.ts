import { join } from 'node:path'
import { describe } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'
import type { ArchiveSummary } from '../../types.ts'
import { formatOf, isFileName, isFolderName } from '../form.ts'
import { readFolder } from '../verify/folder.ts'
import { namesIn } from '../verify/read.ts'
import { convertArchive } from './archive.ts'

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
