import { createHash } from 'node:crypto'
import {
  type ArchivedFile,
  type ArchiveFormat,
  type ArchiveHead,
  CLEANED,
  type Cleaned,
  type Removed,
} from '../types.ts'

/** The format of an archive (docs/ARCHIVE.md), for writing and reading. */

/** Of an archive of JSON lines. */
export const FORM = 1
/** Of an archive with a Parquet file. Increased when an older wfstore cannot read a new archive. */
export const PARQUET_FORM = 2

/** Written last: an archive that has it is complete. */
export const MANIFEST = 'manifest.json'
/** Lists what is on disk so far. It is removed after the manifest is written. */
export const JOURNAL = 'segments.jsonl'

const STEMS: Record<Cleaned, string> = {
  execution: 'executions',
  step: 'steps',
  audit: 'audit',
  metric: 'metrics',
}

const ENDINGS: Record<ArchiveFormat, string> = { jsonl: '.jsonl.gz', parquet: '.parquet' }

/** 'executions-0001.jsonl.gz' */
export const fileName = (kind: Cleaned, number: number): string =>
  `${STEMS[kind]}-${String(number).padStart(4, '0')}${ENDINGS.jsonl}`

const FILE_NAME = /^((?:executions|steps|audit|metrics)-\d{4,})\.(jsonl\.gz|parquet)$/

export const isFileName = (name: string): boolean => FILE_NAME.test(name)

export const formatOf = (name: string): ArchiveFormat =>
  name.endsWith(ENDINGS.parquet) ? 'parquet' : 'jsonl'

/** The name of a file of the archive after its conversion. */
export const nameIn = (format: ArchiveFormat, name: string): string =>
  name.replace(FILE_NAME, `$1${ENDINGS[format]}`)

/** One conversion of an archive runs at a time. */
export const CONVERT_LOCK = 'convert.lock'

/** Whether the file is only partly written, or is the lock of a conversion. A killed process may leave it. */
export const isTemporary = (name: string): boolean => {
  const [, of = ''] = /^(.+?)(?:\.[0-9a-f]{8})?\.part$/.exec(name) ?? []
  return of === MANIFEST || isFileName(of) || name.startsWith(CONVERT_LOCK)
}

/**
 * '20261123T163245Z-9f8e7d6c': archives in a folder sort by their start. The last part is the end of the cleanup's id,
 * because the beginning of the id is a time, too.
 */
export function folderName({ startedAt, cleanupId }: ArchiveHead): string {
  const time = new Date(startedAt).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
  return `${time}-${cleanupId.slice(-8)}`
}

export const isFolderName = (name: string): boolean => /^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(name)

export interface Head extends ArchiveHead {
  form: number
  /** The version of wfstore that wrote it. */
  wfstore: string
  /** The format into which its lines are converted after the cleanup. */
  format?: 'parquet'
}

export interface Manifest extends Head {
  /** Null if the cleanup was killed. Without a conversion it has no manifest then. */
  finishedAt: string | null
  files: ArchivedFile[]
  lines: Removed
  bytes: number
}

/** The part of a file that a sync has added. */
export interface Segment {
  file: string
  kind: Cleaned
  offset: number
  bytes: number
  lines: number
  sha256: string
}

/** A line of the journal, or a line between the rows of a stream. */
export type Mark =
  | { archive: Head }
  | { segments: Segment[] }
  | { sync: StreamSums }
  | { manifest: StreamSums }

/** The sums of everything before it in the stream. */
export interface StreamSums {
  lines: Removed
  bytes: number
  sha256: string
}

export const noRows = (): Removed => ({ execution: 0, step: 0, audit: 0, metric: 0 })

export function addRows(to: Removed, rows: Readonly<Removed>): void {
  for (const kind of CLEANED) to[kind] += rows[kind]
}

export const sha256 = (data: Uint8Array | string): string =>
  createHash('sha256').update(data).digest('hex')

/** JSON with its own SHA-256, to detect any changed byte. */
export const seal = (value: object, indent?: number): string =>
  JSON.stringify({ ...value, seal: sha256(JSON.stringify(value)) }, undefined, indent)

/** The sealed value; undefined if it was changed. */
export function unseal(text: string, indent?: number): object | undefined {
  try {
    const { seal: _, ...value } = JSON.parse(text)
    return seal(value, indent) === text ? value : undefined
  } catch {
    return undefined
  }
}
