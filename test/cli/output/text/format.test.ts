import { expect, it } from 'vitest'
import { alignAmounts, formatTime, shortenIds } from '../../../../src/cli/output/text/format.ts'
import { displayWidth, truncate } from '../../../../src/cli/output/text/width.ts'
import { formatDuration } from '../../../../src/numbers.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

it.each<[unknown, string]>([
  [0, '0ms'],
  [0.42, '0.4ms'],
  [340, '340ms'],
  [340.6, '341ms'],
  [999.6, '1.0s'],
  [3600, '3.6s'],
  [59_940, '59.9s'],
  [59_960, '1m 00s'],
  [77_376.5, '1m 17s'],
  [hour - 1, '1h 00m'],
  [2 * hour + 5 * minute, '2h 05m'],
  [day - 1, '1d 00h'],
  [3 * day + 4 * hour, '3d 04h'],
  [-3600, '-3.6s'],
  ['1500.5', '1.5s'],
  [Number.NaN, 'NaN'],
  ['soon', 'soon'],
])('a duration of %s is %s', (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected)
})

it('amounts of a column have the decimals of the longest, and keep all their digits', () => {
  expect(alignAmounts(['0.127232', '10000.1', '3', '-0.5'])).toEqual([
    '0.127232',
    '10000.100000',
    '3.000000',
    '-0.500000',
  ])
  expect(alignAmounts(['3', '0.5'])).toEqual(['3.00', '0.50'])
  expect(alignAmounts(['NaN', '123456789012345678901234567890.1'])).toEqual([
    'NaN',
    '123456789012345678901234567890.10',
  ])
})

it('a time is local, to the minute, to the second, or with its zone', () => {
  const time = '2026-09-20T22:49:58.999999Z'
  expect(formatTime(time, 'UTC', 'minutes')).toBe('2026-09-20 22:49')
  expect(formatTime(time, 'Asia/Shanghai', 'seconds')).toBe('2026-09-21 06:49:58')
  expect(formatTime(time, 'America/New_York', 'zone')).toBe('2026-09-20 18:49:58 EDT')
  expect(formatTime('2026-01-01T00:00:00.000000Z', 'UTC', 'zone')).toBe('2026-01-01 00:00:00 UTC')
})

it.each(['infinity', '-infinity', '0044-03-15 BC', '2026-13-45T00:00:00Z', ''])(
  'an invalid time is shown unchanged: %s',
  (text) => expect(formatTime(text, 'UTC', 'zone')).toBe(text),
)

it('ids are cut where they differ, never at a hyphen, and never below 8 characters', () => {
  const far = ['019ac3f4-b2c0-7d10-9c11-000000000004', '019abf01-b2c0-7d10-9c11-000000000004']
  expect(shortenIds(far)).toEqual(['019ac3f4', '019abf01'])
  expect(shortenIds([...far, ...far])).toEqual(['019ac3f4', '019abf01', '019ac3f4', '019abf01'])
  const near = ['019ac3f4-b2c0-7d10-9c11-000000000004', '019ac3f4-b2c1-7d10-9c11-000000000004']
  expect(shortenIds(near)).toEqual(['019ac3f4-b2c0', '019ac3f4-b2c1'])
  const hyphen = ['019ac3f4-b2c0-7d10-9c11-000000000004', '019ac3f4-c2c0-7d10-9c11-000000000004']
  expect(shortenIds(hyphen)).toEqual(['019ac3f4-b', '019ac3f4-c'])
  const late = ['019ac3f4-b2c0-7d10-9c11-000000000004', '019ac3f4-b2c0-7d10-9c11-000000000005']
  expect(shortenIds(late)).toEqual(late)
})

it('an id that is not a UUID is not cut', () => {
  expect(shortenIds(['order-2026-0001', '019ac3f4-b2c0-7d10-9c11-000000000004'])).toEqual([
    'order-2026-0001',
    '019ac3f4',
  ])
})

it.each<[string, number]>([
  ['abc', 3],
  ['客户跟进', 8],
  ['ｆｕｌｌ', 8],
  ['e\u0301', 1],
  ['สมชาย', 5],
  ['ชิ้น', 2],
  ['👍🏽', 2],
  ['👩‍👩‍👧', 2],
  ['🇩🇪', 2],
  ['🥲', 2],
  ['❤️', 2],
  ['한국', 4],
])('%s is %i cells wide', (text, width) => expect(displayWidth(text)).toBe(width))

it('a text is cut by cells, and never within a character', () => {
  expect(truncate('客户跟进', 5)).toBe('客户…')
  expect(truncate('客户跟进', 6)).toBe('客户…')
  expect(truncate('客户跟进', 8)).toBe('客户跟进')
  expect(truncate('👩‍👩‍👧👩‍👩‍👧', 3)).toBe('👩‍👩‍👧…')
  expect(truncate('ab\\x1b[2J', 5)).toBe('ab…')
  expect(truncate('ab\\x1b[2J', 7)).toBe('ab\\x1b…')
  expect(truncate('abc', 1)).toBe('…')
})
