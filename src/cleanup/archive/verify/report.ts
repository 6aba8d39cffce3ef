import type { Cleaned, Removed } from '../../types.ts'
import type { Head } from '../form.ts'

/** A problem of a file of an archive. The message follows the name of the file. */
export class Fault extends Error {}

export interface ArchiveProblem {
  /** The name of the file in its archive. */
  file: string
  /** The problem, to be printed after the name. */
  problem: string
}

export interface CoveredFile {
  name: string
  kind: Cleaned
  lines: number
  /** The size of the covered part. */
  bytes: number
  /** The checksum of the file; null in an incomplete archive, which has one per sync. */
  sha256: string | null
  /** Of a Parquet file. */
  linesSha256?: string
  textColumns?: string[]
}

/** A verified archive. */
export interface VerifiedArchive {
  place: string
  form: 'folder' | 'stream'
  /** Null if the archive ends before the head: then nothing was deleted. */
  head: Head | null
  /** False if the cleanup was killed. The covered part of an incomplete archive is still correct. */
  complete: boolean
  /** The files, for a folder. */
  files: CoveredFile[]
  lines: Removed
  /** The size of the files, or of a stream without compression. */
  bytes: number
  /** Bytes that a killed cleanup wrote for rows that it did not delete. */
  ignoredBytes: number
  problems: ArchiveProblem[]
  /** The covered lines in the order of writing. @internal */
  content: () => AsyncGenerator<Buffer>
}
