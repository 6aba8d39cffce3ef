import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import zlib from 'node:zlib'

/** Level 6 would save an eighth but take twice the time, and the cleanup waits for it. */
const LEVEL = 1

const compress = promisify(zlib.gzip) as (data: Uint8Array, options: object) => Promise<Buffer>

/** Compresses to a gzip member on another thread. Members can be concatenated. */
export const gzip = (data: Uint8Array): Promise<Buffer> => compress(data, { level: LEVEL })

/** Uncompresses in chunks. @throws if the bytes are not gzip or are truncated */
export async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unzip = zlib.createGunzip()
  // The iteration of the last stream throws the errors of both.
  pipeline(Readable.from(source), unzip).catch(() => {})
  yield* unzip
}
