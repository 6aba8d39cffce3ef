import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Column } from '../../../../src/cli/output/column.ts'
import { amount, columns, hostileIn, rows } from '../arbitrary.ts'
import { print } from '../sample.ts'

describe('JSON', () => {
  const strings = columns.filter(
    ({ kind }) => kind === 'text' || kind === 'id' || kind === 'status',
  )

  it.each(['json', 'jsonl'] as const)('%s preserves every string', async (format) => {
    await fc.assert(
      fc.asyncProperty(rows, async (many) => {
        const { stdout } = await print({ format }, (writer) => writer.list(strings, many))
        const parsed =
          format === 'json'
            ? JSON.parse(stdout)
            : stdout
                .trimEnd()
                .split('\n')
                .map((line) => JSON.parse(line))
        expect(parsed).toEqual(
          many.map((one) =>
            Object.fromEntries(strings.map(({ name }) => [name, one[name] ?? null])),
          ),
        )
      }),
    )
  })

  it('has every digit of an amount and of a count, as numbers', async () => {
    const money: Column<string>[] = [
      { name: 'amount', kind: 'amount', value: (digits) => digits },
      { name: 'count', kind: 'count', value: (digits) => BigInt(digits.replace(/\..*/, '')) },
    ]
    await fc.assert(
      fc.asyncProperty(amount, async (digits) => {
        const { stdout } = await print({ format: 'jsonl' }, (writer) =>
          writer.list(money, [digits]),
        )
        expect(stdout).toBe(`{"amount":${digits},"count":${BigInt(digits.replace(/\..*/, ''))}}\n`)
      }),
    )
  })

  it('embeds JSON text unchanged, with all digits', async () => {
    const raw: Column<string>[] = [{ name: 'raw', kind: 'json', value: (json) => json }]
    const numbers = (json: string) =>
      json.replace(/"(?:[^"\\]|\\.)*"/g, '').match(/-?\d[\d.eE+-]*/g)
    const json = fc
      .tuple(fc.jsonValue({ stringUnit: 'binary' }), amount, fc.constantFrom(undefined, 1, '\t'))
      .map(([any, digits, space]) => `[${digits}, ${JSON.stringify(any, null, space)} ]`)
    await fc.assert(
      fc.asyncProperty(
        json,
        fc.constantFrom('json' as const, 'jsonl' as const),
        async (source, format) => {
          const { stdout } = await print({ format }, (writer) => writer.record(raw, source))
          expect(JSON.parse(stdout)).toEqual({ raw: JSON.parse(source) })
          expect(numbers(stdout)).toEqual(numbers(source))
          expect(hostileIn(stdout)).toEqual([])
        },
      ),
    )
  })
})
