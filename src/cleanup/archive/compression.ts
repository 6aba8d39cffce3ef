import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { WfstoreError } from '../../error.ts'
import type { Compression } from './form.ts'
import { framesOf } from './zstd-frames.ts'

type Transform = (data: Uint8Array) => Promise<Buffer>
type Callback = (error: Error | null, result: Buffer) => void

/** What Node has from 22.15 on, and the types of Node 20 do not know. */
const { zstdCompress, zstdDecompress } = zlib as unknown as {
  zstdCompress?: (data: Uint8Array, options: object, done: Callback) => void
  zstdDecompress?: (data: Uint8Array, done: Callback) => void
}

export const hasZstd = zstdCompress !== undefined && zstdDecompress !== undefined

/** Level 6 makes such lines an eighth smaller in twice the time, and rows wait for it. */
const GZIP_LEVEL = 1

/**
 * Makes of some bytes what can stand alone and after one another: a member of gzip, a frame of zstd. It works on
 * other threads, several at once.
 * @throws WfstoreError usage where this Node has no zstd
 */
export function compressor(compression: Compression): Transform {
  if (compression === 'gzip') {
    const gzip = promisify(zlib.gzip) as (data: Uint8Array, options: object) => Promise<Buffer>
    return (data) => gzip(data, { level: GZIP_LEVEL })
  }
  if (zstdCompress === undefined) throw withoutZstd('cannot compress with zstd')
  const compress = zstdCompress
  return (data) =>
    new Promise((resolve, reject) => {
      compress(data, {}, (error, result) => (error ? reject(error) : resolve(result)))
    })
}

const withoutZstd = (what: string) =>
  new WfstoreError('usage', `this version of Node.js ${what}`, {
    hint: 'Node.js 22.15 and later can; gzip works everywhere',
  })

/** What was compressed, in chunks. It throws where the bytes are not that, or end too early. */
export async function* uncompressed(
  source: AsyncIterable<Buffer>,
  compression: Compression | 'none',
): AsyncGenerator<Buffer> {
  if (compression === 'none') yield* source
  else if (compression === 'gzip') yield* gunzip(source)
  else yield* unzstd(source)
}

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unzip = zlib.createGunzip()
  // Errors of either reach the reader through the iteration of the last stream.
  pipeline(Readable.from(source), unzip).catch(() => {})
  yield* unzip
}

/** Frame by frame: Node's stream ends at the first (nodejs/node#64741). */
async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (zstdDecompress === undefined) throw withoutZstd('cannot read an archive of zstd')
  const decompress = promisify(zstdDecompress)
  for await (const frame of framesOf(source)) yield await decompress(frame)
}
