import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { type CostOptions, costBy } from '../../../src/queries/usage/cost.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { foldRuns, insertRuns, micros, runOn, type Seed, seed } from './support.ts'

let database: TestDatabase
let client: pg.Client
let run: Run

beforeAll(async () => {
  database = await createMigrated('cost')
  client = await database.connect()
  run = runOn(client)
})
beforeEach(() => database.sql('truncate workflow_executions, usage_history cascade'))
afterAll(async () => {
  await client.end()
  await database.drop()
})

const insert = (seeds: readonly Seed[]) => insertRuns(database, seeds)

it.each<[string, string, string, string]>([
  [
    'whose midnight comes twice begins with the first',
    'America/Havana',
    '2024-11-03T04:30:00Z',
    '2024-11-03',
  ],
  ['ends where it begins twice', 'America/Havana', '2024-11-03T03:59:59Z', '2024-11-02'],
  [
    'without a midnight begins when the clock has moved forward',
    'Africa/Cairo',
    '2024-04-25T22:00:00Z',
    '2024-04-26',
  ],
])('a day %s', async (_, timeZone, start, day) => {
  await insert([seed({ start: micros(start) })])
  expect((await costBy(run, { by: 'day', timeZone })).rows).toMatchObject([{ day }])
})

describe('the order of the rows', () => {
  const users = (rows: { userId?: string | null }[]) => rows.map(({ userId }) => userId)
  const costs: [string, bigint][] = [
    ['a', 1n],
    ['b', 5n],
    ['c', 3n],
    ['d', 3n],
    ['e', 2n],
  ]

  it('is by cost, the highest first, and of equals by name', async () => {
    await insert(costs.map(([user, cost]) => seed({ user, cost: cost * 10n ** 12n })))
    expect(users((await costBy(run, { by: 'user' })).rows)).toEqual(['b', 'c', 'd', 'e', 'a'])
  })

  it('is by time first if a dimension is a time', async () => {
    const day = (date: string, user: string, cost: bigint) =>
      seed({ user, cost, start: micros(`${date}T12:00:00Z`) })
    await insert([
      day('2024-06-02', 'a', 9n),
      day('2024-06-01', 'b', 1n),
      day('2024-06-01', 'c', 2n),
    ])
    const { rows } = await costBy(run, { by: ['user', 'day'] })
    expect(rows.map(({ day, userId }) => `${day} ${userId}`)).toEqual([
      '2024-06-01 c',
      '2024-06-01 b',
      '2024-06-02 a',
    ])
  })

  it('top keeps the rows of the highest cost and adds the others up in a last row', async () => {
    await insert(costs.map(([user, cost]) => seed({ user, cost: cost * 10n ** 12n, tokens: 7 })))
    const { rows, total } = await costBy(run, { by: ['user', 'mode'], top: 2 })
    expect(users(rows)).toEqual(['b', 'c', null])
    expect(rows[2]).toEqual({
      ...{ userId: null, mode: null, runs: 3, cost: '6.000000000000', tokens: 21 },
      ...{ costPerRun: '2', share: 0.428571, other: true },
    })
    expect(total).toMatchObject({ runs: 5, cost: '14.000000000000', tokens: 35 })
    expect((await costBy(run, { by: 'user', top: 5 })).rows.some(({ other }) => other)).toBe(false)
  })
})

it('cost per run is rounded to 12 places at any size, and the share to six', async () => {
  await insert([
    seed({ user: 'a', cost: 10n ** 12n * 20_000_000_000n }),
    seed({ user: 'a', cost: 0n }),
    seed({ user: 'a', cost: 0n }),
    seed({ user: 'b', cost: 10n ** 12n * 10_000_000_000n }),
  ])
  await database.sql('update workflow_executions set total_cost = trim_scale(total_cost)')
  const { rows } = await costBy(run, { by: 'user' })
  expect(rows.map(({ costPerRun, share }) => [costPerRun, share])).toEqual([
    ['6666666666.666666666667', 0.666667],
    ['10000000000', 0.333333],
  ])
})

it('an empty store has no rows and a total of zeros; a total cost of 0 has no shares', async () => {
  const total = { runs: 0, cost: '0', tokens: 0, costPerRun: null, share: null }
  expect(await costBy(run, { by: ['day', 'user'], top: 3 })).toEqual({
    ...{
      rows: [],
      total,
      groups: 0,
      historyCut: 0,
      historyUnknown: [],
      unpriced: { steps: 0, models: 0 },
    },
  })
  await insert([seed({ cost: 0n })])
  expect((await costBy(run, { by: 'user' })).rows[0]).toMatchObject({
    share: null,
    costPerRun: '0',
  })
})

it('a removed run counts at the beginning of its quarter hour, and historyCut is the number of such runs', async () => {
  await insert([
    seed({ user: 'a', start: micros('2024-06-01T12:05:00Z') }),
    seed({ user: 'a', start: micros('2024-06-01T12:14:59Z') }),
    seed({ user: 'b', start: micros('2024-06-01T12:05:00Z') }),
    seed({ user: 'a', start: micros('2024-06-01T12:15:00Z') }),
  ])
  await foldRuns(database, 'true')
  const counts = async (options: Partial<CostOptions>) => {
    const { total, historyCut } = await costBy(run, { by: 'user', ...options })
    return [total.runs, historyCut]
  }
  const at = '2024-06-01T12:10:00Z'
  expect(await counts({ since: at })).toEqual([1, 3])
  expect(await counts({ until: at })).toEqual([3, 3])
  expect(await counts({ until: at, userId: 'b' })).toEqual([1, 1])
  expect(await counts({ since: '2024-06-01T12:15:00Z' })).toEqual([1, 0])
  expect(await counts({ until: '2024-06-01T12:15:00Z' })).toEqual([3, 0])
  expect(await counts({ since: at, until: '2024-06-01T12:12:00Z' })).toEqual([0, 3])
})

it.each<[string, object, RegExp]>([
  ['no dimension', { by: [] }, /by is empty/],
  ['one that does not exist', { by: ['user', 'tool'] }, /by is "tool", not one of user, mode/],
  ['one twice', { by: ['day', 'day'] }, /by has day twice/],
  [
    'an offset, which PostgreSQL reads the other way round',
    { by: 'day', timeZone: '+05:30' },
    /not a time zone/,
  ],
  ['a zone that does not exist', { by: 'day', timeZone: 'Mars/Olympus' }, /not a time zone/],
  ['a zone without summer time in PostgreSQL', { by: 'day', timeZone: 'CET' }, /not a time zone/],
  ['a top of 0', { by: 'user', top: 0 }, /top is 0, not a whole number from 1/],
  [
    'a filter that removed runs do not have',
    { by: 'user', toolName: 'x' },
    /filter toolName does not exist/,
  ],
  [
    'bounds the wrong way round',
    { by: 'user', since: '2024-06-02T00:00:00Z', until: '2024-06-01T00:00:00Z' },
    /not before/,
  ],
])('%s is refused before anything is sent', async (_, options, message) => {
  const unasked: Run = () => Promise.reject(new Error('the database was asked'))
  await expect(costBy(unasked, options as CostOptions)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(message),
  })
})

it('rows and total are from one snapshot: one statement is sent', async () => {
  let statements = 0
  const counting: Run = (statement, shape) => {
    statements++
    return query(client, statement, shape)
  }
  await costBy(counting, { by: ['month', 'user'], top: 1, since: '2024-06-01T00:01:00Z' })
  expect(statements).toBe(1)
})
