// @module-tag slow
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { timelineColumn } from '../../../src/cli/commands/executions/timeline-columns.ts'
import type { Column } from '../../../src/cli/output/column.ts'
import { formatError } from '../../../src/cli/output/text/error.ts'
import { quoteJson, show } from '../../../src/cli/output/text/escape.ts'
import { fold } from '../../../src/cli/output/text/fold.ts'
import { displayWidth, graphemes, truncate } from '../../../src/cli/output/text/width.ts'
import type { OutputOptions } from '../../../src/cli/output/writer.ts'
import { WfstoreError } from '../../../src/error.ts'
import type { ExecutionWithSteps } from '../../../src/queries/executions/executions.ts'
import { hostileIn, text } from './arbitrary.ts'
import { print, terminal } from './sample.ts'

const corpus = {
  'clear the screen': '\x1b[2J\x1b[H',
  'a link': '\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\',
  'the clipboard': '\x1b]52;c;cm0gLXJmIC8=\x07',
  'a device string': '\x1bP$q"p\x1b\\',
  'C1 controls': '\x9b31m\x9d0;title\x9c\x90\x85',
  'bidirectional controls': 'a\u202ab\u202bc\u202cd\u202de\u202ef\u2066g\u2067h\u2068i\u2069j',
  'bidirectional marks': 'a\u200eb\u200fc\u061cd',
  'zero width': 'us\u200ber\ufeff_\u20607\u200d\u200c',
  'hidden tags': `ok${[...'rm -rf /'].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join('')}`,
  'hidden selectors': `😀${String.fromCodePoint(0xe0101, 0xe0110, 0xe0120)}`,
  'line ends': 'a\nb\rc\r\nd\x0be\x0cf\u2028g\u2029h\u0085i',
  tabs: 'a\tb',
  'half characters': '\ud800a\udc00\ud83d',
  'a shown escape': '\\x1b[2J \\u202e \\u{e0041}',
  'a name of JavaScript': 'valueOf',
  'blank letters': '\u3164\uffa0\u115f\u1160\u00ad\u034f\u180e',
}

/** What is written, and has to stay as it is. */
const legitimate = [
  ...['客户跟进', '👩‍💻', '👩‍👩‍👧', '🇩🇪', '👍🏽', '❤️', '❤️‍🔥', '1️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🏳️‍🌈', 'e\u0301'],
  ...[
    'สวัสดี',
    'ชิ',
    'नमस्ते',
    'क्\u200dष',
    'ශ්\u200dරී',
    'می\u200cخواهم',
    'ក\u200bខ',
    '葛\u{e0100}',
    'Zoë',
    'שלום',
  ],
]

interface Cell {
  value: string
}
const column = (some: Partial<Column<Cell>>): Column<Cell> => ({
  name: 'value',
  kind: 'text',
  ...some,
})
/** Every way in which a text is written. */
const shapes: Record<string, Column<Cell>[]> = {
  table: [column({ flex: { min: 8 } }), column({ name: 'beside', value: () => 'x' })],
  'a column that is not cut': [column({})],
  paragraphs: [
    column({ name: 'check' }),
    column({ wrap: '' }),
    column({ name: 'mend', wrap: '> ' }),
  ],
  'lines below': [column({ name: 'id', value: () => 'x' }), column({ below: { mark: '> ' } })],
  status: [column({ kind: 'status' })],
  json: [column({ kind: 'json', value: ({ value }) => JSON.stringify({ [value]: value }) })],
}
const forms: [string, Partial<OutputOptions>, string][] = [
  ['terminal', terminal(40), '\n'],
  ['coloured terminal', terminal(120, { color: true }), '\n'],
  ['pipe', {}, '\n\t'],
  ['csv', { format: 'csv' }, '\n\t\r'],
  ['json', { format: 'json' }, '\n'],
  ['jsonl', { format: 'jsonl' }, '\n'],
]
const withoutColours = (shown: string) =>
  [1, 2, 22, 31, 32, 33, 36, 39].reduce((left, code) => left.replaceAll(`\x1b[${code}m`, ''), shown)

const run = (value: string) =>
  ({
    status: value,
    startTime: '2026-11-23T10:00:00Z',
    endTime: '2026-11-23T10:01:00Z',
    totalCost: value,
    steps: [
      {
        stepNumber: 1,
        stepName: value,
        status: value,
        startTime: '2026-11-23T10:00:00Z',
        endTime: '2026-11-23T10:00:10Z',
        durationMs: 10_000,
        retryCount: 0,
        cost: value,
      },
    ],
  }) as unknown as ExecutionWithSteps

async function expectHarmless(value: string) {
  for (const [, options, own] of forms) {
    for (const columns of Object.values(shapes)) {
      const { stdout, stderr } = await print(options, async (writer) => {
        await writer.list(columns, [{ value }])
        await writer.record(columns, { value })
        if (options.format !== 'json') await writer.follow(columns, batch({ value }))
        writer.note(value)
        await writer.text(value.replaceAll(/[\n\t]/g, ''))
      })
      expect(hostileIn(withoutColours(stdout), own)).toEqual([])
      expect(hostileIn(withoutColours(stderr))).toEqual([])
      expect(stdout.replaceAll('\r\n', '')).not.toContain('\r')
    }
  }
  const drawn = await print(terminal(60), (writer) =>
    writer.record([timelineColumn(() => new Date(0), {})], run(value)),
  )
  expect(hostileIn(drawn.stdout)).toEqual([])
  const error = new WfstoreError('failed', value, { hint: value })
  expect(hostileIn(formatError(error, { json: false, color: false }))).toEqual([])
  expect(hostileIn(formatError(error, { json: false, color: false, verbose: value }))).toEqual([])
  expect(JSON.parse(formatError(error, { json: true, color: false })).error.message).toBe(value)
}

async function* batch(row: Cell) {
  yield [row]
}

describe('no text controls a terminal, in any format', () => {
  it.each(Object.entries(corpus))('%s', (_, value) => expectHarmless(value))

  it('for any text', () => fc.assert(fc.asyncProperty(text, expectHarmless), { numRuns: 25 }))
})

describe('invisible characters are shown', () => {
  it.each([
    ['a\u202eb', 'a\\u202eb'],
    ['us\u200ber', 'us\\u200ber'],
    ['a\u200db', 'a\\u200db'],
    ['👩\u200d\u200d💻', '👩\\u200d\\u200d💻'],
    ['a\u{e0041}', 'a\\u{e0041}'],
    ['😀\ufe0f\ufe0f', '😀\ufe0f\\ufe0f'],
    ['a\ufe0f', 'a\\ufe0f'],
    ['می\u200c\u200cخ', 'می\u200c\\u200cخ'],
    ['a\u00adb', 'a\\xadb'],
    [`a${'\u0301'.repeat(18)}`, `a${'\u0301'.repeat(16)}\\u0301\\u0301`],
  ])('%j is %j', (given, shown) => expect(show(given)).toBe(shown))

  it.each(legitimate)('but %s is unchanged', (written) => {
    expect(show(written)).toBe(written)
    expect(JSON.parse(quoteJson(written))).toBe(written)
  })

  it('every string is preserved in JSON', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.constantFrom(...Object.values(corpus))), (value) => {
        expect(JSON.parse(quoteJson(value))).toBe(value)
      }),
    )
  })
})

it.each([
  '=1+1',
  '+1',
  '-1+1',
  '@SUM(A1)',
  '\t=1',
  '\r=1',
  '\n=1',
  ' =1',
  '＝1',
  '＋1',
  '－1',
  '＠1',
  '\u00a0=1',
  '\u200b=1',
  '\ufeff=1',
])('a spreadsheet does not run %j', async (value) => {
  const { stdout } = await print({ format: 'csv' }, (writer) =>
    writer.list([column({})], [{ value }]),
  )
  expect(stdout.split('\r\n').slice(1).join('\r\n')).toMatch(/^"?(?:'|\\)/)
})

describe('cells', () => {
  const widths: [string, number][] = [
    ['客户', 4],
    ['👩‍💻', 2],
    ['🇩🇪', 2],
    ['👍🏽', 2],
    ['❤️', 2],
    ['1️⃣', 2],
    ['a1️⃣b e\u0301nd', 8],
    ['🏴󠁧󠁢󠁥󠁮󠁧󠁿', 2],
    ['e\u0301', 1],
    ['ชิ', 1],
    ['한', 2],
    ['ｱ', 1],
  ]
  it.each(widths)('%s takes %i', (written, width) => expect(displayWidth(written)).toBe(width))

  it('are padded so that the next column is aligned, for any content', async () => {
    const rows = [...legitimate, ...Object.values(corpus), ''].map((value) => ({ value }))
    const { stdout } = await print(terminal(30), (writer) =>
      writer.list([column({ flex: { min: 6 } }), column({ name: 'end', value: () => '|' })], rows),
    )
    const [header = '', ...lines] = stdout.trimEnd().split('\n')
    const at = displayWidth(header.slice(0, header.indexOf('END')))
    expect(lines.map((line) => displayWidth(line.slice(0, line.lastIndexOf('|'))))).toEqual(
      rows.map(() => at),
    )
  })

  it('of one character are measured as one, at any place of a long text', () => {
    const characters = [
      ...legitimate.filter((one) => [...new Intl.Segmenter('en').segment(one)].length === 1),
      'a',
      '\r\n',
    ]
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...characters), { minLength: 200, maxLength: 400 }),
        (list) => {
          const joined = list.join('')
          const whole = [...new Intl.Segmenter('en').segment(joined)].map(({ segment }) => segment)
          expect([...graphemes(joined)]).toEqual(whole)
        },
      ),
      { numRuns: 30 },
    )
    const stacked = `a${'\u0301'.repeat(5000)}b`
    expect([...graphemes(stacked)]).toEqual([stacked.slice(0, -1), 'b'])
    expect([...graphemes('')]).toEqual([])
  })
})

describe('a cell of megabytes', () => {
  afterEach(() => vi.restoreAllMocks())
  const megabytes = (unit: string, count: number) => unit.repeat((count * 1e6) / unit.length)

  it.each(Object.keys(shapes))('is written by %s in every form', async (shape) => {
    const columns = shapes[shape] as Column<Cell>[]
    for (const [, options] of forms.slice(1))
      for (const unit of ['客', 'a b '])
        await print(options, (writer) => writer.list(columns, [{ value: megabytes(unit, 0.1) }]))
  })

  it('of ten megabytes is one line on a terminal, and whole elsewhere', async () => {
    const value = megabytes(`${'客户跟进 and so on '.repeat(20)}\x1b[2J`, 10)
    const columns = shapes.table as Column<Cell>[]
    const shown = await print(terminal(80), (writer) => writer.list(columns, [{ value }]))
    expect(shown.stdout.length).toBeLessThan(200)
    const { stdout } = await print({ format: 'jsonl' }, (writer) =>
      writer.list(columns, [{ value }]),
    )
    expect(JSON.parse(stdout).value === value).toBe(true)
  })

  it('is measured in time proportional to its length, and cut without reading all of it', () => {
    const segment = vi.spyOn(Intl.Segmenter.prototype, 'segment')
    const work = () => segment.mock.calls.reduce((sum, [part]) => sum + part.length, 0)
    const value = megabytes('客', 0.05)
    expect(displayWidth(value)).toBe(100_000)
    expect(work()).toBeLessThan(value.length * 1.1)
    expect(Math.max(...segment.mock.calls.map(([part]) => part.length))).toBeLessThan(1000)
    segment.mockClear()
    expect(truncate(value, 11)).toBe('客客客客客…')
    expect(work()).toBeLessThan(2000)
    expect(fold(value, 80)).toHaveLength(1250)
  })
})
