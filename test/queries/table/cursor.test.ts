import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Asked,
  decodeCursor,
  encodeCursor,
  instantOfCursor,
} from '../../../src/queries/table/cursor.ts'
import { microsOf, timeOfMicros } from '../../../src/queries/table/micros.ts'

const [FIRST, LAST] = [-211_813_488_000_000_000n, 9_223_371_331_199_999_999n]
const micros = fc.oneof(
  fc.bigInt({ min: FIRST, max: LAST }),
  // The years 1970 to 2100.
  fc.bigInt({ min: -946_684_800_000_000n, max: 3_155_760_000_000_000n }),
  fc.constantFrom(0n, -1n, 999_999n, FIRST, LAST, 2n ** 54n, -(2n ** 54n) - 1n),
)
const times = fc.oneof(micros.map(timeOfMicros), fc.constantFrom('infinity', '-infinity'))
const bound = fc.option(
  fc.record({
    text: fc.constantFrom('24h', '2026-11-01 UTC'),
    at: micros.map(timeOfMicros),
    countsFrom: fc.option(
      fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((seconds) => new Date(seconds * 1000)),
      { nil: undefined },
    ),
  }),
  { nil: undefined },
)
const asked: fc.Arbitrary<Asked> = fc.record({
  list: fc.constantFrom('executions', 'audit'),
  filter: fc.record({
    userId: fc.option(fc.string(), { nil: undefined }),
    since: bound,
    until: bound,
  }),
})
const position = fc.record({ key: times, id: fc.uuid() })

describe('a cursor', () => {
  it('of any list, filter and position has 43 characters and gives the position back', () => {
    fc.assert(
      fc.property(asked, position, (query, place) => {
        const cursor = encodeCursor(query, 'timestamptz', place)
        expect(cursor).toMatch(/^[\w-]{43}$/)
        expect(decodeCursor(query, 'timestamptz', cursor)).toEqual(place)
        const { since, until } = query.filter
        const instant = since ? since.countsFrom : until?.countsFrom
        if (since === undefined || since.countsFrom || !until?.countsFrom)
          expect(instantOfCursor(cursor)).toEqual(instant)
      }),
      { numRuns: 2000 },
    )
  })

  it('of a list in order of a number gives the position back', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.uuid(), (key, id) => {
        const query = { list: 'steps', filter: {} }
        const cursor = encodeCursor(query, 'integer', { key: String(key), id })
        expect(decodeCursor(query, 'integer', cursor)).toEqual({ key: String(key), id })
      }),
    )
  })

  it('with another character, a character more or less, or of another filter is refused', () => {
    const query = { list: 'executions', filter: { userId: 'a' } as object }
    const digit = fc.constantFrom(
      ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
    )
    const usual = fc.record({
      key: fc.bigInt({ min: 0n, max: 2n ** 53n }).map(timeOfMicros),
      id: fc.uuid(),
    })
    fc.assert(
      fc.property(usual, fc.nat(42), digit, fc.string(), (place, index, other, user) => {
        const cursor = encodeCursor(query, 'timestamptz', place)
        const changed = cursor.slice(0, index) + other + cursor.slice(index + 1)
        const refused = (text: string, about: Asked = query) =>
          expect(() => decodeCursor(about, 'timestamptz', text)).toThrow(
            expect.objectContaining({ code: 'usage' }),
          )
        if (changed !== cursor) refused(changed)
        refused(cursor.slice(0, -1))
        refused(`${cursor}A`)
        refused(`${cursor}\n`)
        if (user !== 'a')
          refused(cursor, { list: 'executions', filter: { userId: user } as object })
        refused(cursor, { ...query, list: 'audit' })
      }),
      // The checksum has at least 32 bits, also where the changed character gives it another size.
      { numRuns: 500 },
    )
  })

  it('of a filter with the same values in another order, or once more, is accepted', () => {
    const of = (status: unknown): Asked => ({ list: 'executions', filter: { status } as object })
    const place = { key: '2026-01-01T00:00:00.000000Z', id: '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57' }
    const read = (given: unknown, later: unknown) =>
      decodeCursor(of(later), 'timestamptz', encodeCursor(of(given), 'timestamptz', place))
    expect(read('failed', ['failed'])).toEqual(place)
    expect(read(['failed', 'partial'], ['partial', 'failed', 'partial'])).toEqual(place)
    expect(() => read(['failed'], ['failed', 'partial'])).toThrow('another query')
  })

  it('of a query with since is refused for another instant of since', () => {
    const at = (time: string) => ({ list: 'audit', filter: { since: { text: '24h', at: time } } })
    const place = { key: '2026-01-01T00:00:00.000000Z', id: '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57' }
    const cursor = encodeCursor(at('2026-01-01T00:00:00.000000Z'), 'timestamptz', place)
    expect(() => decodeCursor(at('2026-01-01T00:00:00.000001Z'), 'timestamptz', cursor)).toThrow(
      'the cursor belongs to another query, or is damaged',
    )
  })
})

describe('microseconds since 2000', () => {
  it.each<[string, bigint]>([
    ['2000-01-01T00:00:00.000000Z', 0n],
    ['1999-12-31T23:59:59.999999Z', -1n],
    ['2026-11-27T21:19:48.123456Z', 849_129_588_123_456n],
    ['294276-12-31T23:59:59.999999Z', LAST],
    ['4714-11-24T00:00:00.000000Z BC', FIRST],
    ['0001-01-01T00:00:00.000000Z', -63_082_281_600_000_000n],
    ['0001-12-31T23:59:59.000000Z BC', -63_082_281_601_000_000n],
    ['infinity', 2n ** 63n - 1n],
  ])('%s', (text, count) => {
    expect(microsOf(text)).toBe(count)
    expect(timeOfMicros(count)).toBe(text)
  })

  it('of the forms that PostgreSQL prints', () => {
    expect(microsOf('0044-03-15T12:00:00+00:00 BC')).toBe(
      microsOf('0044-03-15T12:00:00.000000Z BC'),
    )
    expect(microsOf('2000-01-01T02:00:00+02:00')).toBe(0n)
    expect(microsOf('1999-12-31 18:29:00.5-05:31')).toBe(500_000n)
  })

  it('of any time that PostgreSQL has become text and the same number again', () => {
    fc.assert(
      fc.property(micros, (count) => {
        expect(microsOf(timeOfMicros(count))).toBe(count)
      }),
    )
  })
})
