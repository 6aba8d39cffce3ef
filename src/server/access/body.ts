import type { Context, MiddlewareHandler } from 'hono'
import { WfstoreError } from '../../error.ts'
import { formatBytes } from '../../numbers.ts'
import type { SiteEnv } from '../site.ts'
import { refuse } from './refuse.ts'

/** The most bytes of a body: the parameters of an action. */
const MOST_BYTES = 1024 * 1024

/**
 * Refuses a body that is too large, and reads one whose length is not announced. The middleware of hono cannot do that with the
 * requests of its adapter for Node, which are no Request of this process.
 */
export const limitBody: MiddlewareHandler<SiteEnv> = async (context, next) => {
  const { raw } = context.req
  // No other method has a body that is read.
  if (raw.method !== 'POST') return next()
  const length = raw.headers.get('content-length')
  if (length !== null && !raw.headers.has('transfer-encoding'))
    return Number(length) > MOST_BYTES ? tooLarge(context) : next()
  const body = raw.body === null ? [] : await read(raw.body)
  if (body === undefined) return tooLarge(context)
  const { url, method, headers, signal } = raw
  context.req.raw = new Request(url, { method, headers, signal, body: Buffer.concat(body) })
  return next()
}

/** @returns undefined if it is too large. The rest stays unread, because to cancel it would close the connection before the answer. */
async function read(body: ReadableStream<Uint8Array>): Promise<Uint8Array[] | undefined> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  for (let size = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return chunks
    size += value.length
    if (size > MOST_BYTES) return undefined
    chunks.push(value)
  }
}

const tooLarge = (context: Context<SiteEnv>) =>
  refuse(
    context,
    new WfstoreError('usage', `the body is larger than ${formatBytes(MOST_BYTES)}`),
    413,
  )
