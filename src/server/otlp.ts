import type { IncomingMessage, ServerResponse } from 'node:http'
import { WfstoreError } from '../error.ts'
import { decodeRequest, type Encoding } from '../record/otel/decode/decode.ts'
import { gunzipBody } from '../record/otel/decode/gunzip.ts'
import { addRejected } from '../record/otel/decode/rejected.ts'
import { failureBody, successBody } from '../record/otel/decode/response.ts'
import type { DecodedRequest } from '../record/otel/decode/spans.ts'
import type { Rejected } from '../record/otel/options.ts'
import type { Span } from '../record/otel/types.ts'
import { sendAnswer } from './answer.ts'
import { discardBody, lengthOf, readBody } from './body.ts'
import { CONTENT_TYPES, compressionOf, encodingOf } from './content.ts'
import type { Handler, RequestContext } from './listen.ts'
import { createQueue, type Place, type QueueLimits } from './queue.ts'
import type { Refusal } from './refusals.ts'
import * as refusals from './refusals.ts'

const MIB = 1024 * 1024

export interface OtlpOptions {
  /** Commits spans. @returns those that are refused */
  ingest: (spans: readonly Span[]) => Promise<Rejected>
  /** Refuses a client before its body is read. */
  admit?: ((request: IncomingMessage) => Promise<Refusal | undefined>) | undefined
  /** The most bytes of a body, also after decompression (default 20 MiB). */
  mostBytes?: number
  /** What is worked on at once (default 100 requests and 64 MiB). */
  queue?: QueueLimits
  /** Called with each error that a client gets as 500 or 503. */
  onError?: (error: unknown) => void
  /** Called with the number of spans that are refused for a reason, or with the reason for which a whole request is. */
  onRefused?: (reason: string, spans?: number) => void
}

/** The paths that the handler serves. It answers 404 for others. */
export const OTLP_PATHS: readonly string[] = ['/v1/traces', '/v1/logs', '/v1/metrics']

/**
 * OTLP/HTTP: takes traces, and answers 200 when they are committed. Logs and metrics are accepted and forgotten, because some
 * SDKs send them to the same address. No error contains anything of a request.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export function otlpHandler({
  ingest,
  admit = async () => undefined,
  mostBytes = 20 * MIB,
  queue: limits = { requests: 100, bytes: 64 * MIB },
  onError,
  onRefused,
}: OtlpOptions): Handler {
  const queue = createQueue(limits)

  async function traces(request: IncomingMessage, exchange: Exchange): Promise<Outcome> {
    const length = lengthOf(request) ?? 0
    if (length > mostBytes) return refusals.tooLarge(mostBytes)
    const place = queue.enter(length)
    if (!place) return refusals.BUSY
    try {
      const body = await whole(request, exchange, place)
      if (!Buffer.isBuffer(body)) return body
      const decoded = await queue.inTurn(() => decode(body, exchange, place))
      if (!('spans' in decoded)) return decoded
      const { spans, rejected } = decoded
      return spans.length === 0 ? rejected : addRejected(rejected, await ingest(spans))
    } finally {
      place.leave()
    }
  }

  async function whole(
    request: IncomingMessage,
    { allow }: Exchange,
    place: Place,
  ): Promise<Buffer | Refusal | 'gone'> {
    let size = 0
    let refusal: Refusal | undefined
    allow()
    const body = await readBody(request, (bytes) => {
      size += bytes
      if (size > mostBytes) refusal = refusals.tooLarge(mostBytes)
      else if (!place.grow(bytes)) refusal = refusals.BUSY
      return refusal === undefined
    })
    return body === 'refused' ? (refusal ?? refusals.BUSY) : body
  }

  async function decode(
    body: Buffer,
    { encoding, compressed }: Exchange,
    place: Place,
  ): Promise<DecodedRequest | Refusal> {
    if (!compressed) return decoded(body, encoding)
    const uncompressed = await gunzipBody(body, mostBytes)
    if (uncompressed === 'too_large') return refusals.tooLarge(mostBytes)
    if (uncompressed === 'damaged') return refusals.DAMAGED
    return place.grow(uncompressed.length) ? decoded(uncompressed, encoding) : refusals.BUSY
  }

  async function forgotten(request: IncomingMessage, { allow }: Exchange): Promise<Outcome> {
    if ((lengthOf(request) ?? 0) > mostBytes) return refusals.tooLarge(mostBytes)
    allow()
    const ended = await discardBody(request, mostBytes)
    return ended ? { count: 0, reasons: {} } : refusals.tooLarge(mostBytes)
  }

  async function outcomeOf(request: IncomingMessage, exchange: Exchange): Promise<Outcome> {
    const path = pathOf(request)
    if (!OTLP_PATHS.includes(path)) return refusals.NOT_FOUND
    if (request.method !== 'POST') return refusals.WRONG_METHOD
    if (encodingOf(request) === undefined) return refusals.WRONG_TYPE
    if (compressionOf(request) === undefined) return refusals.WRONG_COMPRESSION
    if (exchange.closing()) return refusals.CLOSING
    const refusal = await admit(request)
    if (refusal) return refusal
    return path === '/v1/traces' ? traces(request, exchange) : forgotten(request, exchange)
  }

  function reported(outcome: Outcome): Outcome {
    if (outcome === 'gone') return outcome
    if (isRefusal(outcome)) onRefused?.(outcome.message)
    else for (const [reason, spans] of Object.entries(outcome.reasons)) onRefused?.(reason, spans)
    return outcome
  }

  async function answer(request: IncomingMessage, response: ServerResponse, exchange: Exchange) {
    const outcome = await outcomeOf(request, exchange)
      .then(reported)
      .catch((error) => {
        onError?.(error)
        return refusals.ofError(error)
      })
    if (outcome === 'gone') return
    const { encoding } = exchange
    const contentType = CONTENT_TYPES[encoding]
    const parts = isRefusal(outcome)
      ? { ...outcome, body: await failureBody(outcome.code, outcome.message, encoding) }
      : { status: 200, body: await successBody(outcome, encoding) }
    await sendAnswer(request, response, { ...parts, contentType }, exchange.waits())
  }

  return (request, response, context) =>
    answer(request, response, exchangeOf(request, response, context)).catch((error) => {
      onError?.(error)
      response.destroy()
    })
}

async function decoded(body: Buffer, encoding: Encoding): Promise<DecodedRequest | Refusal> {
  try {
    return await decodeRequest(body, encoding)
  } catch (error) {
    // Such an error contains nothing of the body.
    if (error instanceof WfstoreError && error.code === 'usage')
      return refusals.malformed(error.message)
    throw error
  }
}

/** Spans that are refused, a refusal of the whole request, or a client that has left. */
type Outcome = Rejected | Refusal | 'gone'

const isRefusal = (outcome: Rejected | Refusal): outcome is Refusal => 'status' in outcome

/** What is known of a request besides its body. */
interface Exchange {
  /** Of the request and so of the answer: JSON if it has another content type. */
  encoding: Encoding
  compressed: boolean
  /** Lets a client send its body that waits for 100 Continue. */
  allow: () => void
  waits: () => boolean
  closing: () => boolean
}

function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  { waits = false, closing = () => false }: RequestContext = {},
): Exchange {
  let waiting = waits
  return {
    encoding: encodingOf(request) ?? 'json',
    compressed: compressionOf(request) === 'gzip',
    allow: () => {
      if (waiting) response.writeContinue()
      waiting = false
    },
    waits: () => waiting,
    closing,
  }
}

/** Without the query. */
const pathOf = ({ url = '' }: IncomingMessage): string => (url.split('?') as [string])[0]
