import { byShard, shardsBy } from '../../../db/distributed/at.ts'
import type { InTransaction } from '../../../db/query/isolation.ts'
import type { Bound } from '../../../db/query/sql.ts'

/** Each transaction has traces of one group of shards. */

/** Where a statement of each group of shards runs. */
export async function placesOf(inTransaction: InTransaction): Promise<Pick<Bound, 'run'>[]> {
  if ((await inTransaction.layout()) === 'single') return [{}]
  return (await inTransaction(shardsBy)).map((run) => ({ run }))
}

/** The traces of each group of shards. */
export const groupsOf = async (
  inTransaction: InTransaction,
  traces: readonly string[],
): Promise<(readonly string[])[]> =>
  traces.length === 0
    ? []
    : (await inTransaction.layout()) === 'single'
      ? [traces]
      : inTransaction((run) => byShard(run, traces))
