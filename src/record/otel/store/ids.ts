import { hash } from 'node:crypto'
import { WfstoreError } from '../../../error.ts'

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/i

export const isTraceId = (text: string): boolean => TRACE_ID.test(text)
export const isSpanId = (text: string): boolean => /^(?!0{16})[0-9a-f]{16}$/i.test(text)

/**
 * The id of the execution that a trace of OpenTelemetry becomes: the 16 bytes of its trace id as a UUID.
 * @throws WfstoreError usage
 */
export function executionIdOf(traceId: string): string {
  if (!isTraceId(traceId))
    throw new WfstoreError('usage', 'traceId is not a trace id of OpenTelemetry', {
      hint: 'give 32 hexadecimal digits, not all 0',
    })
  return uuidOfHex(traceId.toLowerCase())
}

/** The id of the step of a span: a UUIDv5 (RFC 9562) in the namespace of its trace. */
export function stepIdOf(executionId: string, spanId: string): string {
  const namespace = Buffer.from(executionId.replaceAll('-', ''), 'hex')
  const bytes = hash('sha1', Buffer.concat([namespace, Buffer.from(spanId)]), 'buffer')
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return uuidOfHex(bytes.toString('hex', 0, 16))
}

const uuidOfHex = (hex: string): string =>
  [8, 12, 16, 20, 32]
    .map((end, place, ends) => hex.slice(place === 0 ? 0 : ends[place - 1], end))
    .join('-')
