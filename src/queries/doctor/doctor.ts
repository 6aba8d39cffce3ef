import type pg from 'pg'
import { databaseError } from '../../db/query/errors.ts'
import { rollback, run } from '../../db/query/transaction.ts'
import type { WfstoreError } from '../../error.ts'
import { lookAtCleanup } from './cleanup.ts'
import { type Check, type Finding, finding } from './finding.ts'
import { lookAtGrowth } from './growth.ts'
import { lookAtIndexes, lookAtUnusedIndexes } from './indexes.ts'
import { lookAtLocks } from './locks.ts'
import { lookAtRights } from './rights.ts'
import { lookAtOldestRunning, lookAtStuck } from './runs.ts'
import { lookAtSchema } from './schema.ts'
import { lookAtConnections, lookAtEncryption, lookAtServer } from './server.ts'
import { lookAtDeadRows, lookAtSizes, lookAtTransactionIds } from './storage.ts'
import { type DoctorOptions, readSubject, type Subject } from './subject.ts'
import { lookAtTransactions } from './transactions.ts'
import { enumerate, span } from './words.ts'

export type { Finding } from './finding.ts'

/** In the order in which a person asks: is it there, is it whole, is there room, does the work go on. */
const CHECKS: Check[] = [
  { name: 'server', needsTables: false, look: lookAtServer },
  { name: 'encryption', needsTables: false, look: lookAtEncryption },
  { name: 'connections', needsTables: false, look: lookAtConnections },
  { name: 'transactions', needsTables: false, look: lookAtTransactions },
  { name: 'schema', needsTables: false, ownTransactions: true, look: lookAtSchema },
  { name: 'rights', needsTables: true, look: lookAtRights },
  { name: 'locks', needsTables: true, look: lookAtLocks },
  { name: 'indexes', needsTables: true, look: lookAtIndexes },
  { name: 'unused-indexes', needsTables: true, look: lookAtUnusedIndexes },
  { name: 'sizes', needsTables: true, look: lookAtSizes },
  { name: 'dead-rows', needsTables: true, look: lookAtDeadRows },
  { name: 'transaction-ids', needsTables: true, look: lookAtTransactionIds },
  { name: 'oldest-running', needsTables: true, look: lookAtOldestRunning },
  { name: 'stuck', needsTables: true, look: lookAtStuck },
  { name: 'cleanup', needsTables: true, look: lookAtCleanup },
  { name: 'growth', needsTables: true, look: lookAtGrowth },
]

/**
 * Looks at a database from all sides and changes nothing. What cannot be looked at is a finding like any other, so
 * that one missing privilege costs one finding.
 */
export async function examine(client: pg.Client, options: DoctorOptions): Promise<Finding[]> {
  const findings: Finding[] = []
  let left = CHECKS
  try {
    const subject = await readSubject(client, options)
    left = left.filter(({ needsTables }) => !needsTables || subject.absent === undefined)
    for (const check of left) {
      findings.push(await answer(check, client, subject))
      left = left.slice(1)
    }
  } catch (error) {
    const { message } = databaseError(error)
    const names = enumerate(left.map(({ name }) => name))
    findings.push(
      finding('connection', 'problem', `${message}; not checked: ${names}`, {
        mend: 'wfstore doctor',
      }),
    )
  }
  return findings
}

/** @throws WfstoreError unreachable: no other check would fare better */
async function answer(check: Check, client: pg.Client, subject: Subject): Promise<Finding> {
  try {
    if (check.ownTransactions) return await withLimits(client, subject, check)
    await run(client, begin(subject))
    const found = await check.look(client, subject)
    await run(client, 'commit')
    return found
  } catch (error) {
    const known = databaseError(error)
    if (known.code === 'unreachable') throw known
    await rollback(client)
    return unchecked(check.name, known, subject)
  }
}

/** Compiling a plan takes longer than these queries do. */
const begin = (subject: Subject): string =>
  `begin isolation level read committed read only; set local jit = off; ${limited('set local', subject)}`

const limited = (set: string, { limits }: Subject): string =>
  `${set} statement_timeout = ${limits.statementMs}; ${set} lock_timeout = ${limits.lockMs}`

/** Limits of the session, where it is ours alone. */
async function withLimits(client: pg.Client, subject: Subject, check: Check): Promise<Finding> {
  if (!subject.direct) return check.look(client, subject)
  await run(client, limited('set', subject))
  try {
    return await check.look(client, subject)
  } finally {
    await rollback(client)
    await client.query('reset statement_timeout; reset lock_timeout').catch(() => {})
  }
}

function unchecked(check: string, error: WfstoreError, subject: Subject): Finding {
  const { quotedSchema, role, limits } = subject
  const state = (error.cause as { code?: unknown } | undefined)?.code
  const reasons: Record<string, string> = {
    '57014': `it took longer than ${span(limits.statementMs)}`,
    '55P03': `somebody has closed a table to everyone else for longer than ${span(limits.lockMs)}`,
  }
  const text = `could not be checked: ${reasons[String(state)] ?? error.message}`
  const mend =
    error.code === 'permission_denied'
      ? `grant select on all tables in schema ${quotedSchema} to ${role}`
      : null
  return finding(check, 'warning', text, { mend, details: { code: error.code } })
}
