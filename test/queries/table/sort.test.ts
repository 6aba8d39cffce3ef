import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sortRows } from '../../../src/cli/options/sort-rows.ts'
import type { Column } from '../../../src/cli/output/column.ts'
import { type Execution, openStore, type SortKey, type Store } from '../../../src/index.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
let client: pg.Client
let store: Store

beforeAll(async () => {
  database = await createMigrated('sort')
  client = await database.connect()
  store = openStore({ databaseUrl: database.url })
})
afterAll(async () => {
  await store.close()
  await client.end()
  await database.drop()
})

const NAMES = [
  'totalCost',
  'userId',
  'durationMs',
  'errorMessage',
  'totalTokens',
  'startTime',
] as const

const run = fc.record({
  user: fc.constantFrom('a', 'B', 'b', 'ä', 'Z', '_', '😀', '\uffff'),
  // The two differ in a digit that a double does not have.
  cost: fc.constantFrom(
    '0',
    '0.1',
    '0.10000000000000000001',
    '9007199254740993',
    '9007199254740992',
  ),
  tokens: fc.constantFrom(0, 9, 10),
  seconds: fc.option(fc.constantFrom(1, 2, 10)),
  error: fc.option(fc.constantFrom('x', 'y')),
})

const columns: Column<Execution>[] = [
  { name: 'totalCost', kind: 'amount' },
  { name: 'userId', kind: 'text' },
  { name: 'durationMs', kind: 'duration' },
  { name: 'errorMessage', kind: 'text' },
  { name: 'totalTokens', kind: 'count' },
  { name: 'startTime', kind: 'time' },
]

describe('a list with sort', () => {
  it('is in the order of its fields, exact, nulls last, then by id, and as a whole result is sorted', async () => {
    const sorts = fc.uniqueArray(
      fc.record({ name: fc.constantFrom(...NAMES), descending: fc.boolean() }),
      { minLength: 1, maxLength: 3, selector: ({ name }) => name },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(run, { maxLength: 12 }), sorts, async (rows, terms) => {
        await client.query('delete from workflow_executions')
        await client.query(
          `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, total_cost, total_tokens, start_time, end_time, error_message)
           select 'w', "user", 'm', 'x', 'success', cost::numeric, tokens, timestamptz '2026-01-01Z' + n * interval '1 us',
                  timestamptz '2026-01-01Z' + n * interval '1 us' + seconds * interval '1 s', error
           from rows from (json_to_recordset($1) as ("user" text, cost text, tokens int, seconds int, error text)) with ordinality
             as r ("user", cost, tokens, seconds, error, n)`,
          [JSON.stringify(rows)],
        )
        const sort = terms.map(
          ({ name, descending }): SortKey<Execution> => (descending ? `${name}:desc` : name),
        )
        // The whole result begins in order of ids, which decide between equal rows.
        const byId = (await store.executions.list({ limit: 100, sort: 'executionId' })).rows
        expect(byId.map(({ executionId }) => executionId)).toEqual(
          byId.map(({ executionId }) => executionId).sort(),
        )
        const isOwn = terms.length === 1 && terms[0]?.name === 'startTime'
        const { rows: sorted } = await store.executions.list({ limit: 100, sort })
        expect(sorted).toEqual(sortRows(columns, terms, byId))
        if (!isOwn)
          expect((await store.executions.list({ limit: 3, sort })).rows).toEqual(sorted.slice(0, 3))
      }),
      { numRuns: 60 },
    )
  })

  it('gives the most expensive runs first, also where a double has not enough digits', async () => {
    await client.query('delete from workflow_executions')
    await client.query(`insert into workflow_executions (workflow_name, user_id, mode, model_id, total_cost)
      select 'w', 'u', 'm', 'x', c from unnest('{9007199254740992,9007199254740993,0.2,0.10000000000000001,0.1}'::numeric[]) as c`)
    const { rows } = await store.executions.list({ sort: ['totalCost:desc'] })
    expect(rows.map(({ totalCost }) => totalCost)).toEqual([
      ...['9007199254740993', '9007199254740992', '0.2', '0.10000000000000001', '0.1'],
    ])
  })

  it('refuses an unknown field, JSON, another direction, and a cursor', async () => {
    const list = (sort: unknown, cursor?: string) =>
      store.executions.list({ sort: sort as SortKey<Execution>, cursor })
    const refused = (message: string) => expect.objectContaining({ code: 'usage', message })
    for (const sort of [
      'cost',
      'metadata',
      'totalCost:up',
      'totalCost:desc:asc',
      '',
      'total_cost; drop',
    ])
      await expect(list(sort)).rejects.toEqual(
        refused(`sort is ${JSON.stringify(sort)}, not a field`),
      )
    await expect(list([7])).rejects.toEqual(refused('sort is 7, not a field'))
    const { nextCursor } = await store.executions.list({ limit: 1 })
    await expect(list('totalCost', nextCursor as string)).rejects.toEqual(
      refused('sort and cursor cannot be used together'),
    )
    expect((await list('startTime:desc', nextCursor as string)).rows).toHaveLength(4)
  })
})

it('every list can be sorted by every field that has an order', async () => {
  const step = { executionId: '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57' }
  const lists: [(options: object) => Promise<unknown>, object][] = [
    [(options) => store.executions.list(options), {}],
    [(options) => store.executions.running(options), {}],
    [(options) => store.steps.list({ ...step, ...options }), step],
    [(options) => store.audit.list(options), {}],
    [(options) => store.errors.list(options), {}],
    [(options) => store.metrics.list(options), {}],
    [(options) => store.billing.list(options), {}],
    [(options) => store.cleanups.list(options), {}],
  ]
  for (const [list, filter] of lists) {
    const refused = list({ ...filter, sort: '?' })
    const { hint } = (await refused.catch((error: unknown) => error)) as { hint: string }
    const names = /^use one of (.*), with/.exec(hint)?.[1]?.split(', ') ?? []
    expect(names.length).toBeGreaterThan(5)
    for (const name of names) await list({ ...filter, sort: [name, `${names[0]}:desc`] })
  }
})
