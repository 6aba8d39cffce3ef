import { createHash } from 'node:crypto'
import {
  type ArchiveHead,
  type ArchiveSummary,
  CLEANED,
  type Cleaned,
  type Removed,
} from '../types.ts'

/** The form of an archive (docs/ARCHIVE.md), which whoever writes it and whoever reads it share. */

/** Moves when an older wfstore could not read a newer archive. */
export const FORM = 1

/** Written last: what has it is complete. */
export const MANIFEST = 'manifest.json'
/** What is on the disk so far. It goes when the manifest is there. */
export const JOURNAL = 'segments.jsonl'

const STEMS: Record<Cleaned, string> = {
  execution: 'executions',
  step: 'steps',
  audit: 'audit',
  metric: 'metrics',
}

/** 'executions-0001.jsonl.gz' */
export const fileName = (kind: Cleaned, number: number): string =>
  `${STEMS[kind]}-${String(number).padStart(4, '0')}.jsonl.gz`

const FILE_NAME = /^(executions|steps|audit|metrics)-\d{4,}\.jsonl\.gz$/

export const isFileName = (name: string): boolean => FILE_NAME.test(name)

/**
 * '20261123T163245Z-9f8e7d6c': archives of one folder sort by when they began. Its end is that of the cleanup's id, since
 * such ids begin with the time, too.
 */
export function folderName({ startedAt, cleanupId }: ArchiveHead): string {
  const time = new Date(startedAt).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
  return `${time}-${cleanupId.slice(-8)}`
}

export const isFolderName = (name: string): boolean => /^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(name)

export interface Head extends ArchiveHead {
  form: number
  /** Version of the wfstore that wrote it. */
  wfstore: string
}

export type ArchivedFile = ArchiveSummary['files'][number]

export interface Manifest extends Head {
  finishedAt: string
  files: ArchivedFile[]
  lines: Removed
  bytes: number
}

/** What one sync has added to a file. */
export interface Segment {
  file: string
  kind: Cleaned
  offset: number
  bytes: number
  lines: number
  sha256: string
}

/** A line of the journal, or of a stream between its rows. */
export type Mark =
  | { archive: Head }
  | { segments: Segment[] }
  | { sync: StreamSums }
  | { manifest: StreamSums }

/** Of all that stands before it in the stream. */
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

/** JSON that carries the SHA-256 of itself, so that one altered byte of it is noticed. */
export const seal = (value: object, indent?: number): string =>
  JSON.stringify({ ...value, seal: sha256(JSON.stringify(value)) }, undefined, indent)

/** What was sealed; undefined where it is not exactly that. */
export function unseal(text: string, indent?: number): object | undefined {
  try {
    const { seal: _, ...value } = JSON.parse(text)
    return seal(value, indent) === text ? value : undefined
  } catch {
    return undefined
  }
}
