import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import type { Io } from '../../../src/cli/io.ts'
import {
  listProgress,
  noProgress,
  type Progress,
  showRows,
  startProgress,
  withProgress,
} from '../../../src/cli/terminal/progress.ts'

const CLEAR = '\r\x1b[K'

/** A terminal whose clock moves only if it is set or a sleep ends. */
function terminal(isTTY = true) {
  const written: string[] = []
  let now = 0
  let wake: (() => void) | undefined
  const stderr = Object.assign(
    new Writable({
      write: (chunk, _, done) => {
        written.push(String(chunk).replace(CLEAR, '') || 'cleared')
        done()
      },
    }),
    { isTTY },
  )
  const interruption = new AbortController()
  const io = {
    ...{ stderr, stdout: {}, now: () => new Date(now), signal: interruption.signal },
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        wake = () => {
          now += ms
          resolve()
        }
        signal.addEventListener('abort', () => reject(new Error('aborted')))
      }),
  } as unknown as Io
  const at = (ms: number, progress: Progress) => {
    now = ms
    return progress
  }
  /** Lets the running sleep end, and what waits for it run. */
  const tick = async () => {
    wake?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { io, written, at, tick, interrupt: () => interruption.abort() }
}

it('work of a second or less shows no progress', () => {
  const { io, written, at } = terminal()
  const progress = startProgress(io)
  at(0, progress).show(1, 'lines')
  at(999, progress).show(5000, 'lines')
  progress.clear()
  expect(written).toEqual([])
})

it('a count shows its rate and the time since the start, at most five times a second, until it is cleared', () => {
  const { io, written, at } = terminal()
  const progress = startProgress(io)
  at(0, progress).show(0, 'lines read')
  at(1000, progress).show(2000, 'lines read')
  at(1100, progress).show(2100, 'lines read')
  at(2000, progress).show(3000, 'lines written')
  at(3000, progress).show(4000, 'lines written')
  progress.clear()
  progress.clear()
  expect(written).toEqual([
    '2,000 lines read, 2,000/s (1s)',
    '3,000 lines written, 0/s (2s)',
    '4,000 lines written, 1,000/s (3s)',
    'cleared',
  ])
})

it('a total shows the time left', () => {
  const { io, written, at } = terminal()
  const progress = startProgress(io)
  at(0, progress).show(0, 'rows removed', 10_000)
  at(1000, progress).show(2000, 'rows removed', 10_000)
  at(2000, progress).show(3000, 'rows removed', 1_000_000)
  at(3000, progress).show(12_000, 'rows removed', 10_000)
  expect(written).toEqual([
    '2,000 of 10,000 rows removed, 2,000/s, 4s left (1s)',
    '3,000 of 1,000,000 rows removed, 1,500/s, 11m 05s left (2s)',
    '12,000 of 10,000 rows removed, 4,000/s (3s)',
  ])
})

it('work without a count shows every second that it runs, and is cleared when it ends or fails', async () => {
  for (const fails of [false, true]) {
    const { io, written, tick } = terminal()
    let finish: (() => void) | undefined
    const work = withProgress(io, async (show) => {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      show(3, 'rows read')
      if (fails) throw new Error('of the work')
      return 'result'
    }).catch((error: Error) => error.message)
    await tick()
    await tick()
    finish?.()
    expect(await work).toBe(fails ? 'of the work' : 'result')
    expect(written).toEqual(['working… (1s)', 'working… (2s)', 'cleared'])
  }
})

it('rows that are written one by one are counted', async () => {
  const { io, written, at } = terminal()
  const progress = startProgress(io)
  const rows = async function* () {
    for (const second of [2, 3]) {
      at(second * 1000, progress)
      yield second
    }
  }
  const got: number[] = []
  await showRows(progress, rows(), async (counted) => {
    for await (const row of counted) got.push(row)
  })
  expect(got).toEqual([2, 3])
  expect(written).toEqual(['1 rows read, 1/s (2s)', '2 rows read, 1/s (3s)', 'cleared'])
})

it('an interruption clears the line, and nothing is drawn after it', async () => {
  const { io, written, tick, interrupt, at } = terminal()
  const progress = startProgress(io)
  progress.during(() => new Promise(() => {}))
  await tick()
  interrupt()
  await tick()
  at(5000, progress).show(1, 'lines')
  expect(written).toEqual(['working… (1s)', 'cleared'])
})

it('there is no progress without a terminal, or on a terminal that shows the rows', async () => {
  const pipe = terminal(false)
  expect(startProgress(pipe.io)).toBe(noProgress)
  expect(await withProgress(pipe.io, async () => 'result')).toBe('result')
  const { io } = terminal()
  Object.assign(io.stdout, { isTTY: true })
  expect(listProgress(io, { output: 'csv' } as never)).toBe(noProgress)
  expect(listProgress(io, {} as never)).not.toBe(noProgress)
})
