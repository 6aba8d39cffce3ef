/** Rows that are sent together. They are bytes from the start, because many short strings keep the collector busy. */
export interface Chunk {
  data: Buffer
  size: number
  /** Where each row ends. */
  ends: number[]
  /** The number of the line of each row. */
  lines: number[]
  /** The rows have the columns of their table alone, without those that only the staging table has. */
  bare: boolean
}

const BYTES = 1024 * 1024
/** No character of a string takes more bytes in UTF-8. */
const LONGEST_CHARACTER = 3

/** A chunk with room for the row. */
export function createChunk(row: string, bare = false): Chunk {
  const isLong = row.length * LONGEST_CHARACTER > BYTES
  const size = isLong ? Buffer.byteLength(row) : BYTES
  return { data: Buffer.allocUnsafe(size), size: 0, ends: [], lines: [], bare }
}

/** Whether the chunk certainly has room for the row. */
export const hasRoom = ({ data, size }: Chunk, row: string): boolean =>
  size + row.length * LONGEST_CHARACTER <= data.length

export function appendRow(chunk: Chunk, line: number, row: string): void {
  chunk.size += chunk.data.write(row, chunk.size)
  chunk.ends.push(chunk.size)
  chunk.lines.push(line)
}

/** The bytes of the rows from `first` to `last`. */
export const rowsOf = ({ data, ends }: Chunk, first: number, last: number): Buffer =>
  data.subarray(first === 0 ? 0 : ends[first - 1], ends[last])
