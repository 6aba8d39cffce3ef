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

it('today and yesterday are midnights in the time zone, across changes of the clock', async () => {
  expect(await at('today')).toBe('2026-11-26T00:00:00.000000Z')
  expect(await at('yesterday')).toBe('2026-11-25T00:00:00.000000Z')
  expect(await at('today', 'Asia/Tokyo')).toBe('2026-11-25T15:00:00.000000Z')
  // 12:00 UTC is 01:00 of the next day.
  expect(await at('today', 'Pacific/Auckland')).toBe('2026-11-26T11:00:00.000000Z')
  const on = async (moment: string, text: string, zone: string) =>
    (await parseTime('--since', text, new Date(moment), zone)).at
  expect(await on('2026-03-30T10:00:00Z', 'yesterday', 'Europe/Berlin')).toBe(
    '2026-03-28T23:00:00.000000Z',
  )
  expect(await on('2022-03-27T10:00:00Z', 'today', 'Asia/Beirut')).toBe(
    '2022-03-26T22:00:00.000000Z',
  )
  expect(await on('2026-03-01T10:00:00Z', 'yesterday', 'UTC')).toBe('2026-02-28T00:00:00.000000Z')
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

it('a time as PostgreSQL prints it keeps its offset in every time zone', async () => {
  expect(await at('2026-07-15 09:30:00+02', 'Asia/Tokyo')).toBe('2026-07-15T07:30:00.000000Z')
  expect(await at('2026-07-15 09:30:00.123456+05:30')).toBe('2026-07-15T04:00:00.123456Z')
  expect(await at('2026-07-15 09:30:00+00')).toBe('2026-07-15T09:30:00.000000Z')
  expect(await at('2026-07-15 09:30:00-03:30')).toBe('2026-07-15T13:00:00.000000Z')
  expect(await at('1890-07-15 09:30:00+00:53:28')).toBe('1890-07-15T08:36:32.000000Z')
  expect(await at('2026-07-15 09:30:00 +0200')).toBe('2026-07-15T07:30:00.000000Z')
})

it('a local time that a zone skips or has twice is refused, with the two times it may mean', async () => {
  await expect(at('2026-10-25 02:30', 'Europe/Berlin')).rejects.toMatchObject({
    code: 'usage',
    message: '--since "2026-10-25 02:30" is two times in Europe/Berlin, because of a clock change',
    hint: 'use 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00',
  })
  await expect(at('2026-03-29T02:30', 'Europe/Berlin')).rejects.toMatchObject({
    message:
      '--since "2026-03-29T02:30" does not exist in Europe/Berlin, because of a clock change',
    hint: 'use 2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00',
  })
  expect(await at('2026-10-25T02:30:00+01:00', 'Europe/Berlin')).toBe('2026-10-25T01:30:00.000000Z')
})

it('a day with two midnights begins at the first one', async () => {
  expect(await at('2024-11-03', 'America/Havana')).toBe('2024-11-03T04:00:00.000000Z')
})

it('leap seconds, 24:00, days that do not exist and years without four digits are refused', async () => {
  for (const text of [
    '2026-02-30',
    '2024-13-01',
    '2023-02-29T00:00:00Z',
    '2016-12-31T23:59:60Z',
    '2026-07-15T24:00:00Z',
    '2026-07-15 09:30:00+16',
    '2026-07-15 09:60:00+02',
  ])
    await expect(at(text), text).rejects.toMatchObject({
      code: 'usage',
      message: `--since ${JSON.stringify(text)} is a time that does not exist`,
    })
  for (const text of [
    '10000-01-01 00:00:00+00',
    '0044-03-15 00:00:00+00 BC',
    'infinity',
    '0000-01-01',
  ])
    await expect(at(text), text).rejects.toMatchObject({
      message: `--since ${JSON.stringify(text)} is not in the years 1 to 9999`,
    })
})

it('an invalid time is refused and named', async () => {
  for (const text of [
    '',
    'Yesterday',
    '24',
    '7 d',
    '-7d',
    '1.5d',
    '2024-12',
    '2026-07-15 09:30:00+02 and more',
    '2026-07-15 09:30:00+2',
    '2026-07-15 09:30:00 CEST',
    '2026-07-15+02',
    '2026-07-15T09:30:00.1234567890Z',
    '999999999w',
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

it('a zone is an IANA name that means the same to Node and PostgreSQL; the error says which to give', () => {
  expect(checkTimeZone('europe/berlin')).toBe('Europe/Berlin')
  expect(checkTimeZone('Etc/GMT+5')).toBe('Etc/GMT+5')
  expect(checkTimeZone('utc')).toBe('UTC')
  for (const [name, hint] of [
    ['Mars/Olympus', 'use an IANA name such as Europe/Berlin or UTC'],
    ['PST', 'use America/Los_Angeles or Asia/Manila'],
    ['IST', 'use Asia/Kolkata, Europe/Dublin or Asia/Jerusalem'],
    ['cst', 'use America/Chicago, Asia/Shanghai or America/Havana'],
    ['BST', 'use Europe/London or Asia/Dhaka'],
    ['CET', 'use Europe/Berlin'],
    ['Japan', 'use Asia/Tokyo'],
    ['Zulu', 'use UTC'],
    ['+02:00', 'use Etc/GMT-2, which is +02:00'],
    ['-5', 'use Etc/GMT+5, which is -05:00'],
    ['+05:30', 'use an IANA name such as Europe/Berlin or UTC'],
    ['SystemV/PST8', 'use an IANA name such as Europe/Berlin or UTC'],
    ['', 'use an IANA name such as Europe/Berlin or UTC'],
  ] as const) {
    let error: unknown
    try {
      checkTimeZone(name)
    } catch (thrown) {
      error = thrown
    }
    expect(error, name).toMatchObject({
      code: 'usage',
      message: `--tz ${JSON.stringify(name)} is not a valid time zone`,
      hint,
    })
  }
})
