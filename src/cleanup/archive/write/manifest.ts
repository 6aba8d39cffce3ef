import { join } from 'node:path'
import { writeWhole } from '../../../files.ts'
import type { ArchivedFile, ArchiveSummary } from '../../types.ts'
import {
  FORM,
  formatOf,
  type Head,
  MANIFEST,
  type Manifest,
  noRows,
  PARQUET_FORM,
  seal,
} from '../form.ts'

export function summaryOf(place: string, files: ArchivedFile[]): ArchiveSummary {
  const lines = noRows()
  for (const { kind, lines: added } of files) lines[kind] += added
  return { place, files, lines, bytes: files.reduce((sum, f) => sum + f.bytes, 0) }
}

/** Writes the manifest completely or not at all. */
export async function writeManifest(
  place: string,
  head: Head,
  { finishedAt, files }: Pick<Manifest, 'finishedAt' | 'files'>,
  fileMode?: number,
): Promise<ArchiveSummary> {
  const summary = summaryOf(place, files)
  const hasParquet = files.some(({ name }) => formatOf(name) === 'parquet')
  const manifest: Manifest = {
    ...head,
    form: hasParquet ? PARQUET_FORM : FORM,
    finishedAt,
    files,
    lines: summary.lines,
    bytes: summary.bytes,
  }
  const text = async function* () {
    yield Buffer.from(`${seal(manifest, 2)}\n`)
  }
  await writeWhole(join(place, MANIFEST), text(), { fileMode })
  return summary
}
