import type pg from 'pg'
import { databaseError, hidesRows } from '../../db/query/errors.ts'
import { rollback, run } from '../../db/query/transaction.ts'
import type { WfstoreError } from '../../error.ts'
import { formatDuration } from '../../numbers.ts'
import { inspectCleanup } from './cleanup.ts'
import { inspectClock } from './clock.ts'
import { type Check, type DoctorFinding, finding } from './finding.ts'
import { inspectGrants } from './grants.ts'
import { inspectGrowth } from './growth.ts'
import { inspectIndexes, inspectUnusedIndexes } from './indexes.ts'
import { inspectLines } from './lines.ts'
import { inspectLocks } from './locks.ts'
import { inspectNodes } from './nodes.ts'
import { inspectReplica } from './replica.ts'
import { inspectRights } from './rights.ts'
import { inspectRowSecurity } from './row-security.ts'
import { inspectOldestRunning, inspectStuck } from './runs.ts'
import { inspectSchema } from './schema.ts'
import { inspectSequences } from './sequences.ts'
import { inspectConnections, inspectEncryption, inspectServer } from './server.ts'
import { inspectDeadRows, inspectSizes, inspectTransactionIds } from './storage.ts'
import {
  beginWithin,
  type DoctorOptions,
  readSubject,
  type Subject,
  withLimits,
} from './subject.ts'
import { inspectTotals } from './totals.ts'
import { inspectTransactions } from './transactions.ts'
import { inspectValues } from './values.ts'
import { enumerate } from './words.ts'

export type { DoctorFinding } from './finding.ts'

/** From the server to the runs: a failure near the top explains those below it. */
const CHECKS: Check[] = [
  { name: 'server', needsTables: false, inspect: inspectServer },
  { name: 'nodes', needsTables: true, layout: 'distributed', inspect: inspectNodes },
  { name: 'clock', needsTables: false, inspect: inspectClock },
  { name: 'encryption', needsTables: false, inspect: inspectEncryption },
  { name: 'connections', needsTables: false, inspect: inspectConnections },
  { name: 'transactions', needsTables: false, inspect: inspectTransactions },
  { name: 'locks', needsTables: true, inspect: inspectLocks },
  { name: 'schema', needsTables: false, ownTransactions: true, inspect: inspectSchema },
  { name: 'replica', needsTables: true, needsReplica: true, inspect: inspectReplica },
  { name: 'rights', needsTables: true, inspect: inspectRights },
  { name: 'row-security', needsTables: true, inspect: inspectRowSecurity },
  { name: 'grants', needsTables: true, inspect: inspectGrants },
  { name: 'sequences', needsTables: true, inspect: inspectSequences },
  { name: 'indexes', needsTables: true, inspect: inspectIndexes },
  { name: 'unused-indexes', needsTables: true, inspect: inspectUnusedIndexes },
  { name: 'sizes', needsTables: true, inspect: inspectSizes },
  { name: 'dead-rows', needsTables: true, inspect: inspectDeadRows },
  { name: 'transaction-ids', needsTables: true, inspect: inspectTransactionIds },
  { name: 'oldest-running', needsTables: true, inspect: inspectOldestRunning },
  { name: 'stuck', needsTables: true, inspect: inspectStuck },
  { name: 'totals', needsTables: true, inspect: inspectTotals },
  { name: 'lines', needsTables: true, inspect: inspectLines },
  { name: 'values', needsTables: true, inspect: inspectValues },
  { name: 'cleanup', needsTables: true, inspect: inspectCleanup },
  { name: 'growth', needsTables: true, inspect: inspectGrowth },
]

/**
 * Runs every check and changes nothing. A check that cannot run is a finding too, so that one missing privilege does
 * not hide the other checks.
 */
export async function examine(client: pg.Client, options: DoctorOptions): Promise<DoctorFinding[]> {
  const findings: DoctorFinding[] = []
  let left = CHECKS
  try {
    let subject = await readSubject(client, options)
    const readable = subject.absent === undefined && subject.captured === undefined
    left = left.filter(
      ({ needsTables, needsReplica, layout }) =>
        (!needsTables || readable) &&
        (!needsReplica || subject.replica) &&
        (layout ?? subject.layout) === subject.layout,
    )
    for (const check of left) {
      const found = await answer(check, client, subject)
      findings.push(found)
      // The holder of the lock is known, so the checks of its tables do not each wait for it.
      if (check.name === 'locks' && found.state === 'failed') subject = impatient(subject, found)
      left = left.slice(1)
    }
  } catch (error) {
    const { message } = databaseError(error, { connection: client })
    const names = enumerate(left.map(({ name }) => name))
    findings.push(
      finding('connection', 'failed', `${message}; not checked: ${names}`, {
        fix: 'wfstore doctor',
      }),
    )
  }
  return findings
}

const impatient = (subject: Subject, { finding }: DoctorFinding): Subject => ({
  ...subject,
  locked: finding,
  limits: { ...subject.limits, lockMs: Math.min(IMPATIENT_MS, subject.limits.lockMs) },
})
const IMPATIENT_MS = 50

/** @throws WfstoreError unreachable: no other check can run either */
async function answer(check: Check, client: pg.Client, subject: Subject): Promise<DoctorFinding> {
  try {
    if (check.ownTransactions)
      return await withLimits(client, subject, () => check.inspect(client, subject))
    await run(client, beginWithin(subject))
    const found = await check.inspect(client, subject)
    await run(client, 'commit')
    return found
  } catch (error) {
    const known = databaseError(error, { connection: client })
    if (known.code === 'unreachable') throw known
    await rollback(client)
    return unchecked(check.name, known, subject)
  }
}

function unchecked(check: string, error: WfstoreError, subject: Subject): DoctorFinding {
  const { quotedSchema, role, limits, locked } = subject
  const reasons: Record<string, string> = {
    '57014': `the query took longer than ${formatDuration(limits.statementMs)}`,
    '55P03':
      locked ??
      `another session held an exclusive lock on a table for longer than ${formatDuration(limits.lockMs)}`,
  }
  const text = `could not be checked: ${reasons[error.sqlState ?? ''] ?? error.message}`
  const fix = hidesRows(error)
    ? `alter role ${role} bypassrls`
    : error.code === 'permission_denied'
      ? `grant select on all tables in schema ${quotedSchema} to ${role}`
      : null
  return finding(check, 'warning', text, { fix, details: { code: error.code } })
}
