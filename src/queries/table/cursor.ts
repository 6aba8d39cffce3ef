import { WfstoreError } from '../../error.ts'
import type { Bounds } from './filter.ts'
import { microsOf, timeOfMicros } from './micros.ts'

/** Where a page ended: the sort key of its last row. */
export interface CursorPosition {
  key: string
  id: string
}

/**
 * A cursor is opaque, has always 43 characters, and belongs to one query. Its bits, 6 in each character:
 *
 * - 1: the key is out of the usual range; 1: there is an instant
 * - 55 or, out of the usual range, 64: the sort key, a number or the microseconds since 2000
 * - 128: the id
 * - 32 or 0: the instant from which '24h' counts, in seconds since 1970: on a later page '24h' means the same time
 * - all that remain, at least 32: a checksum of the list, its filters and these bits, so that the cursor of another query is
 *   an error and not a wrong answer
 */
const LENGTH = 43
const [USUAL_KEY, LARGE_KEY, ID, INSTANT] = [55n, 64n, 128n, 32n]
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const DIGIT = 6n

/** How a sort key becomes a number, by its type. */
const KEYS = {
  timestamptz: { toNumber: microsOf, toText: timeOfMicros },
  integer: { toNumber: BigInt, toText: String },
}
export type KeyType = keyof typeof KEYS

/** The list and the filters that a cursor belongs to. */
export interface Asked {
  list: string
  filter: Partial<Bounds>
}

export function encodeCursor(asked: Asked, keyType: KeyType, position: CursorPosition): string {
  const key = KEYS[keyType].toNumber(position.key)
  const usual = key >= -(1n << (USUAL_KEY - 1n)) && key < 1n << (USUAL_KEY - 1n)
  const keySize = usual ? USUAL_KEY : LARGE_KEY
  const seconds = instantOf(asked.filter)
  let [bits, left] = [0n, DIGIT * BigInt(LENGTH)]
  const put = (value: bigint, size: bigint) => {
    bits = (bits << size) | BigInt.asUintN(Number(size), value)
    left -= size
  }
  put(usual ? 0n : 1n, 1n)
  put(seconds === undefined ? 0n : 1n, 1n)
  put(key + (1n << (keySize - 1n)), keySize)
  put(BigInt(`0x${position.id.replaceAll('-', '')}`), ID)
  if (seconds !== undefined) put(BigInt(seconds), INSTANT)
  put(checksum(asked, bits, left), left)
  const places = Array.from({ length: LENGTH }, (_, place) => BigInt(LENGTH - 1 - place))
  return places.map((place) => DIGITS[Number((bits >> (DIGIT * place)) & 63n)]).join('')
}

/** @throws WfstoreError usage if the text is not a cursor of this query */
export function decodeCursor(asked: Asked, keyType: KeyType, cursor: string): CursorPosition {
  const content = contentOf(cursor)
  if (!content) {
    throw new WfstoreError('usage', 'the cursor is damaged', {
      hint: 'copy the whole cursor, or start again without `cursor`',
    })
  }
  const { key, id, checked, size, sum } = content
  if (sum !== checksum(asked, checked, size)) {
    throw new WfstoreError('usage', 'the cursor belongs to another query, or is damaged', {
      hint: 'give the same command and filters as the page it came from, or start again without `cursor`',
    })
  }
  const hex = id.toString(16).padStart(32, '0')
  return { key: KEYS[keyType].toText(key), id: hex.replace(UUID, '$1-$2-$3-$4-$5') }
}

const UUID = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/

/** The instant from which '24h' counts on the first page; undefined without such a time. */
export const instantOfCursor = (cursor: string): Date | undefined => contentOf(cursor)?.instant

/** In whole seconds. */
function instantOf({ since, until }: Partial<Bounds>): number | undefined {
  const instant = since?.countsFrom ?? until?.countsFrom
  return instant && Math.floor(instant.getTime() / 1000)
}

function contentOf(cursor: string) {
  if (typeof cursor !== 'string' || !/^[\w-]{43}$/.test(cursor)) return undefined
  let left = DIGIT * BigInt(LENGTH)
  const all = [...cursor].reduce(
    (bits, digit) => (bits << DIGIT) | BigInt(DIGITS.indexOf(digit)),
    0n,
  )
  const take = (size: bigint) => {
    left -= size
    return BigInt.asUintN(Number(size), all >> left)
  }
  const [isLarge, isTimed] = [take(1n), take(1n)]
  const keyBits = isLarge ? LARGE_KEY : USUAL_KEY
  const key = take(keyBits) - (1n << (keyBits - 1n))
  const id = take(ID)
  const instant = isTimed ? new Date(Number(take(INSTANT)) * 1000) : undefined
  const [checked, size] = [all >> left, left]
  return { key, id, instant, checked, size, sum: take(left) }
}

function checksum({ list, filter }: Asked, content: bigint, size: bigint): bigint {
  const { since, until, ...others } = filter
  const asked = Object.entries({ ...others, since: since?.at, until: until?.at })
    .filter(([, value]) => value !== undefined)
    // One value and a list of one are the same filter, and so are lists in another order.
    .map(([name, value]): [string, unknown[]] => [name, [...new Set(eachOf(value))].sort()])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const hash = fnv1a(JSON.stringify([list, asked, content.toString(36)]))
  return BigInt.asUintN(Number(size), hash ^ (hash >> 32n))
}

/** The values of a filter. Of an object, such as tags, each value with its name. */
const eachOf = (value: unknown): unknown[] =>
  [value]
    .flat()
    .flatMap((one) =>
      typeof one === 'object' && one !== null
        ? Object.entries(one).flatMap(([name, values]) =>
            eachOf(values).map((each) => JSON.stringify([name, each])),
          )
        : [one],
    )

/** FNV-1a with 64 bits. A cursor has no secret, and loading a cryptographic hash takes as long as the query. */
function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return hash
}
