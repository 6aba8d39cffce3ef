import { gunzip } from 'node:zlib'

/**
 * The uncompressed body; 'too_large' if it has more bytes than `most`, which are never in memory; 'damaged' if it is not gzip.
 */
export function gunzipBody(body: Buffer, most: number): Promise<Buffer | 'too_large' | 'damaged'> {
  return new Promise((resolve) => {
    gunzip(body, { maxOutputLength: most }, (error: NodeJS.ErrnoException | null, bytes) => {
      if (!error) resolve(bytes)
      else resolve(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'damaged')
    })
  })
}
