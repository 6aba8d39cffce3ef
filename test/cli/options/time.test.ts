import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checkTimeZone, parseTime } from '../../../src/cli/options/time.ts'

const now = new Date('2026-11-26T12:00:00.000Z')
const at = async (text: string, zone = 'UTC') => (await parseTime('--since', text, now, zone)).at

it('spans count back from now, a day being 24 hours', async () => {
  expect(await at('90s')).toBe('2026-11-26T11:58:30.000000Z')
  expect(await at('30m')).toBe('2026-11-26T11:30:00.000000Z')
  expect(await at('24h')).toBe('2026-11-25T12:00:00.000000Z')
  expect(await at('7d')).toBe('2026-11-19T12:00:00.000000Z')
  expect(await at('2w')).toBe('2026-11-12T12:00:00.000000Z')
})

it('a date is its midnight in the time zone, across changes of the clock', async () => {
  expect(await at('2024-12-01')).toBe('2024-12-01T00:00:00.000000Z')
  expect(await at('2024-12-01', 'Europe/Berlin')).toBe('2024-11-30T23:00:00.000000Z')
  expect(await at('2024-07-01', 'Europe/Berlin')).toBe('2024-06-30T22:00:00.000000Z')
  expect(await at('2024-12-01', 'Asia/Kathmandu')).toBe('2024-11-30T18:15:00.000000Z')
  // Beirut skipped midnight of this day: it began at 01:00 summer time, which is 22:00 UTC the day before.
  expect(await at('2022-03-27', 'Asia/Beirut')).toBe('2022-03-26T22:00:00.000000Z')
})

it('RFC 3339 keeps its microseconds and its offset', async () => {
  expect(await at('2024-12-01T08:30:00Z')).toBe('2024-12-01T08:30:00.000000Z')
  expect(await at('2024-12-01T08:30:00.123456+05:30')).toBe('2024-12-01T03:00:00.123456Z')
  expect(await at('2024-12-01T08:30:00.1234569Z')).toBe('2024-12-01T08:30:00.123456Z')
  expect(await at('2024-12-01T08:30', 'America/New_York')).toBe('2024-12-01T13:30:00.000000Z')
})

it('an invalid time is refused and named', async () => {
  for (const text of [
    '',
    'yesterday',
    '2024-13-01',
    '2024-02-30',
    '24',
    '7 d',
    '-7d',
    '1.5d',
    '2024-12',
    '2024-12-01T25:00Z',
    '999999999w',
    '0000-01-01',
    '2026-11-23T11:30[Asia/Tokyo]',
  ]) {
    await expect(at(text), text).rejects.toMatchObject({
      code: 'usage',
      message: `--since ${JSON.stringify(text)} is not a valid time`,
    })
  }
})

it('any text is an instant or a usage error', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string(), fc.stringMatching(/^\d{4}-\d\d-\d\d[T ]?[\d:.Z+-]*$/)),
      async (text) => {
        const outcome = await at(text).catch((error: { code: string }) => error)
        if (typeof outcome === 'string')
          expect(outcome).toMatch(/^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
        else expect(outcome.code).toBe('usage')
      },
    ),
  )
})

it('a zone is an IANA name', () => {
  expect(checkTimeZone('europe/berlin')).toBe('Europe/Berlin')
  expect(() => checkTimeZone('Mars/Olympus')).toThrow(
    '--tz "Mars/Olympus" is not a valid time zone',
  )
})
