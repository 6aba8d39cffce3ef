import { atRuns } from '../../src/db/distributed/at.ts'
import { inLayout } from '../../src/db/distributed/by-layout.ts'
import type { Run } from '../../src/db/query/query.ts'

/** Runs statements as a store of the layout of the tests does. */
export function onLayout(run: Run): Run {
  if (process.env.WFSTORE_TEST_CITUS_URL === undefined) return run
  const onShards = atRuns(run)
  return (statement, shape) => onShards(inLayout(statement, 'distributed'), shape)
}
