import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

export interface SendOptions {
  /** How long a client may take none of an answer, in milliseconds (default 60 s). Its query would stay open. */
  stallMs?: number | undefined
  /** Called with an error after which an answer is not complete. */
  onError: (error: unknown) => void
}

/** Sends an answer. If its body ends with an error the connection is broken, so that it does not look complete. */
export async function send(
  { status, headers, body }: Response,
  outgoing: ServerResponse,
  { stallMs = 60_000, onError }: SendOptions,
): Promise<void> {
  if (outgoing.destroyed) return void (await body?.cancel())
  outgoing.writeHead(status, [...headers].flat())
  if (body === null) return void outgoing.end()
  const reader = body.getReader()
  const closed = once(outgoing, 'close').then(() => reader.cancel())
  closed.catch(() => {})
  outgoing.setTimeout(stallMs, () => outgoing.destroy())
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (!outgoing.write(value)) await Promise.race([once(outgoing, 'drain'), closed])
    }
    outgoing.end()
  } catch (error) {
    if (!outgoing.destroyed) onError(error)
    outgoing.destroy()
  }
}
