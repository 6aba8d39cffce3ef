import { atRuns } from '../../src/db/distributed/at.ts'
import type { Run } from '../../src/db/query/query.ts'

/** Runs statements as a store of the layout of the tests does. */
export const onLayout = (run: Run): Run =>
  process.env.WFSTORE_TEST_CITUS_URL === undefined ? run : atRuns(run)
