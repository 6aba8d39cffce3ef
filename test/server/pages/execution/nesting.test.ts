import { expect, it } from 'vitest'
import { timelineOf } from '../../../../src/cli/output/timeline/timeline.ts'
import { nested } from '../../../../src/server/pages/execution/nesting.ts'

const START = '2026-11-20T10:00:00.000Z'
const at = (seconds: number) => new Date(Date.parse(START) + seconds * 1000).toISOString()
type Times = [from: number, till: number]

/** A run of 100 seconds with these steps. */
const rowsOf = (steps: Times[]) =>
  timelineOf(
    {
      ...{ status: 'success', startTime: START, endTime: at(100), totalCost: '1' },
      steps: steps.map(([from, till], place) => ({
        ...{
          stepNumber: place + 1,
          stepName: `step ${place + 1}`,
          status: 'success',
          retryCount: 0,
          cost: '0',
        },
        ...{ startTime: at(from), endTime: at(till), durationMs: (till - from) * 1000 },
      })),
    },
    new Date(START),
  ).rows

const child = (name: string, from: number, depth = 1) => ({
  ...{ executionId: name, parentExecutionId: null, workflowName: name, status: 'success' as const },
  ...{ startTime: at(from), durationMs: 5000, totalCost: '0', depth },
})

/** The names of the lines, indented. */
const linesOf = (
  steps: Times[],
  children: ReturnType<typeof child>[],
  childCount = children.length,
) => {
  const tree = { ancestors: [], children, childCount, costWithChildren: '0' }
  const { bars, left } = nested(rowsOf(steps), tree, { startTime: START })
  return [
    ...bars.map(({ row, depth }) => '  '.repeat(depth) + row.name),
    ...(left > 0 ? [`${left} left`] : []),
  ]
}

it('a sub-run is below the step in which it started, with those that it started itself', () => {
  expect(
    linesOf(
      [
        [0, 50],
        [50, 100],
      ],
      [child('a', 10), child('b', 12, 2), child('c', 60)],
    ),
  ).toEqual(['step 1', '  a', '    b', 'step 2', '  c'])
})

it('of parallel steps it is below the shortest', () => {
  expect(
    linesOf(
      [
        [0, 100],
        [5, 20],
        [8, 90],
      ],
      [child('a', 10)],
    ),
  ).toEqual(['step 1', 'step 2', '  a', 'step 3'])
})

it('between two steps it is below the last one that started', () => {
  expect(
    linesOf(
      [
        [0, 10],
        [90, 100],
      ],
      [child('a', 50)],
    ),
  ).toEqual(['step 1', '  a', 'waiting', 'step 2'])
})

it('before the first step it is below the first line', () => {
  expect(linesOf([[20, 100]], [child('a', 1)])).toEqual(['waiting', '  a', 'step 1'])
})

it('many are cut with the number of the others', () => {
  const many = Array.from({ length: 40 }, (_, n) => child(`c${n}`, 1))
  expect(linesOf([[0, 100]], many, 500)).toHaveLength(1 + 30 + 1)
  expect(linesOf([[0, 100]], many, 500).at(-1)).toBe('470 left')
})
