import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store } from '../../../src/index.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
let store: Store
beforeAll(async () => {
  database = await createMigrated('tree')
  store = openStore({ databaseUrl: database.url })
})
afterAll(async () => {
  await store.close()
  await database.drop()
})

const id = (number: number) => `0000${String(number).padStart(4, '0')}-0000-7000-8000-000000000000`
const numberOf = (executionId: string) => Number(executionId.slice(4, 8))

/** Runs by number with the number of their parent. The cost of a run is its number in thousandths of a dollar. */
const insert = async (runs: readonly [number: number, parent: number | null][]) => {
  await database.sql('delete from workflow_executions')
  await database.sql(
    `insert into workflow_executions (execution_id, parent_execution_id, workflow_name, user_id, mode, model_id, start_time, total_cost)
     select id, parent, 'w', 'u', 'm', 'x', '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second', n * 0.001
     from unnest($1::uuid[], $2::uuid[], $3::int[]) as r (id, parent, n)`,
    [
      runs.map(([number]) => id(number)),
      runs.map(([, parent]) => (parent === null ? null : id(parent))),
      runs.map(([number]) => number),
    ],
  )
}

const treeOf = async (number: number, options = {}) => {
  const { ancestors, children, childCount, costWithChildren } = await store.executions.tree(
    id(number),
    options,
  )
  return {
    ancestors: ancestors.map(({ executionId }) => numberOf(executionId)),
    children: children.map(({ executionId, depth }) => [numberOf(executionId), depth]),
    childCount,
    cost: Number(costWithChildren),
  }
}

it('a run has its ancestors, and its sub-runs each after its parent', async () => {
  await insert([
    [1, null],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 1],
    [6, 5],
    [7, null],
  ])
  expect(await treeOf(1)).toEqual({
    ancestors: [],
    children: [
      [2, 1],
      [3, 2],
      [4, 2],
      [5, 1],
      [6, 2],
    ],
    childCount: 5,
    cost: 0.021,
  })
  expect(await treeOf(3)).toEqual({ ancestors: [1, 2], children: [], childCount: 0, cost: 0.003 })
  expect((await store.executions.tree('00000002')).childCount).toBe(2)
})

it('a parent that is not in the store is no ancestor; without the run itself there is no tree', async () => {
  await insert([
    [2, 1],
    [3, 2],
  ])
  expect(await treeOf(3)).toMatchObject({ ancestors: [2] })
  await expect(store.executions.tree(id(1))).rejects.toThrow('does not exist')
})

it.each([
  ['of one run', [[1, 1]], 1, { ancestors: [], children: [], cost: 0.001 }],
  [
    'of three runs',
    [
      [1, 3],
      [2, 1],
      [3, 2],
    ],
    1,
    {
      ancestors: [2, 3],
      children: [
        [2, 1],
        [3, 2],
      ],
      cost: 0.006,
    },
  ],
  [
    'above a run',
    [
      [1, 2],
      [2, 1],
      [3, 2],
    ],
    3,
    { ancestors: [1, 2], children: [], cost: 0.003 },
  ],
] as [string, [number, number | null][], number, object][])(
  'a circle %s ends, and each run counts once',
  async (_, runs, root, tree) => {
    await insert(runs)
    expect(await treeOf(root)).toMatchObject(tree)
  },
)

it('sub-runs are cut at the limit, the nearest stay, and at a depth of 50; the count and the cost have all', async () => {
  await insert(
    Array.from({ length: 60 }, (_, i): [number, number | null] => [i + 1, i === 0 ? null : i]),
  )
  const deep = await treeOf(1)
  expect([deep.children.length, deep.children.at(-1), deep.childCount, deep.cost]).toEqual([
    50,
    [51, 50],
    59,
    1.83,
  ])
  expect((await treeOf(60)).ancestors).toHaveLength(50)
  await insert([
    [1, null],
    [2, 1],
    [3, 2],
    [4, 1],
  ])
  expect(await treeOf(1, { limit: 2 })).toMatchObject({
    children: [
      [2, 1],
      [4, 1],
    ],
    childCount: 3,
  })
})
