import type { IncomingMessage } from 'node:http'

/** The length that the client announces; undefined for a body in chunks. */
export function lengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length']
  if (length !== undefined) return Number(length)
  return headers['transfer-encoding'] === undefined ? 0 : undefined
}

/**
 * The body; 'refused' as soon as `takes` says no to a number of bytes more; 'gone' if the client leaves before the end. The rest
 * of a refused body is still in the request.
 * @param keep false to forget what is read
 */
export function readBody(
  request: IncomingMessage,
  takes: (bytes: number) => boolean,
  keep = true,
): Promise<Buffer | 'refused' | 'gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const settle = (result: Buffer | 'refused' | 'gone') => {
      request.off('data', take).off('end', end).off('close', leave)
      resolve(result)
    }
    const take = (chunk: Buffer) => {
      if (!takes(chunk.length)) {
        request.pause()
        settle('refused')
      } else if (keep) chunks.push(chunk)
    }
    const end = () => settle(Buffer.concat(chunks))
    const leave = () => settle('gone')
    if (request.destroyed) return resolve('gone')
    request.on('data', take).on('end', end).on('close', leave).resume()
  })
}

/** Reads the rest of a body, at most a number of bytes, and forgets it. True if the body has ended. */
export async function discardBody(request: IncomingMessage, most: number): Promise<boolean> {
  if (request.readableEnded) return true
  let left = most
  const takes = (bytes: number) => {
    left -= bytes
    return left >= 0
  }
  const body = await readBody(request, takes, false)
  return typeof body !== 'string'
}
