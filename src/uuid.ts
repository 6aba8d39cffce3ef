import { randomUUID } from 'node:crypto'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export const isUuid = (text: string): boolean => UUID.test(text)

/** A UUIDv7 (RFC 9562): 48 bits of Unix time in milliseconds, then random bits, so that new ids sort by time. */
export function uuidv7(unixMs: number): string {
  const time = unixMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
