import type { Writable } from 'node:stream'
import type { Context } from 'hono'
import type { Site, SiteEnv } from '../site.ts'
import { holdOutput, type Output } from './output.ts'

/** Characters of an answer that are held; a longer one is streamed. */
const HELD = 1024 * 1024

/** A short output is whole when the work has ended. A longer one is streamed while it runs. */
export type Ran<T> = { text: string; result: T } | { stream: ReadableStream<Uint8Array> }

/**
 * Runs work whose output is the body of an answer. It is aborted when the client leaves.
 * @throws what the work throws, if nothing of its output is sent yet
 */
export async function runOutput<T>(
  context: Context<SiteEnv>,
  { onError }: Pick<Site, 'onError'>,
  work: (stdout: Writable, signal: AbortSignal) => Promise<T>,
): Promise<Ran<T>> {
  const { signal: request } = context.req.raw
  const left = new AbortController()
  const { signal } = left
  request.addEventListener('abort', () => left.abort(request.reason), { once: true })
  if (request.aborted) left.abort(request.reason)
  const output = holdOutput(HELD, (reason) => left.abort(reason))
  const running = work(output.stdout, signal).then(
    (result) => {
      output.end()
      return { text: output.text(), result }
    },
    (error) => {
      breakOff(context, output)
      throw error
    },
  )
  const ran = await Promise.race([output.opened.then((stream) => ({ stream })), running])
  if ('text' in ran) return ran
  running.catch((error) => {
    if (!signal.aborted) onError(error)
  })
  return ran
}

/**
 * Ends a stream so that the client sees a broken connection: a part must not look like the whole. A server of node:http would
 * write the error of the stream into the answer, so its connection is closed here.
 */
function breakOff({ env }: Context<SiteEnv>, output: Output): void {
  const { outgoing } = (env ?? {}) as { outgoing?: { destroy: () => void; headersSent: boolean } }
  if (outgoing?.headersSent) outgoing.destroy()
  else output.end(new Error('the answer is incomplete'))
}
