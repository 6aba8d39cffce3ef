import fc from 'fast-check'
import { expect, it } from 'vitest'
import { batchClock } from '../../../src/record/batch/clock.ts'

it('has no time before a statement has returned the server’s, and then no earlier time', () => {
  const clock = batchClock()
  expect([clock.isKnown(), clock.stamp(5)]).toEqual([false, null])
  clock.learn(1_000_000, 10)
  expect(clock.isKnown()).toBe(true)
  expect(clock.stamp(5)).toBeGreaterThan(1_000_000)
  expect(clock.stamp(30)).toBe(1_000_020)
})

it('uses the quickest of the newest statements, so a slow one does not put rows into the future', () => {
  const clock = batchClock()
  clock.learn(1_000_000, 0)
  clock.learn(1_000_900, 1000)
  expect(clock.stamp(2000)).toBe(1_001_900)
  for (let n = 1; n <= 16; n++) clock.learn(1_003_000 + n, 2000 + n)
  expect(clock.stamp(3000)).toBe(1_004_000)
})

it('gives later rows later times, for fast and slow statements', () => {
  const event = fc.record({ wait: fc.nat(50), delay: fc.nat(1000), learns: fc.boolean() })
  fc.assert(
    fc.property(fc.array(event, { minLength: 2 }), (events) => {
      const clock = batchClock()
      clock.learn(1_000_000, 0)
      let local = 0
      const stamps: number[] = []
      for (const { wait, delay, learns } of events) {
        local += wait
        if (learns) clock.learn(1_000_000 + local + delay, local)
        else stamps.push(clock.stamp(local) as number)
      }
      for (const [n, stamp] of stamps.entries()) {
        if (n > 0) expect(stamp).toBeGreaterThan(stamps[n - 1] as number)
      }
    }),
  )
})
