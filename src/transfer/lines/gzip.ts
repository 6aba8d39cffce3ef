import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

/** What lines are read from: a stream, for example. */
export type ImportSource = AsyncIterable<Uint8Array | string>

const GZIP = '\x1f\x8b'

/** The bytes of a source, which may be compressed with gzip. @throws what zlib says of damaged ones */
export async function* uncompressed(source: ImportSource): AsyncGenerator<Buffer> {
  const chunks = buffers(source)
  let first: Buffer = Buffer.alloc(0)
  while (first.length < GZIP.length) {
    const { value, done } = await chunks.next()
    if (done) break
    first = first.length === 0 ? value : Buffer.concat([first, value])
  }
  const all = startingWith(first, chunks)
  if (first.toString('latin1', 0, GZIP.length) !== GZIP) yield* all
  else yield* gunzip(all)
}

async function* startingWith(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first
  yield* rest
}

async function* buffers(source: ImportSource): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    yield typeof chunk === 'string'
      ? Buffer.from(chunk)
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
}

/** What was compressed, in chunks. @throws what zlib says where the bytes are not gzip, or end too early */
export async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unzip = createGunzip({ chunkSize: 256 * 1024 })
  // Errors of either stream reach the reader through the iteration of the last one.
  pipeline(Readable.from(source), unzip).catch(() => {})
  yield* unzip
}
