import { expect, it, vi } from 'vitest'
import type { Column } from '../../../../src/cli/output/column.ts'
import { fitColumns } from '../../../../src/cli/output/text/fit.ts'
import { print, runColumns, runs, terminal } from '../sample.ts'

const loaded = vi.hoisted(() => ({ table: 0 }))
vi.mock('cli-table3', async (original) => {
  loaded.table++
  return original()
})

it('cli-table3 is loaded only for a table on a terminal', async () => {
  for (const options of [{}, { format: 'json' }, { format: 'csv' }] as const) {
    await print(options, (writer) => writer.list(runColumns, runs))
  }
  await print(terminal(80), (writer) => writer.list(runColumns, []))
  expect(loaded.table).toBe(0)
  await print(terminal(80), (writer) => writer.list(runColumns, runs))
  expect(loaded.table).toBe(1)
})

const column = (natural: number, min = natural, priority = 5) => ({ natural, min, priority })

it('columns that fit are not changed', () => {
  expect(fitColumns([column(10), column(8, 4)], 20, 2, false)).toEqual([10, 8])
})
it('the widest is cut first, down to its min', () => {
  expect(fitColumns([column(10), column(30, 5), column(12, 5)], 34, 2, false)).toEqual([10, 10, 10])
  expect(fitColumns([column(10), column(30, 15), column(12, 5)], 34, 2, false)).toEqual([10, 15, 5])
})
it('then the least important is left out, of equals the last, and the others get its width', () => {
  const columns = [column(10), column(30, 15), column(12, 12, 1), column(9, 9, 5)]
  expect(fitColumns(columns, 45, 2, false)).toEqual([10, 22, undefined, 9])
  expect(fitColumns(columns, 30, 2, false)).toEqual([10, 18, undefined, undefined])
})
it('requested columns are cut but all stay', () => {
  expect(fitColumns([column(10), column(30, 15), column(12)], 20, 2, true)).toEqual([10, 15, 12])
})

it('a terminal that does not know its width has 80', async () => {
  const at = async (width: number) =>
    (await print(terminal(width), (writer) => writer.list(runColumns, runs))).stdout
  expect(await at(0)).toBe(await at(80))
  expect(await at(Number.NaN)).toBe(await at(80))
})

it('a single column is cut to the width of the terminal, but a number is not', async () => {
  const columns: Column<string>[] = [{ name: 'value', kind: 'text', value: (row) => row }]
  const amounts = columns.map((one) => ({ ...one, kind: 'amount' as const }))
  const rows = ['12345678901234567890.00']
  const shown = async (of: Column<string>[]) =>
    (await print(terminal(12), (writer) => writer.list(of, rows))).stdout.split('\n')[1]
  expect(await shown(columns)).toBe('12345678901…')
  expect(await shown(amounts)).toBe('$12,345,678,901,234,567,890.00')
})

it('many rows are one table', async () => {
  const columns: Column<number>[] = [
    { name: 'n', kind: 'count', value: (row) => row },
    { name: 'word', kind: 'text', value: (row) => (row % 2 ? '客' : 'xx') },
    { name: 'end', kind: 'text', value: () => 'x x' },
  ]
  const rows = Array.from({ length: 1000 }, (_, index) => index)
  const { stdout } = await print(terminal(80), (writer) => writer.list(columns, rows))
  const lines = stdout.split('\n')
  expect(lines).toHaveLength(1002)
  expect(lines[0]).toBe('  N  WORD  END')
  expect(lines.slice(1, -1)).toEqual(
    rows.map((row) => `${String(row).padStart(3)}  ${row % 2 ? '客' : 'xx'}    x x`),
  )
})
