import { createHash } from 'node:crypto'

/**
 * The id of what there is once: the bill of a run, the audit entry of the end of an attempt. Made from what it stands
 * for (a UUIDv8 of RFC 9562), so that whoever repeats a call meets the row that is there.
 */
export function derivedId(...parts: (string | number)[]): string {
  const bytes = createHash('sha256')
    .update(['wfstore', ...parts].join('\n'))
    .digest()
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [0, 8, 12, 16, 20].map((at, place, all) => hex.slice(at, all[place + 1] ?? 32)).join('-')
}
