import fc from 'fast-check'
import type { Column, Kind } from '../../../src/cli/output/column.ts'

/** Written without the pattern of escape.ts, so that a mistake there is seen here. */
function isHostile(char: string): boolean {
  const code = char.codePointAt(0) ?? 0
  const between = (low: number, high: number) => code >= low && code <= high
  return (
    between(0, 0x1f) ||
    between(0x7f, 0x9f) ||
    between(0xd800, 0xdfff) ||
    between(0x200e, 0x200f) ||
    between(0x2028, 0x202e) ||
    between(0x2066, 0x2069) ||
    between(0x2060, 0x2064) ||
    between(0x206a, 0x206f) ||
    between(0xfff9, 0xfffb) ||
    between(0xe0000, 0xe001f) ||
    code === 0xad ||
    code === 0x61c ||
    code === 0x3164 ||
    code === 0xffa0 ||
    code === 0xfeff
  )
}

export const hostileIn = (text: string, own = '\n') =>
  [...text].filter((char) => isHostile(char) && !own.includes(char))

const evil = fc.constantFrom(
  ...'\x00\x07\x1b\x7f\x9b\x9d\r\n\t\u061c\u200e\u2028\u2029\u202e\u2069\ufeff\\"\',;=+-@＝ x1'.split(
    '',
  ),
  '\ud800',
  '\udc00',
  '\x1b[2J',
  '\x1b]8;;http://x\x07',
  '客',
  '👩‍👩‍👧',
  '🥲',
  'é',
  'ส',
  'ชิ',
  '\r\n',
  '\\x1b',
  '\u200b',
  '\u200c',
  '\u200d',
  '\u2060',
  '\ufe0f',
  '\u{e0001}',
  '\u{e0041}',
  '\u{e0101}',
  '🇩🇪',
  '👍🏽',
)
export const text = fc.oneof(
  fc.string({ unit: evil, maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
)
export const amount = fc
  .tuple(
    fc.boolean(),
    fc.bigInt({ min: 0n, max: 10n ** 30n }),
    fc.option(fc.stringMatching(/^\d{1,20}$/)),
  )
  .map(
    ([negative, whole, part]) => `${negative ? '-' : ''}${whole}${part === null ? '' : `.${part}`}`,
  )

const kinds: Kind[] = [
  'text',
  'id',
  'status',
  'time',
  'amount',
  'count',
  'duration',
  'boolean',
  'json',
]
export type Anything = Record<string, unknown>
export const columns: Column<Anything>[] = kinds.map((kind) => ({ name: kind, kind }))
export const nested: Column<Anything>[] = [...columns, { name: 'rows', kind: 'rows', columns }]
const value = fc.oneof({ weight: 4, arbitrary: text }, fc.constantFrom(null, undefined))
/** Rows in which every kind of column holds what it should never hold. */
const row = fc.record(
  Object.fromEntries(kinds.map((kind) => [kind, value])),
) as fc.Arbitrary<Anything>
export const rows = fc.array(row, { minLength: 1, maxLength: 4 })
export const below = fc
  .tuple(row, rows)
  .map(([outer, inner]): Anything => ({ ...outer, rows: inner }))
