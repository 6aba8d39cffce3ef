import { expect, it } from 'vitest'
import { formatBytes, formatNumber, plural } from '../src/numbers.ts'

it('numbers have separators between thousands', () => {
  const numbers = [0, 999, 1000, 1234567, -1234, 0.4].map(formatNumber)
  expect(numbers).toEqual(['0', '999', '1,000', '1,234,567', '-1,234', '0'])
})

it('nouns agree with their count', () => {
  expect([plural(1, 'run'), plural(0, 'run'), plural(12_345, 'run')]).toEqual([
    '1 run',
    '0 runs',
    '12,345 runs',
  ])
  expect([plural(2, 'audit entry'), plural(2, 'day')]).toEqual(['2 audit entries', '2 days'])
})

it('sizes are in powers of 1024, with a decimal below 10', () => {
  const sizes = [0, 1023, 1024, 9.96 * 1024, 84 * 2 ** 20, 2 ** 30, 1023.6 * 2 ** 30, 2 ** 62]
  expect(sizes.map(formatBytes)).toEqual([
    ...['0 B', '1023 B', '1.0 kB', '10 kB', '84 MB', '1.0 GB', '1.0 TB', '4096 PB'],
  ])
})
