// @module-tag slow
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { displayWidth, truncate } from '../../../src/cli/output/text/width.ts'
import type { OutputOptions } from '../../../src/cli/output/writer.ts'
import { amount, below, columns, hostileIn, nested, rows, text } from './arbitrary.ts'
import type { Run } from './sample.ts'
import { print, recordColumns, runColumns, runs, stepColumns, terminal } from './sample.ts'

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

  it('shows every column or names it as hidden', async () => {
    await fc.assert(
      fc.asyncProperty(run, fc.integer({ min: 12, max: 250 }), async (one, width) => {
        const { stdout, stderr } = await print(terminal(width), (writer) =>
          writer.list(runColumns, [one]),
        )
        const shown = stdout.split('\n')[0]?.split(/\s+/) ?? []
        const hidden = /: (.*) \(use --columns/.exec(stderr)?.[1]?.split(', ') ?? []
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

it('every default column of the sample fits a terminal that is wide enough', async () => {
  const { stderr } = await print(terminal(250), async (writer) => {
    await writer.list(runColumns, runs)
    await writer.record(recordColumns, runs[0] as Run)
    await writer.list(stepColumns, runs[0]?.steps ?? [])
  })
  // Neither says that columns are hidden.
  expect(stderr).toBe('times are in Europe/Berlin\n'.repeat(2))
})
