import { expect } from 'vitest'
import { connectClient } from '../../../src/db/connect/connect.ts'
import { type DoctorFinding, examine } from '../../../src/queries/doctor/doctor.ts'
import type { DoctorOptions } from '../../../src/queries/doctor/subject.ts'
import type { TestDatabase } from '../../support/database.ts'

/** The findings, over a connection like that of the command line. */
export async function findingsOf(
  database: TestDatabase,
  options: Partial<DoctorOptions> & { role?: string } = {},
): Promise<DoctorFinding[]> {
  const url = new URL(database.url)
  if (options.role) url.username = options.role
  const client = await connectClient({
    config: { connectionString: url.href },
    label: 'test',
    source: 'test',
  })
  try {
    return await examine(client, options)
  } finally {
    await client.end()
  }
}

export const find = (findings: readonly DoctorFinding[], check: string): DoctorFinding => {
  const found = findings.filter((finding) => finding.check === check)
  expect(found.map(({ check }) => check)).toEqual([check])
  return found[0] as DoctorFinding
}

export async function findingOf(
  database: TestDatabase,
  check: string,
  options: Parameters<typeof findingsOf>[1] = {},
): Promise<DoctorFinding> {
  return find(await findingsOf(database, options), check)
}

export const detailsOf = (finding: DoctorFinding) => JSON.parse(finding.details ?? 'null')

/** Runs the SQL of a fix, each statement on its own like psql. */
export async function applyFix(database: TestDatabase, { fix }: DoctorFinding): Promise<void> {
  if (fix === null) throw new Error('the finding has no fix')
  for (const statement of fix.split('; ')) await database.sql(statement)
}

/** Makes the statistics of this session visible to the others. */
export async function flushStatistics(database: TestDatabase): Promise<void> {
  await database.sql('select pg_stat_force_next_flush()')
  await database.sql('select 1')
}
