import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FailureFilter, listFailures } from '../../../src/queries/errors/errors.ts'
import { groupFailures } from '../../../src/queries/errors/groups.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'
import { clear as clearOn, type Failing, fail as failOn, runOn } from './support.ts'

let database: TestDatabase
let legacy: TestDatabase
const run = runOn(() => database)
const fail = (failing: Failing) => failOn(database, failing)
const clear = () => clearOn(database)

beforeAll(async () => {
  database = await createMigrated('errors')
  legacy = await createAdopted('errors_legacy')
})
afterAll(async () => {
  await database.drop()
  await legacy.drop()
})

describe('the list', () => {
  it('pages of every size form the whole list, also with equal times', async () => {
    await clear()
    for (let n = 0; n < 24; n++)
      await fail({ kind: (['entry', 'run', 'partial'] as const)[n % 3] ?? 'entry', hour: n % 5 })
    const { rows: all, nextCursor } = await listFailures(run, { limit: 100 })
    expect([all.length, nextCursor]).toEqual([24, null])
    expect(all.map(({ time, id }) => `${time} ${id}`)).toEqual(
      all
        .map(({ time, id }) => `${time} ${id}`)
        .sort()
        .reverse(),
    )
    for (const limit of [1, 5, 7, 24]) {
      const joined = []
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof listFailures>> = await listFailures(run, {
          limit,
          cursor,
        })
        joined.push(...page.rows)
        cursor = page.nextCursor
      } while (cursor)
      expect(joined).toEqual(all)
    }
  })

  it('a filter that does not exist is refused', async () => {
    await expect(listFailures(run, { user: 'a' } as FailureFilter)).rejects.toMatchObject({
      code: 'usage',
    })
  })
})

/** Each filter, and the same by hand for entries and for runs. */
const filters: [filter: FailureFilter, entries: string, runs: string][] = [
  [{}, 'true', 'true'],
  [{ userId: 'user_4' }, `user_id = 'user_4'`, `user_id = 'user_4'`],
  [{ modelId: 'gpt-4o' }, `model_id = 'gpt-4o'`, `model_id = 'gpt-4o'`],
  [
    { workflowName: 'Weekly KPI digest' },
    `execution_id in (select execution_id from workflow_executions where workflow_name = 'Weekly KPI digest')`,
    `workflow_name = 'Weekly KPI digest'`,
  ],
  [
    { mode: 'Sales', userId: 'user_9' },
    `user_id = 'user_9' and execution_id in (select execution_id from workflow_executions where mode = 'Sales')`,
    `user_id = 'user_9' and mode = 'Sales'`,
  ],
  [
    { toolName: 'PINECONE_QUERY' },
    `tool_name = 'PINECONE_QUERY'`,
    `execution_id in (select execution_id from workflow_steps where tool_name = 'PINECONE_QUERY')`,
  ],
  [
    { executionId: '6f09b100-8195-4b93-9669-c28fe5479a0b' },
    `execution_id::text like '6f09b100%'`,
    `execution_id::text like '6f09b100%'`,
  ],
  [
    { since: '2026-09-01T00:00:00Z', until: '2026-11-01T00:00:00Z' },
    `to_char(timestamp at time zone 'UTC', 'YYYY-MM') in ('2026-09', '2026-10')`,
    `to_char(start_time at time zone 'UTC', 'YYYY-MM') in ('2026-09', '2026-10')`,
  ],
]

describe('of the adopted database, against statements that share nothing with ours', () => {
  const ofLegacy = runOn(() => legacy)
  it.each(filters)('the list with %j', async (filter, entries, runs) => {
    const wanted = [
      ...(await legacy.sql(
        `select log_id as id, timestamp as time from audit_logs where success is false and (${entries})`,
      )),
      ...(await legacy.sql(
        `select execution_id as id, start_time as time from workflow_executions where status in ('failed', 'partial') and (${runs})`,
      )),
    ].map(({ id, time }) => `${(time as Date).toISOString()} ${id}`)
    expect(wanted.length).toBeGreaterThan(0)
    const { rows } = await listFailures(ofLegacy, { ...filter, limit: 1000 })
    expect(rows.map(({ id, time }) => `${new Date(time).toISOString()} ${id}`)).toEqual(
      wanted.sort().reverse(),
    )
  })

  it.each(filters)('the groups with %j', async (filter, entries, runs) => {
    const { since = '2026-06-01T00:00:00Z', until = '2026-11-26T00:00:00Z' } = filter
    const options = { ...filter, since, until, limit: 100 }
    const { groups } = await groupFailures(ofLegacy, options)
    // Messages of that application differ in nothing that a fingerprint takes out, so they are their own groups.
    const counted = await legacy.sql(
      `select message, count(*)::int as count from (
         select error_message as message, timestamp as time from audit_logs where not success and (${entries})
         union all select error_message, start_time from workflow_executions where status in ('failed', 'partial') and (${runs})
       ) f where time >= $1 and time < $2 group by message`,
      [since, until],
    )
    const there = groups.filter(({ count }) => count > 0)
    expect(Object.fromEntries(there.map(({ example, count }) => [example, count]))).toEqual(
      Object.fromEntries(counted.map(({ message, count }) => [message, count])),
    )
    expect(there.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(counted.length ? 1 : 0)
    expect(groups.every(({ count, entries, runs }) => count === entries + runs)).toBe(true)
  })
})
