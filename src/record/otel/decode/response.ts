import type { Rejected } from '../options.ts'
import type { Encoding } from './decode.ts'
import { writeMessage } from './protobuf.ts'
import { rejectedText } from './rejected.ts'

/** The body of an ExportTraceServiceResponse: empty, or a partial success that counts and names what is refused. */
export async function successBody(rejected: Rejected, encoding: Encoding): Promise<Uint8Array> {
  const { count } = rejected
  if (count === 0) return Buffer.from(encoding === 'json' ? '{}' : '')
  const errorMessage = rejectedText(rejected)
  // The JSON of protobuf writes an int64 as a text.
  const rejectedSpans = encoding === 'json' ? String(count) : BigInt(count)
  const response = { partialSuccess: { rejectedSpans, errorMessage } }
  return encoding === 'json' ? json(response) : writeMessage('Response', response)
}

/** Of google.rpc.Code. */
export const RPC_CODES = {
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** The body of a google.rpc.Status, which every answer to a request that failed has. */
export async function failureBody(
  code: keyof typeof RPC_CODES,
  message: string,
  encoding: Encoding,
): Promise<Uint8Array> {
  const status = { code: RPC_CODES[code], message }
  return encoding === 'json' ? json(status) : writeMessage('RpcStatus', status)
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
