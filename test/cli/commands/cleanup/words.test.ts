import { expect, it } from 'vitest'
import type { CleanupResult } from '../../../../src/cleanup/types.ts'
import { resultLine } from '../../../../src/cli/commands/cleanup/words.ts'

const none = { execution: 0, step: 0, audit: 0, metric: 0 }
const left = { execution: 12, step: 24, audit: 41, metric: 4 }
const lineOf = (changes: Partial<CleanupResult>, locked = 0) =>
  resultLine({
    ...{ cleanupId: 'x', cutoff: '2024-06-01T00:00:00.000000Z', keepLast: null, outcome: 'done' },
    ...{ removed: none, left: null, archive: null, seconds: 1, rowsPerSecond: 0, batches: 0 },
    kept: {
      execution: { running: 0, endedLater: 0, newest: 0, protected: 0, locked },
      ...{ audit: { runKept: 0, protected: 0, locked: 0 }, metric: { protected: 0, locked: 0 } },
      ...{ protectedBy: [], lockedBy: [] },
    },
    vacuum: [],
    ...changes,
  })

it('a cleanup that removed nothing says that there is nothing only if it has looked at everything', () => {
  const removed = 'removed nothing older than 2024-06-01T00:00:00Z'
  expect(lineOf({})).toBe('nothing to remove older than 2024-06-01T00:00:00Z')
  expect(lineOf({ outcome: 'stopped', left })).toBe(
    `${removed}; stopped by --max-duration, remaining: 12 runs, 24 steps, 41 audit entries and 4 metrics`,
  )
  expect(lineOf({ outcome: 'stopped' })).toBe(`${removed}; stopped by --max-duration`)
  expect(lineOf({}, 1)).toBe(removed)
})
