import type { Cleaned, Removed } from '../../types.ts'
import type { Head } from '../form.ts'
import type { ArchiveProblem } from './faults.ts'

export interface CoveredFile {
  name: string
  kind: Cleaned
  lines: number
  /** As far as it is covered. */
  bytes: number
  /** Of the whole file; null in an unfinished archive, which has one for each sync instead. */
  sha256: string | null
}

/** An archive, read from its beginning to its end. */
export interface VerifiedArchive {
  place: string
  form: 'folder' | 'stream'
  /** Null where the archive ends before that is said: then nothing was deleted. */
  head: Head | null
  /** Its cleanup ended, rather than being killed. What an unfinished archive covers is right all the same. */
  complete: boolean
  /** Of a folder. */
  files: CoveredFile[]
  lines: Removed
  /** Of its files; of a stream before it was compressed. */
  bytes: number
  /** What a killed cleanup wrote of rows that it did not delete. */
  ignoredBytes: number
  problems: ArchiveProblem[]
  /** All that it covers: lines, in the order in which they were written. @internal */
  content: () => AsyncGenerator<Buffer>
}
