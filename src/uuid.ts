import { randomBytes } from 'node:crypto'

/** A UUIDv7 (RFC 9562): 48 bits of Unix time in milliseconds, then random bits, so that new ids sort by time. */
export function uuidv7(unixMs: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(unixMs, 0, 6)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}
