import { join } from 'node:path'
import type { Cleaned } from '../../types.ts'
import { soundClaim } from '../convert/archive.ts'
import { convertFile } from '../convert/file.ts'
import { formatOf, type Head } from '../form.ts'

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
      const made = await convertFile(place, file, head, folder, 'parquet')
      found.push({ kind, path: join(folder, made.name) })
      converted++
    } else found.push({ kind, path: join(place, name) })
  }
  return { head, files: found, converted }
}
