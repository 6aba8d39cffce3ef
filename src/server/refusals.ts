import type { OutgoingHttpHeaders } from 'node:http'
import { type ErrorCode, WfstoreError } from '../error.ts'
import { formatBytes } from '../numbers.ts'
import type { RPC_CODES } from '../record/otel/decode/response.ts'

/** Why a whole request is refused. */
export interface Refusal {
  status: number
  code: keyof typeof RPC_CODES
  message: string
  headers?: OutgoingHttpHeaders
}

/** Clients send these again after a number of seconds. */
const again = (seconds: number) => ({ 'retry-after': String(seconds) })

export const NOT_FOUND: Refusal = {
  status: 404,
  code: 'unimplemented',
  message: 'there is nothing at this path; traces go to /v1/traces',
}
export const WRONG_METHOD: Refusal = {
  status: 405,
  code: 'unimplemented',
  message: 'the method is not POST',
  headers: { allow: 'POST' },
}
export const WRONG_TYPE: Refusal = {
  status: 415,
  code: 'invalidArgument',
  message: 'the content type is not application/x-protobuf or application/json in UTF-8',
}
export const WRONG_COMPRESSION: Refusal = {
  status: 415,
  code: 'invalidArgument',
  message: 'the content encoding is not gzip or identity',
  headers: { 'accept-encoding': 'gzip, identity' },
}
export const NO_TOKEN: Refusal = {
  status: 401,
  code: 'unauthenticated',
  message:
    'a token that may write is required: OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20wfs_…',
  headers: { 'www-authenticate': 'Bearer realm="wfstore"' },
}
export const MAY_NOT_WRITE: Refusal = {
  status: 403,
  code: 'permissionDenied',
  message: 'the token may not write',
}
export const DAMAGED: Refusal = {
  status: 400,
  code: 'invalidArgument',
  message: 'the body is not compressed with gzip, or is damaged',
}
export const malformed = (message: string): Refusal => ({
  status: 400,
  code: 'invalidArgument',
  message,
})
export const tooLarge = (most: number): Refusal => ({
  status: 413,
  code: 'invalidArgument',
  message: `the body is larger than ${formatBytes(most)}; send fewer spans in a request`,
})
export const BUSY: Refusal = {
  status: 429,
  code: 'resourceExhausted',
  message: 'the server has too many requests at once',
  headers: again(1),
}
export const CLOSING: Refusal = {
  status: 503,
  code: 'unavailable',
  message: 'the server is shutting down',
  headers: again(1),
}

const unavailable = (message: string): Refusal => ({
  status: 503,
  code: 'unavailable',
  message,
  headers: again(5),
})

/** Errors of the database: the same request may succeed later. Their details are not for clients. */
const UNAVAILABLE: Partial<Record<ErrorCode, string>> = {
  unreachable: 'the database is unreachable',
  no_database: 'the database is not set',
  database_missing: 'the database does not exist',
  access_denied: 'the database refuses the connection',
  permission_denied: 'the database refuses the write',
  schema_missing: 'the database has no wfstore schema',
  schema_behind: 'the schema of the database is older than wfstore',
  schema_ahead: 'the schema of the database is newer than wfstore',
  schema_differs: 'the schema of the database differs from its migrations',
  locked: 'the database is locked by another process',
  failed: 'the database has refused the write',
}

/** The answer to an error of the server. Its details are for the log of the server. */
export function ofError(error: unknown): Refusal {
  const reason = error instanceof WfstoreError ? UNAVAILABLE[error.code] : undefined
  if (reason !== undefined) return unavailable(reason)
  return { status: 500, code: 'internal', message: 'the server has an error of its own' }
}
