import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WfstoreError } from '../../../error.ts'
import { createFile } from '../../../rights.ts'
import type { ArchivedFile, ArchiveFormat } from '../../types.ts'
import { onDisk } from '../disk.ts'
import { type Head, nameIn } from '../form.ts'
import { linesOfParquet } from '../parquet/read.ts'
import { planLayout, writeParquet } from '../parquet/write.ts'
import { type ClaimedFile, linesIn } from '../verify/folder.ts'
import { Fault } from '../verify/report.ts'
import { blocksOf } from '../write/blocks.ts'
import { writeAll } from '../write/data-file.ts'
import { gzip } from '../write/gzip.ts'

export const modeOf = async (path: string): Promise<number | undefined> => {
  const found = await stat(path).catch(() => undefined)
  return found && found.mode & 0o777
}

export const damaged = (file: string, problem: string) =>
  new WfstoreError('failed', `${file} ${problem}`, {
    hint: 'the archive was left as it is; run `wfstore archive verify` to list all problems',
  })

/** Writes a file of the new format with the lines of `file` to `folder`, and compares it with them. */
export async function convertFile(
  place: string,
  file: ClaimedFile,
  head: Head,
  folder: string,
  to: ArchiveFormat,
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
