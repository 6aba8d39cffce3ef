import { SHARDED } from '../../db/distributed/layout.ts'
import type { Queryable } from '../../db/query/connection.ts'
import { readBehind } from '../../db/sequences.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { enumerate } from './words.ts'

/** Checks that the next id of each table is free. Logical replication copies rows but not the values of sequences. */
export async function inspectSequences(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  // Each node of a distributed store gives ids of its own range.
  const local = subject.layout === 'single' ? [] : (SHARDED as readonly string[])
  const behind = await readBehind(
    database,
    subject.tables.filter((table) => !local.includes(table)),
  )
  const details = { behind: behind.map(({ table }) => table) }
  if (behind.length === 0)
    return finding('sequences', 'ok', 'the next id of each table is free', { details })
  const names = enumerate(behind.map(({ table }) => table))
  return finding(
    'sequences',
    'failed',
    `${behind.length === 1 ? 'the sequence' : 'the sequences'} of ${names} ${behind.length === 1 ? 'is' : 'are'} behind the rows, as after logical replication: the next insert fails`,
    { fix: behind.map(({ statement }) => statement).join('; '), details },
  )
}
