import { WfstoreError } from '../../error.ts'
import { isUuid } from '../../uuid.ts'
import type { TimeBound } from './filter.ts'

/** Where a page ended: the sort key of its last row. */
export interface CursorPosition {
  key: string
  id: string
}

/** The content of a cursor: the position, and the instants of '7d' or 'now' when the first page was read. */
export interface Resume {
  position: CursorPosition
  since: string | undefined
  until: string | undefined
}

interface Bounds {
  since?: TimeBound | undefined
  until?: TimeBound | undefined
}

/**
 * A keyset cursor is opaque and belongs to one query. It has a fingerprint of the list and its filters, so that the
 * cursor of another query is an error and not a wrong answer.
 */
export function encodeCursor(list: string, filter: Bounds, position: CursorPosition): string {
  const { since, until } = filter
  const payload = [
    fingerprint(list, filter),
    position.key,
    position.id,
    since?.at ?? null,
    until?.at ?? null,
  ]
  return Buffer.from(JSON.stringify(payload)).toString('base64url')
}

/** @throws WfstoreError usage if the text is not a cursor, or the cursor of another query */
export function decodeCursor(
  list: string,
  keyType: keyof typeof KEYS,
  filter: Bounds,
  cursor: string,
): Resume {
  const payload = parsePayload(KEYS[keyType], cursor)
  if (!payload) {
    throw new WfstoreError('usage', 'the cursor is damaged', {
      hint: 'copy the whole cursor, or start again without --cursor',
    })
  }
  const [query, key, id, since, until] = payload
  if (query !== fingerprint(list, filter)) {
    throw new WfstoreError('usage', 'the cursor belongs to another query', {
      hint: 'give the same command and filters as the page it came from, or start again without --cursor',
    })
  }
  return { position: { key, id }, since: since ?? undefined, until: until ?? undefined }
}

/** The form of a sort key, by its type. */
const KEYS = {
  timestamptz: (key: string) => /^-?infinity$/.test(key) || isMoment(key),
  integer: (key: string) => /^-?\d{1,9}$/.test(key),
}
const MOMENT =
  /^(\d{4,6})-(\d\d)-(\d\d)[T ](?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,6})?(?:Z|\+00 BC)$/
const LAST_YEAR = 294_276

/** An invalid day must not reach the server: its error would not mention the cursor. */
function isMoment(text: string): boolean {
  const [year, month, day] = (MOMENT.exec(text) ?? []).slice(1).map(Number)
  if (!year || !month || !day || year > LAST_YEAR) return false
  // The calendar repeats itself every 400 years.
  const date = new Date(Date.UTC(2000 + (year % 400), month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

type Payload = [query: string, key: string, id: string, since: string | null, until: string | null]

function parsePayload(keys: (key: string) => boolean, cursor: string): Payload | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
  if (!Array.isArray(value) || value.length !== 5) return undefined
  const [query, key, id, since, until] = value as unknown[]
  const bound = (at: unknown) => at === null || (typeof at === 'string' && isMoment(at))
  const sound = typeof query === 'string' && typeof key === 'string' && keys(key)
  return sound && typeof id === 'string' && isUuid(id) && bound(since) && bound(until)
    ? (value as Payload)
    : undefined
}

/** Filters as they were given: bounds by their text ('7d'), because their instants move with the clock. */
function fingerprint(list: string, filter: Bounds): string {
  const asked = Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [
      name,
      name === 'since' || name === 'until' ? (value as TimeBound).text : value,
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  return fnv1a(JSON.stringify([list, asked]))
}

/** FNV-1a with 64 bits. A cursor has no secret, and loading a cryptographic hash takes as long as the query. */
function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return hash.toString(36)
}
