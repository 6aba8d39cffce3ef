import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { failedSteps, GROUP_RUNS } from '../../../src/queries/errors/group.ts'
import { failureTrends, groupFailures } from '../../../src/queries/errors/groups.ts'
import { page } from '../../../src/queries/table/page.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { clear, DAY, type Failing, fail as failOn, runOn } from './support.ts'

let database: TestDatabase
const run = runOn(() => database)
const fail = (failing: Failing) => failOn(database, failing)

beforeAll(async () => {
  database = await createMigrated('error_trends')
})
beforeEach(() => clear(database))
afterAll(() => database.drop())

it('counts the runs of a group in equal parts of both windows, with the first and the last instant of each', async () => {
  for (const hour of [-24, -18.01, -18, -0.0001, 0, 5.9999, 6, 23.9999]) await fail({ hour })
  // Outside of both windows.
  for (const hour of [-24.01, 24]) await fail({ hour })
  const { groups } = await failureTrends(run, DAY, 4)
  expect(groups.map(({ series }) => series)).toEqual([[2, 1, 0, 1, 2, 1, 0, 1]])
})

it('the parts of each group add up to its numbers for any number of parts', async () => {
  for (let n = 0; n < 60; n++)
    await fail({ hour: ((n * 7919) % 48) - 24, message: `${'abc'[n % 3]} went` })
  for (const parts of [1, 7, 24]) {
    const { groups } = await failureTrends(run, DAY, parts)
    expect(groups).toHaveLength(3)
    const sum = (counts: number[]) => counts.reduce((all, count) => all + count, 0)
    for (const { series, runs, before } of groups) {
      expect(series).toHaveLength(2 * parts)
      expect([sum(series.slice(0, parts)), sum(series.slice(parts))]).toEqual([before, runs])
    }
  }
})

it('groups have no series for the library', async () => {
  await fail({})
  const { groups } = await groupFailures(run, DAY)
  expect(groups[0]).not.toHaveProperty('series')
})

it('lists the runs of one group, newest first, in pages', async () => {
  const ids = ['1', '2', '3'].map((n) => `0000000${n}-0000-7000-8000-000000000000`)
  for (const [n, id] of ids.entries())
    await fail({ run: id, hour: n + 1, message: `limit ${n} reached` })
  await fail({ hour: 2, message: 'another' })
  await fail({ hour: 30, message: 'limit 7 reached' })
  const filter = { ...DAY, fingerprint: 'limit <n> reached', limit: 2 }
  const first = await page(run, GROUP_RUNS, filter)
  const second = await page(run, GROUP_RUNS, { ...filter, cursor: first.nextCursor })
  expect([...first.rows, ...second.rows].map((row) => row.executionId)).toEqual(ids.toReversed())
  expect(second.hasMore).toBe(false)
})

it('a group of runs without a message is that of their failed step, as in the groups', async () => {
  await fail({ message: null, steps: ['no answer after 30 s'] })
  const { groups } = await groupFailures(run, DAY)
  const [fingerprint] = groups.map((group) => group.fingerprint)
  const { rows } = await page(run, GROUP_RUNS, { ...DAY, fingerprint: String(fingerprint) })
  expect(rows.map(({ message }) => message)).toEqual(['no answer after 30 s'])
})

it('says in which steps the runs of a group failed, and which runs have no failed step', async () => {
  await fail({ message: 'boom', steps: ['a', 'b'], hour: 1 })
  await fail({ message: 'boom', steps: ['c'], hour: 2 })
  await fail({ message: 'boom', hour: 3 })
  await fail({ message: 'other', steps: ['d'], hour: 4 })
  // A step that has not failed is not counted.
  await database.sql(
    `insert into workflow_steps (execution_id, step_number, step_name, status)
     select execution_id, 9, 'step 9', 'success' from workflow_executions`,
  )
  const found = await failedSteps(run, { ...DAY, fingerprint: 'boom' }, 10)
  expect(
    found.map(({ stepName, toolName, runs, steps }) => [stepName, toolName, runs, steps]),
  ).toEqual([
    ['step 1', 'tool 1', 2, 2],
    [null, null, 1, 0],
    ['step 2', 'tool 2', 1, 1],
  ])
})
