import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import type { Io } from '../../../src/cli/io.ts'
import { progressLine } from '../../../src/cli/terminal/progress.ts'

function terminal(isTTY: boolean) {
  const written: string[] = []
  let now = 0
  const stderr = Object.assign(
    new Writable({
      write: (chunk, _, done) => {
        written.push(String(chunk))
        done()
      },
    }),
    { isTTY },
  )
  const line = progressLine({ stderr, now: () => new Date(now) } as unknown as Io)
  return {
    written,
    line,
    at: (ms: number) => {
      now = ms
      return line
    },
  }
}

it('what takes a second or less shows no progress', () => {
  const { written, line, at } = terminal(true)
  at(0).show(1, 'lines')
  at(999).show(5000, 'lines')
  line.end()
  expect(written).toEqual([])
})

it('what takes longer shows how far it is and how fast, five times a second, and takes it away at the end', () => {
  const { written, line, at } = terminal(true)
  at(0).show(0, 'lines')
  at(1000).show(2000, 'lines')
  at(1100).show(2100, 'lines')
  at(2000).show(3000, 'of 9 written')
  at(3000).show(4000, 'of 9 written')
  line.end()
  expect(written).toEqual([
    '\r\x1b[K2,000 lines, 2,000/s',
    '\r\x1b[K3,000 of 9 written, 0/s',
    '\r\x1b[K4,000 of 9 written, 1,000/s',
    '\r\x1b[K',
  ])
})

it('where it is known how much there is, it says how long the rest will take', () => {
  const { written, at } = terminal(true)
  at(0).show(0, 'rows removed', 10_000)
  at(1000).show(2000, 'rows removed', 10_000)
  at(2000).show(3000, 'rows removed', 1_000_000)
  at(3000).show(12_000, 'rows removed', 10_000)
  expect(written).toEqual([
    '\r\x1b[K2,000 of 10,000 rows removed, 2,000/s, 4s left',
    '\r\x1b[K3,000 of 1,000,000 rows removed, 1,500/s, 11m 05s left',
    '\r\x1b[K12,000 of 10,000 rows removed, 4,000/s',
  ])
})

it('what is no terminal gets no progress', () => {
  const { written, line, at } = terminal(false)
  at(0).show(1, 'lines')
  at(5000).show(2, 'lines')
  line.end()
  expect(written).toEqual([])
})
