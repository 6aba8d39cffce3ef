import fc from 'fast-check'
import { expect, it } from 'vitest'
import { prometheusText } from '../../../../src/cli/output/formats/prometheus.ts'
import { parseExposition } from '../../commands/metrics/exposition.ts'

it('labels of any text are preserved, with visible hostile characters and without line breaks', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', 'ü', '{', ',', ' ', '#') })
  fc.assert(
    fc.property(
      text,
      text,
      fc.double().map((one) => one + 0),
      (user, help, value) => {
        const [family] = parseExposition(
          prometheusText([
            { name: 'a_total', type: 'counter', help, samples: [{ labels: { user }, value }] },
          ]),
        )
        expect(family?.help).toBe(help)
        expect(family?.samples).toEqual([{ labels: user === '' ? {} : { user }, value }])
      },
    ),
  )
  const [family] = parseExposition(
    prometheusText([
      { name: 'a', type: 'gauge', help: 'h', samples: [{ labels: { user: '\x1b[2J' }, value: 1 }] },
    ]),
  )
  expect(family?.samples[0]?.labels).toEqual({ user: '\\x1b[2J' })
})

it('invalid label names are made valid and unique', () => {
  const labels = { 'a-b': '1', a_b: '2', __name__: '3', '1': '4', ü: '5', empty: '' }
  const text = prometheusText([
    { name: 'a', type: 'gauge', help: 'h', samples: [{ labels, value: 1 }] },
  ])
  expect(parseExposition(text)[0]?.samples[0]?.labels).toEqual({
    ...{ _1: '4', a_b: '1', _name__: '3', _: '5' },
  })
})

it('of two samples with the same labels the first is kept, and a family without samples is left out', () => {
  const text = prometheusText([
    {
      ...{ name: 'a', type: 'gauge', help: 'h' },
      samples: [
        { labels: { b: 'x', a: 'y' }, value: '0.10' },
        { labels: { a: 'y', b: 'x' }, value: 2 },
      ],
    },
    { name: 'b', type: 'gauge', help: 'h', samples: [] },
  ])
  expect(text).toBe('# HELP a h\n# TYPE a gauge\na{a="y",b="x"} 0.10\n')
})

it.each([
  ['Infinity', '+Inf'],
  ['-Infinity', '-Inf'],
  ['NaN', 'NaN'],
  ['12345678901234567890.123456789', '12345678901234567890.123456789'],
])('the number %s is written %s', (value, written) => {
  const samples = [{ labels: {}, value }]
  expect(prometheusText([{ name: 'a', type: 'gauge', help: 'h', samples }])).toBe(
    `# HELP a h\n# TYPE a gauge\na ${written}\n`,
  )
})
