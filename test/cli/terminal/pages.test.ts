import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { createWriter } from '../../../src/cli/output/writer.ts'
import { printPages } from '../../../src/cli/terminal/pages.ts'
import type { PageOptions } from '../../../src/queries/table/page.ts'

interface Row {
  id: number
  text: string
}
const TEXT = 'x'.repeat(100)

/** A list with a number of rows, whose pages are counted. */
function listOf(count: number) {
  const limits: number[] = []
  const query = async ({ limit = 0, cursor }: PageOptions) => {
    limits.push(limit)
    const first = Number(cursor ?? 0)
    const length = Math.min(limit, count - first)
    const rows = Array.from({ length }, (_, n): Row => ({ id: first + n, text: TEXT }))
    const next = first + length
    return { rows, nextCursor: next < count ? String(next) : null }
  }
  return { limits, query }
}

/** What is written, by a writer whose stdout takes nothing until `take` is called. */
function slowOutput(format: 'jsonl' | 'csv') {
  const waiting: (() => void)[] = []
  let taken = ''
  let notes = ''
  const stdout = new Writable({
    highWaterMark: 1,
    decodeStrings: false,
    write: (chunk, _, done) => {
      waiting.push(() => {
        taken += chunk
        done()
      })
    },
  })
  const stderr = new Writable({
    write: (chunk, _, done) => {
      notes += chunk
      done()
    },
  })
  const writer = createWriter({
    stdout,
    stderr,
    format,
    isTTY: false,
    width: 80,
    color: false,
    timeZone: 'UTC',
    now: () => new Date(0),
  })
  return { writer, waiting, taken: () => taken, notes: () => notes }
}

const columns = [
  { name: 'id', kind: 'count' as const },
  { name: 'text', kind: 'text' as const },
]
const settled = () => new Promise((resolve) => setImmediate(resolve))

it.each(['jsonl', 'csv'] as const)(
  'all rows as %s: a page is read after the previous one was written',
  async (format) => {
    const { limits, query } = listOf(5500)
    const { writer, waiting, taken } = slowOutput(format)
    const printing = printPages(
      writer,
      { columns, query, empty: '' },
      { limit: Number.POSITIVE_INFINITY },
    )
    let ended = false
    printing.then(() => {
      ended = true
    })
    const rows = () =>
      taken()
        .split('\n')
        .filter((line) => line.includes(TEXT)).length
    while (!ended) {
      await settled()
      // What is read and not yet taken is a page, and what the writer has gathered of the one before.
      expect(limits.length * 500 - rows()).toBeLessThanOrEqual(800)
      waiting.shift()?.()
    }
    expect([limits, rows()]).toEqual([Array(11).fill(500), 5500])
  },
)

it('a limit applies across pages, and the next cursor is that of the last row', async () => {
  const { limits, query } = listOf(5500)
  const { writer, waiting, taken, notes } = slowOutput('jsonl')
  let ended = false
  printPages(writer, { columns, query, empty: '' }, { limit: 2300, cursor: '10' }).then(() => {
    ended = true
  })
  while (!ended) {
    await settled()
    waiting.shift()?.()
  }
  const ids = taken()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).id)
  expect([ids[0], ids.at(-1), ids.length]).toEqual([10, 2309, 2300])
  expect(limits).toEqual([500, 500, 500, 500, 300])
  expect(notes()).toBe('more rows; continue with --cursor 2310\n')
})
