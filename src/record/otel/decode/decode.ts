import { isUtf8 } from 'node:buffer'
import { WfstoreError } from '../../../error.ts'
import { MOST_PARTS, tooManyParts } from './limits.ts'
import { readMessage } from './protobuf.ts'
import { type DecodedRequest, malformed, spansOf } from './spans.ts'

/** How OTLP/HTTP writes a body. */
export type Encoding = 'protobuf' | 'json'

/**
 * The spans of the body of an ExportTraceServiceRequest.
 * @throws WfstoreError `usage` for another body; it never contains a part of the body
 */
export async function decodeRequest(body: Uint8Array, encoding: Encoding): Promise<DecodedRequest> {
  return spansOf(encoding === 'json' ? parseJson(body) : await parseProtobuf(body))
}

async function parseProtobuf(body: Uint8Array): Promise<unknown> {
  try {
    return await readMessage(body, 'Request')
  } catch (error) {
    throw error instanceof WfstoreError ? error : malformed(error)
  }
}

/** JSON.parse takes 70 bytes for each array that is open. */
const MOST_OPEN = 100_000

/** @throws without the message of JSON.parse, which has a part of the body */
export function parseJson(body: Uint8Array): unknown {
  if (!isUtf8(body)) throw malformed()
  if (body.length > MOST_OPEN) checkParts(body)
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString())
  } catch {
    throw malformed()
  }
}

const QUOTE = 34
const BACKSLASH = 92
const COLON = 58
/** `[` and `{` differ from `]` and `}` by 2, and from each other by this bit. */
const OPEN = 91
const CLOSE = 93
const CURLY = 32

/** @throws if JSON.parse would take too much memory */
function checkParts(bytes: Uint8Array): void {
  let open = 0
  let parts = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) {
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++
    } else if ((byte & ~CURLY) === OPEN) {
      parts++
      if (++open > MOST_OPEN) throw malformed()
    } else if ((byte & ~CURLY) === CLOSE) open--
    else if (byte === COLON) parts++
  }
  if (parts > MOST_PARTS) throw tooManyParts()
}
