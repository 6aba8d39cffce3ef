/** https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1 */

const MAGIC = 0xfd2fb528
const MAGIC_BYTES = 4
const LONGEST_HEADER = 18
const BLOCK_HEADER = 3
const REPEATED_BYTE = 1

/** The frames of a source, one after another. A frame of an archive is of about a megabyte. */
export async function* framesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    for (let end = endOfFrame(held); end !== undefined; end = endOfFrame(held)) {
      yield held.subarray(0, end)
      held = held.subarray(end)
    }
  }
  if (held.length > 0) throw new Error('unexpected end of file')
}

/** Length of the frame that the bytes begin with; undefined where they end before it does. */
function endOfFrame(bytes: Buffer): number | undefined {
  if (bytes.length < MAGIC_BYTES + 1) return undefined
  if (bytes.readUInt32LE(0) !== MAGIC) throw new Error('no zstd frame begins there')
  const descriptor = bytes[MAGIC_BYTES] as number
  const single = (descriptor & 0x20) !== 0
  const ofDictionary = [0, 1, 2, 4][descriptor & 3] as number
  const ofSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
  let at = MAGIC_BYTES + 1 + (single ? 0 : 1) + ofDictionary + ofSize
  if (at > LONGEST_HEADER) throw new Error('no zstd frame begins there')
  for (let last = false; !last; ) {
    if (bytes.length < at + BLOCK_HEADER) return undefined
    const header = bytes.readUIntLE(at, BLOCK_HEADER)
    last = (header & 1) === 1
    at += BLOCK_HEADER + (((header >> 1) & 3) === REPEATED_BYTE ? 1 : header >> 3)
  }
  if ((descriptor & 4) !== 0) at += 4
  return bytes.length < at ? undefined : at
}
