import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rawFields } from '../../../src/transfer/lines/raw.ts'

it('a number keeps more digits than a double has, at any place', () => {
  const line =
    '{"bill":{"cost":0.12345678901234567890,"metadata":{"n":[1.10,1e400]},"tokensTotal":-7}}'
  expect([...rawFields(line, 'bill')]).toEqual([
    ['cost', '0.12345678901234567890'],
    ['metadata', '{"n":[1.10,1e400]}'],
    ['tokensTotal', '-7'],
  ])
})

it('the last of a repeated name counts, as in JSON.parse', () => {
  const line = '{"bill":{"cost":1,"c\\u006fst":2,"paid":3},"extra":{"a":9},"b\\u0069ll":{"cost":4}}'
  expect([...rawFields(line, 'bill')]).toEqual([['cost', '4']])
  expect(JSON.parse(line).bill).toEqual({ cost: 4 })
})

const blanks = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
/** JSON with blanks in every place that may have some. */
function spaced(value: unknown, blank: () => string): string {
  const around = (text: string) => blank() + text + blank()
  const inner = (item: unknown) => around(spaced(item, blank))
  if (Array.isArray(value)) return `[${value.map(inner).join(',') || blank()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([name, item]) => `${around(JSON.stringify(name))}:${inner(item)}`,
  )
  return `{${members.join(',') || blank()}}`
}

it('the texts of numbers, arrays and objects are copied from the line, in any notation', () => {
  const row = fc.dictionary(
    fc.string({ unit: 'binary' }),
    fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 }),
  )
  fc.assert(
    fc.property(row, fc.array(blanks, { minLength: 1 }), (row, choices) => {
      let at = 0
      const blank = () => choices[at++ % choices.length] as string
      const line = blank() + spaced({ other: row, step: row, jsonNull: [] }, blank)
      const raw = rawFields(line, 'step')
      const lossy = Object.entries(JSON.parse(line).step).filter(
        ([, value]) => typeof value === 'number' || (typeof value === 'object' && value !== null),
      )
      expect([...raw].map(([name, text]) => [name, JSON.parse(text)])).toEqual(lossy)
    }),
  )
})
