import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Column } from '../../../../src/cli/output/column.ts'
import { columns, hostileIn, rows } from '../arbitrary.ts'
import { print } from '../sample.ts'

it('a TSV line has one tab between two columns, with any content', async () => {
  await fc.assert(
    fc.asyncProperty(rows, async (many) => {
      const { stdout } = await print({}, (writer) => writer.list(columns, many))
      const lines = stdout.slice(0, -1).split('\n')
      expect(lines.map((line) => line.split('\t').length)).toEqual([
        columns.length,
        ...many.map(() => columns.length),
      ])
    }),
  )
})

describe('CSV', () => {
  const readCsv = (csv: string): string[][] => {
    const table: string[][] = []
    let at = 0
    while (at < csv.length) {
      const line: string[] = []
      for (;;) {
        let cell = ''
        if (csv[at] === '"') {
          for (at++; csv[at] !== '"' || csv[at + 1] === '"'; at++) {
            if (csv[at] === '"') at++
            cell += csv[at]
          }
          at++
        } else while (csv[at] !== ',' && csv[at] !== '\r') cell += csv[at++]
        line.push(cell)
        if (csv[at++] !== ',') break
      }
      expect(csv[at++]).toBe('\n')
      table.push(line)
    }
    return table
  }
  const names = columns.map(({ name }) => name)

  it('preserves every text that is not hostile', async () => {
    const decent = fc
      .string({
        unit: fc.oneof(
          fc.constantFrom(...'",;\n\t \'ab='),
          fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
        ),
      })
      .filter(
        (said) => hostileIn(said, '\n\t').length === 0 && !/^\s*[=+\-@＝＋－＠]|^[\t\n]/.test(said),
      )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(decent, decent)), async (many) => {
        const two: Column<[string, string]>[] = [
          { name: 'a', kind: 'text', value: ([a]) => a },
          { name: 'b', kind: 'text', value: ([, b]) => b },
        ]
        const { stdout } = await print({ format: 'csv' }, (writer) => writer.list(two, many))
        expect(readCsv(stdout)).toEqual([['a', 'b'], ...many])
      }),
    )
  })

  it('never begins a cell like a formula of a spreadsheet, except numbers', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (many) => {
        const { stdout } = await print({ format: 'csv' }, (writer) => writer.list(columns, many))
        const [header, ...lines] = readCsv(stdout)
        expect(header).toEqual(names)
        expect(lines).toHaveLength(many.length)
        for (const cell of lines.flat()) {
          if (!/^-?\d+(\.\d+)?$/.test(cell))
            expect(cell).not.toMatch(/^\s*[=+\-@＝＋－＠]|^[\t\r\n]/)
        }
      }),
    )
  })

  it('leaves a negative amount a number', async () => {
    const { stdout } = await print({ format: 'csv' }, (writer) =>
      writer.list(columns, [{ amount: '-0.50', text: '-0.50' }]),
    )
    expect(readCsv(stdout)[1]).toEqual(["'-0.50", '', '', '', '-0.50', '', '', '', ''])
  })
})
