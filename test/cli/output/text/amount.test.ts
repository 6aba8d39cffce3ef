import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  alignedDollars,
  exactDollars,
  groupDigits,
  roundedDollars,
} from '../../../../src/cli/output/text/amount.ts'

it.each([
  ['3.68981775', '$3.69'],
  ['3.684', '$3.68'],
  ['0.0381', '$0.0381'],
  ['0.03814999', '$0.0381'],
  ['0.127232', '$0.127'],
  ['0.5', '$0.50'],
  ['0.99949', '$0.999'],
  ['0.032996', '$0.0330'],
  ['0.033', '$0.033'],
  ['0.9996', '$1.00'],
  ['9.995', '$10.00'],
  ['1.005', '$1.01'],
  ['0', '$0.00'],
  ['-0.000', '$0.00'],
  ['-0.00012345', '-$0.000123'],
  ['-2.675', '-$2.68'],
  ['1234567.891', '$1,234,567.89'],
  ['123456789012345678901234567890.126', '$123,456,789,012,345,678,901,234,567,890.13'],
  ['00.50', '$0.50'],
  ['NaN', 'NaN'],
])('%s is read as %s', (exact, rounded) => expect(roundedDollars(exact)).toBe(rounded))

const DOLLAR = 10n ** 16n
/** Units of 10^-16 dollars. */
const units = (text: string): bigint => {
  const [whole = '', fraction = ''] = text.replace(/[$,]/g, '').split('.')
  return BigInt(whole + fraction.padEnd(16, '0'))
}

it('an amount that is not zero is never shown as zero, nor as more than half a digit off', () => {
  const digits = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.integer({ min: 0, max: 12 }))
  fc.assert(
    fc.property(digits, ([number, scale]) => {
      const text = String(number).padStart(scale + 1, '0')
      const exact = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`
      const [shown, given] = [units(roundedDollars(exact)), units(exact)]
      expect(shown === 0n).toBe(number === 0n)
      const off = shown > given ? shown - given : given - shown
      // Half a cent, or half of the third digit.
      expect(off <= (given >= DOLLAR ? DOLLAR / 200n : given / 200n)).toBe(true)
    }),
  )
})

it('amounts of a column have their points below each other', () => {
  expect(alignedDollars(['3.6898', '0.0381', '1000', 'NaN'])).toEqual([
    '$3.69  ',
    '$0.0381',
    '$1,000.00  ',
    'NaN',
  ])
})

it('exact dollars keep every digit', () => {
  expect(['3.68981775', '12.5000', '7', '-0.10', 'NaN'].map(exactDollars)).toEqual([
    '$3.68981775',
    '$12.50',
    '$7.00',
    '-$0.10',
    'NaN',
  ])
})

it('counts have a comma between thousands', () => {
  expect(['999', '1000', '-1234567', '1234.5678', 'NaN', ''].map(groupDigits)).toEqual([
    '999',
    '1,000',
    '-1,234,567',
    '1,234.5678',
    'NaN',
    '',
  ])
})
