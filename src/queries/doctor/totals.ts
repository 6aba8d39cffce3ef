import type pg from 'pg'
import { onEachShard, sumOf } from '../../db/distributed/each-shard.ts'
import { run } from '../../db/query/transaction.ts'
import { compareTotals, recount } from '../../db/verify/totals.ts'
import { formatNumber, plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { someOf } from './words.ts'

/** Finds runs whose totals are not the sums of their steps: they are billed for a cost that they did not have. */
export async function inspectTotals(client: pg.Client, subject: Subject): Promise<DoctorFinding> {
  const { full, quotedSchema } = subject
  // All runs of a large store take longer than the limit of a check.
  if (full) await run(client, 'set local statement_timeout = 0')
  const reports = await onEachShard(client, subject, (shard) => compareTotals(shard, { full }))
  const [compared, unequal, withoutUsage] = [
    sumOf(reports, 'compared'),
    sumOf(reports, 'unequal'),
    sumOf(reports, 'withoutUsage'),
  ]
  const runs = reports.flatMap((report) => report.runs)
  // JSON has no numbers for a bigint.
  const listed = runs.map(({ totalTokens, stepTokens, ...run }) => ({
    ...run,
    totalTokens: String(totalTokens),
    stepTokens: String(stepTokens),
  }))
  const details = { full, compared, unequal, withoutUsage, runs: listed }
  const of = `${plural(compared, 'run')}${full ? '' : ' of all ages'}`
  const rest =
    withoutUsage === 0
      ? ''
      : `; ${formatNumber(withoutUsage)} of them have totals, and no step with tokens or a cost`
  if (unequal === 0) {
    const text =
      compared === 0 ? 'there are no runs' : `the totals of ${of} match their steps${rest}`
    return finding('totals', 'ok', text, { details })
  }
  const texts = runs.map(
    ({ executionId, totalCost, stepCost, totalTokens, stepTokens }) =>
      `${executionId} has $${totalCost} and ${formatNumber(totalTokens)} tokens, its steps $${stepCost} and ${formatNumber(stepTokens)}`,
  )
  const ids = runs.map(({ executionId }) => executionId)
  return finding(
    'totals',
    'failed',
    `the totals of ${formatNumber(unequal)} of ${of} differ from their steps: ${someOf(texts, unequal)}${rest}`,
    { fix: recount(ids, `${quotedSchema}.`), details },
  )
}
