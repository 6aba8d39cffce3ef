import type { Cleaned } from '../../types.ts'
import type { FileColumn } from './plan.ts'

/** The key in the metadata of a file under which its `FileLayout` is. */
export const LAYOUT = 'wfstore'

/** How the lines of a file are made of its rows. */
export interface FileLayout {
  kind: Cleaned
  columns: FileColumn[]
  /** The name of the column for texts that differ from the usual text of the same value, such as 0.50. */
  exact: string
  /** The name of the column for `references`. */
  references: string
}

/** A row group ends at this number of rows. */
export const MOST_ROWS = 100_000
