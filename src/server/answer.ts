import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { discardBody, lengthOf } from './body.ts'

export interface Answer {
  status: number
  contentType: string
  body: Uint8Array
  headers?: OutgoingHttpHeaders | undefined
}

/** A rest of a body that is read and forgotten, so that the connection stays open for the next request. */
const SMALL_REST = 1024 * 1024
/** What is read after an answer before the connection is closed. A client that sends more may miss the answer. */
const MOST_DISCARDED = 64 * 1024 * 1024

/**
 * Answers, and waits until the answer is sent or the client has left. If the body has not been read and may be large, the
 * connection is closed. Until then the body is read and forgotten: to close a connection with unread data resets it, and the
 * client might lose the answer.
 * @param waits the client sends its body only after 100 Continue, which it has not received
 */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body, headers }: Answer,
  waits: boolean,
): Promise<void> {
  const length = lengthOf(request)
  const keeps = request.complete || (!waits && length !== undefined && length <= SMALL_REST)
  if (!keeps) response.shouldKeepAlive = false
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': body.length,
    ...headers,
  })
  const sent = new Promise<void>((resolve) => {
    if (response.closed || response.destroyed) resolve()
    else response.once('close', resolve)
  })
  if (keeps || waits) response.end(body)
  else {
    response.write(body)
    await discardBody(request, MOST_DISCARDED)
    response.end()
  }
  await sent
}
