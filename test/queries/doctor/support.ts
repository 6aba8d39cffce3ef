import { expect } from 'vitest'
import { connectClient } from '../../../src/db/connect/connect.ts'
import { examine, type Finding } from '../../../src/queries/doctor/doctor.ts'
import type { DoctorOptions } from '../../../src/queries/doctor/subject.ts'
import type { TestDatabase } from '../../support/database.ts'

/** What the doctor finds, through a connection of its own as the command line makes it. */
export async function findingsOf(
  database: TestDatabase,
  options: Partial<DoctorOptions> & { role?: string } = {},
): Promise<Finding[]> {
  const url = new URL(database.url)
  if (options.role) url.username = options.role
  const client = await connectClient({
    config: { connectionString: url.href },
    label: 'test',
    source: 'test',
  })
  try {
    return await examine(client, { stuckFactor: 10, ...options })
  } finally {
    await client.end()
  }
}

export const find = (findings: readonly Finding[], check: string): Finding => {
  const found = findings.filter((finding) => finding.check === check)
  expect(found.map(({ check }) => check)).toEqual([check])
  return found[0] as Finding
}

export async function findingOf(
  database: TestDatabase,
  check: string,
  options: Parameters<typeof findingsOf>[1] = {},
): Promise<Finding> {
  return find(await findingsOf(database, options), check)
}

export const detailsOf = (finding: Finding) => JSON.parse(finding.details ?? 'null')

/** Carries out the SQL of a mend, each statement by itself as psql does. */
export async function carryOut(database: TestDatabase, { mend }: Finding): Promise<void> {
  for (const statement of (mend ?? 'nothing mends it').split('; ')) await database.sql(statement)
}

/** What this session has counted reaches the others. */
export async function flushStatistics(database: TestDatabase): Promise<void> {
  await database.sql('select pg_stat_force_next_flush()')
  await database.sql('select 1')
}
