import { createGunzip, type Gunzip } from 'node:zlib'

/** What lines are read from: a stream, for example. */
export type ImportSource = AsyncIterable<Uint8Array | string>

const GZIP = '\x1f\x8b'

/**
 * How many times its size compressed data may expand. JSON lines reach 5 to 20, and the archives of a cleanup at most 228,
 * because they are compressed in blocks at the fastest level. A file made for this purpose reaches 1032.
 */
const MOST_EXPANSION = 250
/** The ratio of less data than this has no limit. */
const SMALL_BYTES = 64 * 1024 * 1024

/** Compressed data that is refused. It has the form of an error of zlib. */
class Refused extends Error {
  constructor(
    readonly code: 'Z_EXPANSION' | 'Z_TRAILING',
    message: string,
  ) {
    super(message)
  }
}

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

async function* startingWith(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (first.length > 0) yield first
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

async function* buffers(source: ImportSource): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    yield typeof chunk === 'string'
      ? Buffer.from(chunk)
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
}

/**
 * What was compressed, in chunks, of one or more members. Memory does not grow with it.
 * @throws what zlib says where the bytes are not gzip, or end too early; Refused where they expand too far, or other data
 * follows
 */
export async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unzip = createGunzip({ chunkSize: 256 * 1024 })
  const feeding = feed(source, unzip)
  feeding.catch((error) => unzip.destroy(error))
  let size = 0
  for await (const chunk of unzip) {
    size += chunk.length
    if (size > SMALL_BYTES && size > MOST_EXPANSION * unzip.bytesWritten)
      throw new Refused(
        'Z_EXPANSION',
        `it expands to more than ${MOST_EXPANSION} times its size; if it is yours, uncompress it with gunzip first`,
      )
    yield chunk
  }
  await feeding
}

/** After the last member zlib ignores zeros, which pad a tape, and all that follows them. */
async function feed(source: AsyncIterable<Buffer>, unzip: Gunzip): Promise<void> {
  let given = 0
  let ended = false
  for await (const chunk of source) {
    if (!ended) await write(unzip, chunk)
    given += chunk.length
    ended ||= unzip.bytesWritten < given
    const left = ended ? chunk.subarray(-Math.min(chunk.length, given - unzip.bytesWritten)) : []
    if (left.some((byte) => byte !== 0))
      throw new Refused('Z_TRAILING', 'other data follows the compressed data')
  }
  if (!ended) unzip.end()
}

/** Waits until zlib has read all of it, so that a slow reader slows down the source. */
async function write(unzip: Gunzip, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // If the reader stops, nothing calls back.
    const stopped = () => reject(new Error('the reader has stopped'))
    unzip.once('close', stopped)
    unzip.write(chunk, (error) => {
      unzip.off('close', stopped)
      if (error) reject(error)
      else resolve()
    })
  })
}
