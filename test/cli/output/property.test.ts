import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Column, Kind } from '../../../src/cli/output/column.ts'
import { displayWidth, truncate } from '../../../src/cli/output/width.ts'
import type { OutputOptions } from '../../../src/cli/output/writer.ts'
import type { Run } from './sample.ts'
import { print, recordColumns, runColumns, runs, stepColumns, terminal } from './sample.ts'

/** Written without the pattern of escape.ts, so that a mistake there is seen here. */
function isHostile(char: string): boolean {
  const code = char.codePointAt(0) ?? 0
  const between = (low: number, high: number) => code >= low && code <= high
  return (
    between(0, 0x1f) ||
    between(0x7f, 0x9f) ||
    between(0xd800, 0xdfff) ||
    between(0x200e, 0x200f) ||
    between(0x2028, 0x202e) ||
    between(0x2066, 0x2069) ||
    code === 0x61c ||
    code === 0xfeff
  )
}

const hostileIn = (text: string, own = '\n') =>
  [...text].filter((char) => isHostile(char) && !own.includes(char))

const evil = fc.constantFrom(
  ...'\x00\x07\x1b\x7f\x9b\x9d\r\n\t\u061c\u200e\u2028\u2029\u202e\u2069\ufeff\\"\',;=+-@＝ x1'.split(
    '',
  ),
  '\ud800',
  '\udc00',
  '\x1b[2J',
  '\x1b]8;;http://x\x07',
  '客',
  '👩‍👩‍👧',
  '🥲',
  'é',
  'ส',
  'ชิ',
  '\r\n',
  '\\x1b',
)
const text = fc.oneof(
  fc.string({ unit: evil, maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
)
const amount = fc
  .tuple(
    fc.boolean(),
    fc.bigInt({ min: 0n, max: 10n ** 30n }),
    fc.option(fc.stringMatching(/^\d{1,20}$/)),
  )
  .map(
    ([negative, whole, part]) => `${negative ? '-' : ''}${whole}${part === null ? '' : `.${part}`}`,
  )

const kinds: Kind[] = [
  'text',
  'id',
  'status',
  'time',
  'amount',
  'count',
  'duration',
  'boolean',
  'json',
]
type Anything = Record<string, unknown>
const columns: Column<Anything>[] = kinds.map((kind) => ({ name: kind, kind }))
const nested: Column<Anything>[] = [...columns, { name: 'rows', kind: 'rows', columns }]
const value = fc.oneof({ weight: 4, arbitrary: text }, fc.constantFrom(null, undefined))
/** Rows in which every kind of column holds what it should never hold. */
const row = fc.record(
  Object.fromEntries(kinds.map((kind) => [kind, value])),
) as fc.Arbitrary<Anything>
const rows = fc.array(row, { minLength: 1, maxLength: 4 })
const below = fc.tuple(row, rows).map(([outer, inner]): Anything => ({ ...outer, rows: inner }))

/** The escapes of our own colours, and nothing else. */
const withoutColours = (shown: string) =>
  [1, 2, 22, 31, 32, 33, 36, 39].reduce((left, code) => left.replaceAll(`\x1b[${code}m`, ''), shown)

const forms: [string, Partial<OutputOptions>, string][] = [
  ['terminal', terminal(100), '\n'],
  ['terminal in colour', terminal(300, { color: true }), '\n'],
  ['pipe', {}, '\n\t'],
  ['json', { format: 'json' }, '\n'],
  ['page', { format: 'json', page: true }, '\n'],
  ['jsonl', { format: 'jsonl' }, '\n'],
  ['csv', { format: 'csv' }, '\n\r\t'],
]

describe('nothing from a database reaches the terminal as a control character', () => {
  it.each(forms)('%s', async (_, options, own) => {
    await fc.assert(
      fc.asyncProperty(rows, below, text, async (many, one, said) => {
        const { stdout, stderr } = await print(options, async (writer) => {
          await writer.list(columns, many, { end: () => ({ nextCursor: said }) })
          await writer.record(nested, one)
          writer.note(said)
        })
        expect(hostileIn(withoutColours(stdout), own)).toEqual([])
        expect(hostileIn(withoutColours(stderr))).toEqual([])
        // A carriage return is a line end or nothing.
        expect(stdout.replaceAll('\r\n', '')).not.toContain('\r')
      }),
    )
  })
})

describe('JSON', () => {
  const strings = columns.filter(
    ({ kind }) => kind === 'text' || kind === 'id' || kind === 'status',
  )

  it.each(['json', 'jsonl'] as const)('%s gives back every string', async (format) => {
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

  it('embeds JSON text as it is, number for number', async () => {
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

describe('a terminal table', () => {
  const run: fc.Arbitrary<Run> = fc
    .record({
      workflowName: text,
      userId: text,
      status: fc.oneof(fc.constantFrom('success', 'failed', 'running'), text),
      totalCost: amount,
      modelId: fc.option(text),
      startTime: fc.constantFrom('2026-11-23T08:22:35.123456Z', 'infinity'),
      durationMs: fc.option(fc.double({ min: 0, max: 1e10, noNaN: true })),
    })
    .map((some) => ({ ...(runs[0] as Run), ...some }))

  it('is never wider than the terminal', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 12, max: 250 }),
        async (many, width) => {
          const { stdout } = await print(terminal(width), (writer) => writer.list(runColumns, many))
          const lines = stdout.trimEnd().split('\n')
          expect(lines).toHaveLength(many.length + 1)
          expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(width)
          expect(lines.filter((line) => line.endsWith(' '))).toEqual([])
        },
      ),
    )
  })

  it('says of every column that it is there or hidden', async () => {
    await fc.assert(
      fc.asyncProperty(run, fc.integer({ min: 12, max: 250 }), async (one, width) => {
        const { stdout, stderr } = await print(terminal(width), (writer) =>
          writer.list(runColumns, [one]),
        )
        const shown = stdout.split('\n')[0]?.split(/\s+/) ?? []
        const hidden = /: (.*) \(--columns/.exec(stderr)?.[1]?.split(', ') ?? []
        const all = runColumns
          .filter(({ table }) => table !== false)
          .map(({ header, name }) => header ?? name.toUpperCase())
        expect([...shown, ...hidden].sort()).toEqual(all.sort())
      }),
    )
  })

  it('a text is cut between characters, and only when it is too wide', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 40 }),
        fc.integer({ min: 1, max: 40 }),
        (whole, max) => {
          const cut = truncate(whole, max)
          expect(displayWidth(cut)).toBeLessThanOrEqual(max)
          expect(cut).not.toMatch(/\p{Cs}/u)
          if (displayWidth(whole) <= max) expect(cut).toBe(whole)
          else expect(cut.endsWith('…') && whole.startsWith(cut.slice(0, -1))).toBe(true)
        },
      ),
    )
  })
})

it('a TSV line has a tab between every two columns, whatever is in them', async () => {
  await fc.assert(
    fc.asyncProperty(rows, async (many) => {
      const { stdout } = await print({}, (writer) => writer.list(columns, many))
      const lines = stdout.slice(0, -1).split('\n')
      expect(lines.map((line) => line.split('\t').length)).toEqual(many.map(() => columns.length))
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

  it('gives back every text that is not hostile', async () => {
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

  it('never begins a cell as a spreadsheet begins a formula, but for numbers', async () => {
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

it('every default column of the sample fits a terminal that is wide enough', async () => {
  const { stderr } = await print(terminal(250), async (writer) => {
    await writer.list(runColumns, runs)
    await writer.record(recordColumns, runs[0] as Run)
    await writer.list(stepColumns, runs[0]?.steps ?? [])
  })
  expect(stderr).toBe('')
})
