import { describe, expect, it } from 'vitest'
import type { Column } from '../../../src/cli/output/column.ts'
import { headerOf, labelOf, selectColumns } from '../../../src/cli/output/column.ts'
import { WfstoreError } from '../../../src/error.ts'
import { print, runColumns, runs, terminal } from './sample.ts'

const names = (wanted: string[]) => selectColumns(runColumns, wanted).map(({ name }) => name)

it.each(['totalCost', 'total_cost', 'total-cost', 'TOTALCOST', ' Total Cost ', 'COST', 'cost'])(
  '--columns takes %s',
  (spelling) => expect(names([spelling])).toEqual(['totalCost']),
)

it('--columns keeps its order, takes columns that are not shown by default, and each once', () => {
  expect(names(['metadata', 'ID', 'execution_id', 'mode'])).toEqual([
    'metadata',
    'executionId',
    'mode',
  ])
})

it('a name takes precedence over a header', () => {
  const columns: Column<never>[] = [
    { name: 'totalCost', header: 'COST', kind: 'amount' },
    { name: 'cost', header: 'LAST', kind: 'amount' },
  ]
  expect(selectColumns(columns, ['cost']).map(({ name }) => name)).toEqual(['cost'])
})

it('without --columns all are shown', () => {
  expect(selectColumns(runColumns, undefined)).toEqual(runColumns)
})

it.each(['nope', ''])('an unknown column is a wrong usage, with the known ones: "%s"', (name) => {
  const columns = runColumns.slice(0, 2)
  let thrown: unknown
  try {
    selectColumns(columns, ['id', name])
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(WfstoreError)
  expect(thrown).toMatchObject({
    code: 'usage',
    message: `unknown column "${name}"`,
    hint: 'available columns: executionId, startTime',
  })
})

describe('headers that are derived from the name', () => {
  it.each<[Column<never>, string, string]>([
    [{ name: 'totalCost', kind: 'amount' }, 'TOTAL COST', 'Total cost'],
    [{ name: 'durationMs', kind: 'duration' }, 'DURATION', 'Duration'],
    [{ name: 'executionId', kind: 'id' }, 'EXECUTION ID', 'Execution ID'],
    [{ name: 'x', header: 'MODEL', kind: 'text' }, 'MODEL', 'Model'],
    [{ name: 'p95Ms', kind: 'duration' }, 'P95', 'P95'],
  ])('%j', (column, header, label) => {
    expect(headerOf(column)).toBe(header)
    expect(labelOf(column)).toBe(label)
  })
})

it('a new column is one new line', async () => {
  const columns: Column<(typeof runs)[number]>[] = [
    { name: 'userId', kind: 'text' },
    { name: 'totalTokens', kind: 'count' },
  ]
  const { stdout } = await print(terminal(80), (writer) => writer.list(columns, runs.slice(0, 2)))
  expect(stdout).toBe('USER ID  TOTAL TOKENS\nuser_12           912\nuser_7         18,204\n')
})

it('a column for one format only is shown if it is requested', async () => {
  const json = (columns?: string[]) =>
    print({ format: 'jsonl', columns }, (writer) => writer.list(runColumns, runs.slice(0, 1)))
  expect((await json()).stdout).not.toContain('progress')
  expect((await json(['progress'])).stdout).toBe('{"progress":"3/5"}\n')
  const tsv = (columns?: string[]) =>
    print({ columns }, (writer) => writer.list(runColumns, runs.slice(2, 3)))
  expect((await tsv()).stdout).not.toContain('two regions')
  expect((await tsv(['error'])).stdout).toBe('errorMessage\ntwo regions did not answer\n')
})

it('values that a terminal computes from the clock are only on the terminal', async () => {
  const columns = runColumns.filter(({ name }) => name === 'durationMs')
  const running = runs.slice(0, 1)
  expect((await print(terminal(80), (writer) => writer.list(columns, running))).stdout).toContain(
    '3m 20s',
  )
  expect((await print({}, (writer) => writer.list(columns, running))).stdout).toBe('durationMs\n\n')
  expect((await print({ format: 'jsonl' }, (writer) => writer.list(columns, running))).stdout).toBe(
    '{"durationMs":null}\n',
  )
})
