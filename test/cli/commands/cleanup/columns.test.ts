import { expect, it } from 'vitest'
import type { Kept, Removed } from '../../../../src/cleanup/types.ts'
import { tablesOf } from '../../../../src/cli/commands/cleanup/columns.ts'

const none: Removed = { execution: 0, step: 0, audit: 0, metric: 0 }

it('rows that a stopped cleanup had no time to count are not 0', () => {
  const kept = {
    execution: { running: 0, endedLater: 0, newest: 0, protected: 0, locked: 0 },
    audit: { runKept: 0, protected: 0, locked: 0 },
    metric: { protected: 0, locked: 0 },
    protectedBy: [],
  } as unknown as Kept
  expect(tablesOf(none, kept, { left: 'unknown' }).map(({ left }) => left)).toEqual(
    Array(4).fill(null),
  )
  expect(tablesOf(none, kept, { left: null }).map(({ left }) => left)).toEqual(Array(4).fill(0))
})
