import { expect, it } from 'vitest'
import { reportRefusals } from '../../../src/cli/terminal/refusals.ts'

function reporting() {
  const lines: string[] = []
  const clock = { ms: 0 }
  const refusals = reportRefusals(
    (line) => lines.push(line),
    () => clock.ms,
  )
  return { lines, clock, ...refusals }
}

it('a reason has a line at once, and then at most one a minute with the number since the last one', () => {
  const { lines, clock, add } = reporting()
  for (const [ms, count] of [
    [0, 2],
    [1, 3],
    [59_999, 4],
    [60_000, 1],
    [60_001, 5],
  ] as const) {
    clock.ms = ms
    add('span', 'too old', count)
  }
  expect(lines).toEqual(['2 spans refused: too old', '8 spans refused: too old'])
})

it('each reason counts for itself, and the end reports what has no line yet, once', () => {
  const { lines, add, end } = reporting()
  add('span', 'too old')
  add('span', 'too old')
  add('request', 'too old')
  add('request', 'too large')
  expect(lines).toEqual([
    '1 span refused: too old',
    '1 request refused: too old',
    '1 request refused: too large',
  ])
  end()
  end()
  expect(lines.slice(3)).toEqual(['1 span refused: too old'])
})

it('any number of different reasons ends in a line for the others', () => {
  const { lines, add } = reporting()
  for (let n = 0; n < 1000; n++) add('request', `error ${n}`)
  expect(lines.length).toBe(101)
  expect(lines.at(-1)).toBe('1 request refused: other reasons')
})
