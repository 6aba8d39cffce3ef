import { describe, expect, it } from 'vitest'
import type { OutputOptions } from '../../../src/cli/output/writer.ts'
import { expectGolden } from '../../support/golden.ts'
import type { Run } from './sample.ts'
import { hostileRuns, print, recordColumns, runColumns, runs, terminal } from './sample.ts'

const columns = ['total_cost', 'WORKFLOW', 'error-message', 'metadata']

/** The options of each golden file, by its name. */
const forms: Record<string, Partial<OutputOptions>> = {
  '80.txt': terminal(80),
  '200.txt': terminal(200),
  'colour.txt': terminal(120, { color: true }),
  'columns.txt': terminal(80, { columns }),
  'pipe.tsv': { color: true },
  'columns.tsv': { columns },
  'all.json': { format: 'json' },
  'columns.json': { format: 'json', columns },
  'page.json': { format: 'json', page: true },
  'all.jsonl': { format: 'jsonl' },
  'all.yaml': { format: 'yaml' },
  'names.txt': { format: 'name' },
  'no-headers.tsv': { format: 'tsv', headers: false, columns },
  'no-headers-80.txt': terminal(80, { headers: false }),
  'all.csv': { format: 'csv' },
  'columns.csv': { format: 'csv', columns },
}

const list = (rows: Run[], options: Partial<OutputOptions>) =>
  print(options, (writer) => writer.list(runColumns, rows, { end: () => ({ nextCursor: 'abc' }) }))

describe.each(Object.entries(forms))('%s', (name, options) => {
  it('list', async () => {
    expectGolden(`output/list-${name}`, (await list(runs, options)).stdout)
  })
  it('list of hostile data', async () => {
    expectGolden(`output/hostile-list-${name}`, (await list(hostileRuns, options)).stdout)
  })
  it('record', async () => {
    const { stdout } = await print(options, (writer) =>
      writer.record(recordColumns, runs[1] as Run),
    )
    expectGolden(`output/record-${name}`, stdout)
  })
  it('record of hostile data', async () => {
    const { stdout } = await print(options, (writer) =>
      writer.record(recordColumns, hostileRuns[0] as Run),
    )
    expectGolden(`output/hostile-record-${name}`, stdout)
  })
})

it('everything that is not data goes to stderr', async () => {
  const zone = 'times are in Europe/Berlin\n'
  const hidden =
    'hidden at width 80: TOKENS, STEPS, MODE, MODEL (use --columns to select columns, -o json for all)'
  expect((await list(runs, terminal(80))).stderr).toBe(`${zone}${hidden}\n`)
  expect((await list(runs, terminal(200))).stderr).toBe(zone)
  expect((await list(runs, terminal(60, { columns: ['id', 'model'] }))).stderr).toBe('')
  expect((await list(runs, { format: 'json', page: true })).stderr).toBe('')
  const dim = await list(runs, terminal(80, { color: true }))
  expect(dim.stderr).toBe(`\x1b[2m${zone.trimEnd()}\x1b[22m\n\x1b[2m${hidden}\x1b[22m\n`)
  const plain = await list(runs, terminal(80, { color: true, stderrColor: false }))
  expect(plain.stderr).toBe(`${zone}${hidden}\n`)
})

it('notes wrap at spaces on a terminal, and no word is broken', async () => {
  for (const noteWidth of [30, 60, 80]) {
    const { stderr } = await list(runs, terminal(80, { noteWidth }))
    const [zone, ...lines] = stderr.trimEnd().split('\n')
    expect(zone).toBe('times are in Europe/Berlin')
    expect(lines.length).toBeGreaterThan(1)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(noteWidth)
    expect(lines.join(' ')).toBe(
      'hidden at width 80: TOKENS, STEPS, MODE, MODEL (use --columns to select columns, -o json for all)',
    )
  }
})

it('a value of a record wraps at spaces, below its own column', async () => {
  const about = [{ name: 'about', kind: 'text' as const, value: () => 'word '.repeat(12).trim() }]
  const { stdout } = await print(terminal(40), (writer) => writer.record(about, {}))
  expect(stdout).toBe(
    'About  word word word word word word\n       word word word word word word\n',
  )
})

it('a record names the columns that a narrow terminal hides', async () => {
  const { stderr } = await print(terminal(60), (writer) =>
    writer.record(recordColumns, runs[1] as Run),
  )
  expect(stderr).toBe('hidden at width 60 in STEPS: STARTED (use -o json for all)\n')
})

describe('an empty list', () => {
  const empty = (options: Partial<OutputOptions>) =>
    print(options, (writer) => writer.list(runColumns, [], { empty: 'no runs' }))

  it.each<[string, Partial<OutputOptions>, string, string]>([
    ['terminal', terminal(80), '', 'no runs\n'],
    ['pipe', { columns: ['id', 'cost'] }, 'executionId\ttotalCost\n', ''],
    ['pipe without header', { headers: false }, '', ''],
    ['yaml', { format: 'yaml' }, '[]\n', ''],
    ['name', { format: 'name' }, '', ''],
    ['json', { format: 'json' }, '[]\n', ''],
    ['page', { format: 'json', page: true }, '{\n  "rows": [],\n  "nextCursor": null\n}\n', ''],
    ['jsonl', { format: 'jsonl' }, '', ''],
    ['csv', { format: 'csv', columns: ['id', 'cost'] }, 'executionId,totalCost\r\n', ''],
  ])('%s', async (_, options, stdout, stderr) => {
    expect(await empty(options)).toEqual({ stdout, stderr })
  })
})

it('text goes to stdout with its lines and tabs, and without other control characters', async () => {
  expect(await print({}, (writer) => writer.text('a\tb\nc\x1b[2J'))).toEqual({
    stdout: 'a\tb\nc\\x1b[2J\n',
    stderr: '',
  })
})

it('a sentence goes to stdout, and wraps at spaces only on a terminal', async () => {
  const sentence = 'adopted the database; applied 001_tables, 002_indexes'
  const said = (options: Parameters<typeof print>[0]) =>
    print(options, (writer) => writer.sentence(`${sentence}\x1b[2J`))
  expect((await said({})).stdout).toBe(`${sentence}\\x1b[2J\n`)
  expect((await said(terminal(30))).stdout).toBe(
    'adopted the database; applied\n001_tables, 002_indexes\\x1b[2J\n',
  )
})

it('a note is one line', async () => {
  const { stderr } = await print({}, async (writer) => writer.note('a\nb\x1b]0;x\x07'))
  expect(stderr).toBe('a\\nb\\x1b]0;x\\x07\n')
})

it('list returns the number of rows', async () => {
  const counts: number[] = []
  for (const options of [terminal(80), {}, { format: 'json' as const }]) {
    await print(options, async (writer) => {
      counts.push(await writer.list(runColumns, runs))
    })
  }
  expect(counts).toEqual([4, 4, 4])
})
