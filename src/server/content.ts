import type { IncomingMessage } from 'node:http'
import type { Encoding } from '../record/otel/decode/decode.ts'

export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
}

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  'application/x-protobuf': 'protobuf',
  'application/protobuf': 'protobuf',
  'application/json': 'json',
}

/** How the body is written; undefined for another content type, and for JSON in another character set than UTF-8. */
export function encodingOf({ headers }: IncomingMessage): Encoding | undefined {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';')
  const charset = parameters.map(
    (parameter) => /^\s*charset\s*=\s*"?([^"]*?)"?\s*$/.exec(parameter)?.[1],
  )
  const others = charset.filter((name) => name !== undefined && !/^utf-?8$/.test(name))
  return others.length === 0 ? ENCODINGS[type.trim()] : undefined
}

/** Undefined for a compression that is not supported. */
export function compressionOf({ headers }: IncomingMessage): 'gzip' | 'none' | undefined {
  const compression = (headers['content-encoding'] ?? '').trim().toLowerCase()
  if (compression === '' || compression === 'identity') return 'none'
  return compression === 'gzip' || compression === 'x-gzip' ? 'gzip' : undefined
}
