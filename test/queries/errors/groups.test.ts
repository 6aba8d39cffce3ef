import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanup } from '../../../src/cleanup/cleanup.ts'
import { groupFailures } from '../../../src/queries/errors/groups.ts'
import { reportStats } from '../../../src/queries/usage/report-stats.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { AT, clear as clearOn, DAY, type Failing, fail as failOn, runOn } from './support.ts'

let database: TestDatabase
const run = runOn(() => database)
const fail = (failing: Failing) => failOn(database, failing)
const clear = () => clearOn(database)

beforeAll(async () => {
  database = await createMigrated('error_groups')
})
afterAll(() => database.drop())

describe('groups', () => {
  const trends: [now: number, before: number, trend: string][] = [
    [1, 0, 'new'],
    [0, 1, 'gone'],
    [1, 1, 'steady'],
    [3, 1, 'steady'],
    [4, 1, 'rising'],
    [9, 6, 'rising'],
    [8, 6, 'steady'],
    [29, 20, 'steady'],
    [30, 20, 'rising'],
    [1, 4, 'falling'],
    [2, 4, 'steady'],
    [6, 9, 'falling'],
  ]
  it.each(trends)('%i now and %i before is %s', async (now, before, trend) => {
    await clear()
    for (let n = 0; n < now; n++) await fail({ hour: n % 24 })
    for (let n = 0; n < before; n++) await fail({ hour: -1 - (n % 24) })
    const { groups, total } = await groupFailures(run, DAY)
    expect(total).toBe(1)
    expect(groups.map(({ trend, runs, before }) => [trend, runs, before])).toEqual([
      [trend, now, before],
    ])
  })

  it('a window includes its start and excludes its end', async () => {
    await clear()
    for (const hour of [-24.01, -24, -0.01, 0, 23.99, 24]) await fail({ hour })
    const { groups } = await groupFailures(run, DAY)
    expect(groups.map(({ runs, before }) => [runs, before])).toEqual([[2, 2]])
  })

  it('the earlier window has the same number of hours in every time zone', async () => {
    await clear()
    // Clocks went back on 25 October 2026: 25 hours of Berlin are one of its days.
    for (const at of ['2026-10-24T00:00:00Z', '2026-10-23T23:59:00Z', '2026-10-27T12:00:00Z'])
      await fail({ hour: (Date.parse(at) - Date.parse(AT)) / 3_600_000 })
    await database.sql(`alter database ${database.name} set timezone to 'Europe/Berlin'`)
    const { groups } = await groupFailures(run, {
      since: '2026-10-27T00:00:00Z',
      until: '2026-10-30T00:00:00Z',
    })
    await database.sql(`alter database ${database.name} reset timezone`)
    expect(groups.map(({ runs, before }) => [runs, before])).toEqual([[1, 1]])
  })

  it('runs with one message are one group, with their failed steps, users and workflows', async () => {
    await clear()
    const run1 = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
    const steps = ['took 5 ms', 'another']
    await fail({ message: 'took 5 ms', hour: 5, user: 'a', workflow: 'one', run: run1, steps })
    await fail({ status: 'partial', message: 'took 70 s', hour: 4, user: 'b', workflow: 'two' })
    await fail({ status: 'cancelled', message: 'took 6 ms', hour: 5, user: 'c' })
    // The engine wrote the message only to the step.
    await fail({ message: null, hour: 2, user: 'a', workflow: 'two', steps: ['took 9 ms'] })
    await fail({ message: null, hour: 7, workflow: 'three' })
    const { groups, total, runs } = await groupFailures(run, DAY)
    expect([total, runs]).toEqual([2, 4])
    expect(groups[0]).toEqual({
      trend: 'new',
      runs: 3,
      before: 0,
      stepsFailed: 3,
      share: 3 / 4,
      users: 2,
      workflows: 2,
      workflowNames: ['one', 'two'],
      firstTime: '2026-11-20T02:00:00.000000Z',
      lastTime: '2026-11-20T05:00:00.000000Z',
      fingerprint: 'took <n>',
      example: 'took 5 ms',
      exampleExecutionId: run1,
    })
    expect(groups.slice(1).map(({ fingerprint, example }) => [fingerprint, example])).toEqual([
      ['', null],
    ])
  })

  it('runs of the groups and removed runs are together the failed and partial runs of stats, before and after a cleanup', async () => {
    await clear()
    for (const [hour, status] of Object.entries([
      'failed',
      'failed',
      'partial',
      'cancelled',
    ] as const))
      await fail({ hour: Number(hour), status, message: `code ${hour}`, user: `user ${hour}` })
    const sums = async (userId?: string) => {
      const { groups, runs, removedRuns } = await groupFailures(run, { ...DAY, userId })
      const { failedExecutions, partialExecutions } = await reportStats(run, { ...DAY, userId })
      expect(runs).toBe(groups.reduce((sum, group) => sum + group.runs, 0))
      expect(runs + (removedRuns ?? 0)).toBe(failedExecutions + partialExecutions)
      return [runs, removedRuns]
    }
    expect(await sums()).toEqual([3, 0])
    await database.sql(
      `update workflow_executions set end_time = (start_time at time zone 'UTC' + interval '1 minute') at time zone 'UTC'`,
    )
    const client = await database.connect()
    await cleanup(client, { allowAll: true, before: '2026-11-20T01:30:00Z' })
    await client.end()
    expect(await sums()).toEqual([1, 2])
    expect(await sums('user 1')).toEqual([0, 1])
    expect((await groupFailures(run, { ...DAY, toolName: 'x' })).removedRuns).toBeNull()
  })

  it('a group that is gone has its last time and its users', async () => {
    await clear()
    await fail({ hour: -5, user: 'a', workflow: 'one', message: 'x' })
    await fail({ hour: -3, user: 'b', workflow: 'two', message: 'x' })
    const { groups } = await groupFailures(run, DAY)
    expect(groups).toMatchObject([
      {
        trend: 'gone',
        runs: 0,
        share: 0,
        users: 2,
        workflows: 2,
        firstTime: '2026-11-19T19:00:00.000000Z',
        lastTime: '2026-11-19T21:00:00.000000Z',
      },
    ])
  })

  it('a limit returns the most frequent groups and their number; shares are of all groups', async () => {
    await clear()
    for (const [message, count] of [
      ['a', 1],
      ['b', 3],
      ['c', 2],
    ] as const)
      for (let n = 0; n < count; n++) await fail({ message })
    const { groups, total } = await groupFailures(run, { ...DAY, limit: 2 })
    expect([total, groups.map(({ fingerprint, share }) => [fingerprint, share])]).toEqual([
      3,
      [
        ['b', 0.5],
        ['c', 2 / 6],
      ],
    ])
    const all = await groupFailures(run, { ...DAY, limit: Number.POSITIVE_INFINITY })
    expect(all.groups).toHaveLength(3)
  })

  it('without bounds the window is the last 24 hours', async () => {
    await clear()
    for (const hours of [1, 23, 25, 47, 49])
      await fail({ hour: (Date.now() - Date.parse(AT)) / 3_600_000 - hours })
    const { groups } = await groupFailures(run)
    expect(groups.map(({ runs, before }) => [runs, before])).toEqual([[2, 2]])
  })
})
