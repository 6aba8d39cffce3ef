import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Failure,
  type FailureFilter,
  listFailures,
} from '../../../src/queries/errors/errors.ts'
import { groupFailures } from '../../../src/queries/errors/groups.ts'
import { cancelExecutions } from '../../../src/record/recorder/close.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'
import { onLayout } from '../../support/on-layout.ts'
import { startRun } from '../../support/runs.ts'
import { clear as clearOn, type Failing, fail as failOn, runOn } from './support.ts'

let database: TestDatabase
let legacy: TestDatabase
const run = onLayout(runOn(() => database))
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

const sortKey = ({ startTime, executionId }: Failure) => `${startTime} ${executionId}`

describe('the list', () => {
  it('a run that failed is one error, not one for each of its audit entries and steps', async () => {
    await clear()
    const run1 = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
    await fail({ run: run1, message: 'took 5 ms', steps: ['first', 'second'] })
    const { rows } = await listFailures(run)
    expect(rows).toMatchObject([
      {
        executionId: run1,
        status: 'failed',
        stepsFailed: 2,
        stepName: 'step 2',
        toolName: 'tool 2',
        message: 'took 5 ms',
      },
    ])
    expect(await database.sql('select from audit_logs where not success')).toHaveLength(5)
  })

  it('a cancelled run is not an error, also not after `executions cancel` with a reason', async () => {
    await clear()
    await fail({ status: 'cancelled', message: 'cancelled by user' })
    await fail({ status: 'success', message: null })
    const execution = await startRun(database, run)
    await cancelExecutions(run, [execution.executionId], { reason: 'started twice' })
    expect(await listFailures(run)).toEqual({ rows: [], nextCursor: null, hasMore: false })
    const { since, until, ...found } = await groupFailures(run)
    expect(found).toEqual({ groups: [], total: 0, runs: 0, removedRuns: 0 })
    expect(Date.parse(until) - Date.parse(since)).toBe(86_400_000)
  })

  it('a run without an error message has that of its failed step', async () => {
    await clear()
    await fail({ message: null, steps: ['first', 'second'], hour: 2 })
    await fail({ message: '', steps: [] })
    const { rows } = await listFailures(run)
    expect(rows.map(({ message, stepName }) => [message, stepName])).toEqual([
      ['second', 'step 2'],
      [null, null],
    ])
  })

  it('--tool is the tool of a failed step', async () => {
    await clear()
    await fail({ steps: ['a', 'b'] })
    for (const [toolName, count] of [
      ['tool 1', 1],
      ['tool 3', 0],
    ] as const)
      expect((await listFailures(run, { toolName })).rows).toHaveLength(count)
    await database.sql(`update workflow_steps set status = 'success' where step_number = 1`)
    expect((await listFailures(run, { toolName: 'tool 1' })).rows).toHaveLength(0)
  })

  it('pages of every size form the whole list, also with equal times', async () => {
    await clear()
    for (let n = 0; n < 24; n++)
      await fail({ status: n % 3 === 0 ? 'partial' : 'failed', hour: n % 5 })
    const { rows: all, nextCursor } = await listFailures(run, { limit: 100 })
    expect([all.length, nextCursor]).toEqual([24, null])
    expect(all.map(sortKey)).toEqual(all.map(sortKey).sort().reverse())
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

/** Each filter, and the same by hand. */
const filters: [filter: FailureFilter, where: string][] = [
  [{}, 'true'],
  [{ userId: 'user_9' }, `user_id = 'user_9'`],
  [{ modelId: 'gpt-4o' }, `model_id = 'gpt-4o'`],
  [{ workflowName: 'Weekly KPI digest' }, `workflow_name = 'Weekly KPI digest'`],
  [{ mode: 'Sales', userId: 'user_9' }, `user_id = 'user_9' and mode = 'Sales'`],
  [
    { toolName: 'PINECONE_QUERY' },
    `'PINECONE_QUERY failed' in (select tool_name || ' ' || status from workflow_steps s where s.execution_id = e.execution_id)`,
  ],
  [{ executionId: '81847785-b355-4f6f-8b88-bab5a5149f2c' }, `execution_id::text like '81847785%'`],
  [
    { since: '2026-09-01T00:00:00Z', until: '2026-11-01T00:00:00Z' },
    `to_char(start_time at time zone 'UTC', 'YYYY-MM') in ('2026-09', '2026-10')`,
  ],
]
const ENDED = `from workflow_executions e where status not in ('running', 'success', 'cancelled')`

describe('of the adopted database, against statements that share nothing with ours', () => {
  const ofLegacy = runOn(() => legacy)
  it.each(filters)('the list with %j', async (filter, where) => {
    const wanted = await legacy.sql(
      `select execution_id as id ${ENDED} and (${where}) order by start_time desc, 1 desc`,
    )
    expect(wanted.length).toBeGreaterThan(0)
    const { rows } = await listFailures(ofLegacy, { ...filter, limit: 1000 })
    expect(rows.map(({ executionId }) => executionId)).toEqual(wanted.map(({ id }) => id))
  })

  it.each(filters)('the groups with %j', async (filter, where) => {
    const { since = '2026-06-01T00:00:00Z', until = '2026-11-26T00:00:00Z' } = filter
    const options = { ...filter, since, until, limit: 100 }
    const { groups, runs } = await groupFailures(ofLegacy, options)
    // Messages of that application differ in nothing that a fingerprint takes out, so they are their own groups.
    const counted = await legacy.sql(
      `select error_message as message, count(*)::int as runs, sum(steps_failed)::int as steps
       ${ENDED} and (${where}) and start_time >= $1 and start_time < $2 group by 1`,
      [since, until],
    )
    const there = groups.filter(({ runs }) => runs > 0)
    expect(
      Object.fromEntries(
        there.map(({ example, runs, stepsFailed }) => [example, [runs, stepsFailed]]),
      ),
    ).toEqual(
      Object.fromEntries(counted.map(({ message, runs, steps }) => [message, [runs, steps]])),
    )
    expect(runs).toBe(counted.reduce((sum, row) => sum + Number(row.runs), 0))
    expect(there.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(counted.length ? 1 : 0)
  })
})
