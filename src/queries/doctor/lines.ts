import type pg from 'pg'
import { fixText, onEachShard, sumOf } from '../../db/distributed/each-shard.ts'
import { readStatus } from '../../db/migrate/history.ts'
import { run } from '../../db/query/transaction.ts'
import { addMissingLines, compareLines } from '../../db/verify/lines.ts'
import { formatNumber, plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { someOf } from './words.ts'

/** Finds bills whose lines do not add up to them: reports by model differ from the bills, and their months cannot be closed. */
export async function inspectLines(client: pg.Client, subject: Subject): Promise<DoctorFinding> {
  const { full, schema, quotedSchema } = subject
  const migrations = await readStatus(client, schema)
  // Bills from before the lines get theirs in a migration.
  if (migrations.some(({ state }) => state === 'pending'))
    return finding('lines', 'warning', 'could not be checked: migrations are pending', {
      fix: subject.command('migrate up'),
    })
  // All bills of a large store take longer than the limit of a check.
  if (full) await run(client, 'set local statement_timeout = 0')
  const reports = await onEachShard(client, subject, (shard) => compareLines(shard, { full }))
  const [compared, unequal] = [sumOf(reports, 'compared'), sumOf(reports, 'unequal')]
  const bills = reports.flatMap((report) => report.bills)
  // JSON has no numbers for a bigint.
  const listed = bills.map(({ tokensTotal, lineTokens, ...bill }) => ({
    ...bill,
    tokensTotal: String(tokensTotal),
    lineTokens: String(lineTokens),
  }))
  const details = { full, compared, unequal, bills: listed }
  const of = `${plural(compared, 'bill')}${full ? '' : ' of all ages'}`
  if (unequal === 0) {
    const text = compared === 0 ? 'there are no bills' : `the lines of ${of} add up to their bills`
    return finding('lines', 'ok', text, { details })
  }
  const texts = bills.map(
    ({ billingId, cost, lineCost, tokensTotal, lineTokens }) =>
      `${billingId} has $${cost} and ${formatNumber(tokensTotal)} tokens, its lines $${lineCost} and ${formatNumber(lineTokens)}`,
  )
  const fix = addMissingLines(bills, `${quotedSchema}.`)
  const closed = bills.filter(({ changeable }) => !changeable).length
  const rest =
    closed === 0
      ? ''
      : `; ${formatNumber(closed)} of them in closed months, whose lines cannot change`
  return finding(
    'lines',
    'failed',
    `the lines of ${formatNumber(unequal)} of ${of} do not add up to their bills: ${someOf(texts, unequal)}${rest}`,
    { fix: fix === null ? null : await fixText(client, subject, [fix]), details },
  )
}
