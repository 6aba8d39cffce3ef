import { join } from 'node:path'
import { WfstoreError } from '../../../error.ts'
import { type ArchivedFile, type ArchiveFormat, CLEANED } from '../../types.ts'
import {
  formatOf,
  type Head,
  isFileName,
  isFolderName,
  isTemporary,
  JOURNAL,
  MANIFEST,
  type Manifest,
  type Mark,
  nameIn,
  noRows,
  PARQUET_FORM,
  type Segment,
  unseal,
} from '../form.ts'
import { linesOfParquet } from '../parquet/read.ts'
import {
  checkBytes,
  checkLines,
  contentOf,
  namesIn,
  type Piece,
  reading,
  sizeOf,
  textOf,
} from './read.ts'
import { type ArchiveProblem, type CoveredFile, Fault, type VerifiedArchive } from './report.ts'

/** The content of a folder according to its manifest or journal. */
export interface FolderClaim {
  head: Head | null
  /** When the manifest was written; null if the cleanup was killed. */
  finishedAt: string | null
  files: ClaimedFile[]
}

export type ClaimedFile = CoveredFile & { pieces: Piece[] }

/** Whether the folder is an archive, not a folder of archives. */
export const isArchive = (name: string, names: readonly string[]): boolean =>
  names.includes(MANIFEST) || names.includes(JOURNAL) || isFolderName(name)

/** The covered lines of a file. @throws Fault if it is damaged */
export async function* linesIn(place: string, file: ClaimedFile): AsyncGenerator<Buffer> {
  const path = join(place, file.name)
  if (formatOf(file.name) === 'jsonl') return yield* contentOf(path, file.pieces)
  await checkBytes(path, file.pieces)
  yield* linesOfParquet(path, file.lines, file.linesSha256 as string)
}

interface Folder extends FolderClaim {
  /** Bytes that a killed cleanup or conversion wrote. */
  ignoredBytes: number
  problems: ArchiveProblem[]
}

/** Reads a whole archive. Data after the last sync of a killed cleanup is ignored: its rows were not deleted. */
export async function verifyFolder(place: string): Promise<VerifiedArchive> {
  const { head, finishedAt, files, ignoredBytes, problems } = await readFolder(place, checkFile)
  const lines = noRows()
  for (const file of files) lines[file.kind] += file.lines
  return {
    place,
    form: 'folder',
    head,
    complete: finishedAt !== null,
    files: files.map(({ pieces: _, ...file }) => file),
    lines,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    ignoredBytes,
    problems,
    content: async function* () {
      for (const file of files) yield* linesIn(place, file)
    },
  }
}

async function checkFile(place: string, file: ClaimedFile): Promise<void> {
  if (formatOf(file.name) === 'parquet') for await (const _ of linesIn(place, file));
  else await checkLines(join(place, file.name), file.pieces, file.lines)
}

/** What the manifest or the journal says of a folder. @param checkFile reads a file whose size is right */
export async function readFolder(
  place: string,
  checkFile: (place: string, file: ClaimedFile) => Promise<void> = async () => {},
): Promise<Folder> {
  const names = await namesIn(place)
  const problems: ArchiveProblem[] = []
  const check = async (file: string, work: () => Promise<void>) => {
    try {
      await reading(join(place, file), work)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      problems.push({ file, problem: error.message })
    }
  }
  let claim: FolderClaim = { head: null, finishedAt: null, files: [] }
  const record = names.includes(MANIFEST) || !names.includes(JOURNAL) ? MANIFEST : JOURNAL
  await check(record, async () => {
    if (names.length === 0) return
    if (!names.includes(record)) throw new Fault('is missing')
    const text = await textOf(join(place, record))
    claim = record === MANIFEST ? readManifest(text) : readJournal(text, names)
  })
  let ignoredBytes = 0
  const complete = claim.finishedAt !== null
  if (problems.length === 0) {
    for (const file of claim.files) {
      await check(file.name, async () => {
        const size = await sizeOf(join(place, file.name))
        if (size === undefined) throw new Fault('is missing')
        if (size < file.bytes)
          throw new Fault(`is truncated: it has ${size} bytes of ${file.bytes}`)
        if ((complete || formatOf(file.name) === 'parquet') && size > file.bytes)
          throw new Fault(`is damaged: it has ${size} bytes, not ${file.bytes}`)
        ignoredBytes += size - file.bytes
        await checkFile(place, file)
      })
    }
    const known = new Set([MANIFEST, JOURNAL, ...claim.files.map(({ name }) => name)])
    for (const name of names.filter((name) => !known.has(name) && !isTemporary(name))) {
      const isConverted = ['jsonl', 'parquet'].some((format) =>
        known.has(nameIn(format as ArchiveFormat, name)),
      )
      if ((complete && !isConverted) || !isFileName(name))
        problems.push({ file: name, problem: 'does not belong to this archive' })
      else ignoredBytes += (await sizeOf(join(place, name))) ?? 0
    }
  }
  return { ...claim, ignoredBytes, problems }
}

function readManifest(text: string): FolderClaim {
  const manifest = text.endsWith('\n') ? unseal(text.slice(0, -1), 2) : undefined
  if (!manifest) throw new Fault('is damaged or truncated')
  const { files, lines, finishedAt } = manifest as Manifest
  if (!Array.isArray(files)) throw new Fault(STRANGE)
  const counted = noRows()
  for (const file of files) assertFile(file)
  if (new Set(files.map(({ name }) => name)).size < files.length) throw new Fault(STRANGE)
  for (const file of files) counted[file.kind] += file.lines
  if (JSON.stringify(counted) !== JSON.stringify(lines))
    throw new Fault('has other counts than its files')
  return {
    head: knownForm(manifest as Manifest),
    finishedAt,
    files: files.map((file) => ({ ...file, pieces: [file] })),
  }
}

const STRANGE = 'is damaged: it has invalid values'

/** Rejects names of files outside of the archive. @throws Fault */
function assertFile(file: Omit<ArchivedFile, 'sha256'> | null): void {
  if (!file) throw new Fault(STRANGE)
  const { name, kind, bytes, lines, linesSha256 } = file
  const counts = [bytes, lines]
  if (isFileName(name) && (linesSha256 !== undefined) !== (formatOf(name) === 'parquet'))
    throw new Fault(STRANGE)
  const right = isFileName(name) && CLEANED.includes(kind) && counts.every(Number.isSafeInteger)
  if (!right || counts.some((count) => count < 0)) throw new Fault(STRANGE)
}

export function knownForm(head: Head): Head {
  if (typeof head?.form !== 'number') throw new Fault(STRANGE)
  if (head.form <= PARQUET_FORM && !hasColumns(head)) throw new Fault(STRANGE)
  if (head.form <= PARQUET_FORM) return head
  throw new WfstoreError('usage', `the archive was written by a newer wfstore, ${head.wfstore}`, {
    hint: 'upgrade wfstore',
  })
}

const hasColumns = ({ columns, cleanupId }: Head): boolean =>
  /^[0-9a-f-]{36}$/.test(cleanupId) &&
  CLEANED.every(
    (kind) =>
      Array.isArray(columns?.[kind]) &&
      columns[kind].every((c) => typeof c?.name === 'string' && typeof c.type === 'string'),
  )

/** If the last line is incomplete, the cleanup was killed before it deleted the rows of this line. */
function readJournal(text: string, names: readonly string[]): FolderClaim {
  const lines = text.split('\n')
  const torn = lines.pop() as string
  const end = torn.lastIndexOf('}') + 1
  const whole = unseal(torn.slice(0, end))
  const marks = lines.map((line) => unseal(line) as Mark | undefined)
  // A power failure may leave zeros instead of the last data.
  if (marks.at(-1) === undefined && lines.at(-1)?.includes('\0')) marks.pop()
  if (whole) marks.push(whole as Mark)
  // After a whole line only its end can be missing; any other byte was altered.
  if (whole && /[^\0]/.test(torn.slice(end)))
    throw new Fault(`is damaged in line ${lines.length + 1}`)
  const unreadable = marks.indexOf(undefined)
  if (unreadable !== -1) throw new Fault(`is damaged in line ${unreadable + 1}`)
  const [first, ...others] = marks as Mark[]
  if (first === undefined) {
    if (names.some(isFileName)) throw new Fault('is truncated: it does not list the files')
    return { head: null, finishedAt: null, files: [] }
  }
  if (!('archive' in first)) throw new Fault('is damaged: it does not begin with the head')
  const files = new Map<string, FolderClaim['files'][number]>()
  for (const mark of others) {
    if (!('segments' in mark))
      throw new Fault('is damaged: it has a line that is not valid in a journal')
    for (const segment of mark.segments) addSegment(files, segment)
  }
  return { head: knownForm(first.archive), finishedAt: null, files: [...files.values()] }
}

function addSegment(files: Map<string, FolderClaim['files'][number]>, segment: Segment): void {
  const { file: name, kind, offset, bytes, lines, sha256 } = segment
  assertFile({ name, kind, bytes, lines })
  const file = files.get(name) ?? { name, kind, lines: 0, bytes: 0, sha256: null, pieces: [] }
  if (offset !== file.bytes) throw new Fault(`is damaged: its segments of ${name} have a gap`)
  file.bytes += bytes
  file.lines += lines
  file.pieces.push({ bytes, sha256 })
  files.set(name, file)
}
