import { countLines, LF } from '../../../transfer/lines/count.ts'

/** The size of a block in bytes. It can exceed this by a line. */
const BLOCK_BYTES = 1024 * 1024

export interface Block {
  data: Buffer
  /** The number of lines that end in it. */
  lines: number
  /** Whether it ends with a complete line. Only a line longer than a block is split. */
  whole: boolean
}

/** Collects chunks into blocks. If a line ends in the last chunk, the block ends there. */
export async function* blocksOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Block> {
  let parts: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    size += chunk.length
    if (size < BLOCK_BYTES) continue
    const end = chunk.lastIndexOf(LF) + 1 || chunk.length
    const rest = chunk.subarray(end)
    parts[parts.length - 1] = chunk.subarray(0, end)
    yield blockOf(parts)
    parts = rest.length > 0 ? [rest] : []
    size = rest.length
  }
  if (size > 0) yield blockOf(parts)
}

function blockOf(parts: Buffer[]): Block {
  const data = Buffer.concat(parts)
  return { data, lines: countLines(data), whole: data.at(-1) === LF }
}
