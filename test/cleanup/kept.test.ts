import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { countCleanup } from '../../src/cleanup/count.ts'
import { createRoles } from '../../src/db/migrate/roles.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createAdopted, createMigrated } from '../support/migrated.ts'
import { dropRoles } from '../support/privileges.ts'
import { withoutTriggers } from '../support/triggers.ts'
import {
  addEntry,
  addRun,
  beforehand,
  clean,
  cleanupsIn,
  clear,
  sumOf,
  uuid,
} from './cleanup-support.ts'
import { idsOf, leftOf, readStore, removedFrom } from './oracle.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('cleanup_kept')
})
beforeEach(() => clear(database.sql))
afterAll(() => database.drop())

const CUTOFF = '2024-06-01T00:00:00Z'
const numbersOf = async () =>
  (
    await database.sql('select execution_id as id from workflow_executions order by execution_id')
  ).map(({ id }) => Number((id as string).slice(-12)))

describe('keepLast', () => {
  /** Runs 11 to 15 of A: 12 to 14 began in one microsecond. Two of B, one of them running. One of C. One of D is new. */
  beforeEach(async () => {
    const same = '2024-01-03T00:00:00.000007Z'
    for (const [number, label, start, status] of [
      [11, 'A', '2024-01-01Z', 'success'],
      [13, 'A', same, 'failed'],
      [12, 'A', same, 'success'],
      [14, 'A', same, 'cancelled'],
      [15, 'A', '2024-01-05Z', 'partial'],
      [21, 'B', '2024-01-01Z', 'success'],
      [22, 'B', '2024-01-02Z', 'running'],
      [31, "C'\n", '2020-01-01Z', 'success'],
      [41, 'D', '2024-01-01Z', 'success'],
      [42, 'D', '2024-07-01Z', 'success'],
    ] as const) {
      const id = uuid(number)
      const end = status === 'running' ? null : start
      await addRun(database.sql, { id, label, start, end, status, steps: 1 })
      await addEntry(database.sql, { id: uuid(number + 100), run: id, at: '2024-01-01Z' })
    }
  })

  it.each([
    // One that runs, or is new, is one of the newest too.
    [1, [15, 22, 31, 42]],
    [2, [14, 15, 21, 22, 31, 41, 42]],
    [3, [13, 14, 15, 21, 22, 31, 41, 42]],
    [4, [12, 13, 14, 15, 21, 22, 31, 41, 42]],
    [5, [11, 12, 13, 14, 15, 21, 22, 31, 41, 42]],
    [2 ** 31 - 1, [11, 12, 13, 14, 15, 21, 22, 31, 41, 42]],
  ])(
    'of %i keeps that number of runs of every workflow with their entries; of runs with one start time the greater id',
    async (keepLast, wanted) => {
      const counted = await withClient(database, (client) =>
        countCleanup(client, { before: CUTOFF, keepLast }),
      )
      const result = await clean(database, { before: CUTOFF, keepLast, batchSize: 2 })
      expect(await numbersOf()).toEqual(wanted)
      const gone = 10 - wanted.length
      expect(result).toMatchObject({
        keepLast,
        removed: { execution: gone, step: gone, audit: gone },
        // Run 22 runs, and 42 is not old.
        kept: {
          execution: { newest: wanted.length - 2, running: 1 },
          audit: { runKept: wanted.length },
        },
      })
      expect(counted.remove).toEqual(result.removed)
      expect(counted.kept).toEqual(beforehand(result.kept))
      const entries = await database.sql('select execution_id as id from audit_logs order by 1')
      expect(entries.map(({ id }) => id)).toEqual(wanted.map(uuid))
      expect(await database.sql('select keep_last::int8::text as n from wfstore_cleanups')).toEqual(
        [{ n: String(keepLast) }],
      )
    },
  )
})

it('a legacy database, with its NULLs, keeps the same runs as a computation outside of SQL, at every instant', async () => {
  const adopted = await createAdopted('cleanup_legacy')
  onTestFinished(() => adopted.drop())
  // As the old application could leave them. A row of a distributed table gets another execution with another row.
  await withoutTriggers(
    adopted,
    [
      `update workflow_executions set created_at = null, updated_at = null, metadata = null where total_tokens % 3 = 0`,
    ],
    [`update workflow_executions set end_time = null where total_tokens % 2 = 0`],
    [`create temporary table moved as select * from audit_logs where tokens_used % 7 = 1`],
    [`update moved set execution_id = wfstore_no_run()`],
    [`delete from audit_logs where tokens_used % 7 = 1`],
    [`insert into audit_logs select * from moved`],
  )
  const instants = await adopted.sql(
    `select to_json(t) #>> '{}' as text, (extract(epoch from t) * 1000000)::bigint::text as micros
     from (select percentile_disc(array[0.02, 0.3, 0.31, 0.6, 0.9, 1]) within group (order by coalesce(end_time, updated_at, start_time)) as all
           from workflow_executions) p, unnest(p.all) t order by t`,
  )
  const began = await readStore(adopted)
  expect(began.runs.length).toBe(160)
  expect(
    began.runs.some(({ end, updated, status }) => !end && !updated && status !== 'running'),
  ).toBe(true)
  let store = began
  for (const { text, micros } of instants) {
    const wanted = leftOf(store, BigInt(micros as string))
    const { removed } = await clean(adopted, { before: text as string, batchSize: 50 })
    const left = await readStore(adopted)
    expect(idsOf(left), text as string).toEqual(idsOf(wanted))
    expect(removed).toEqual(removedFrom(store, wanted))
    store = left
  }
  expect(store.runs.length).toBeLessThan(20)
  const rows = await cleanupsIn(adopted)
  expect(rows).toHaveLength(6)
  expect(sumOf(rows)).toEqual(removedFrom(began, store))
})

describe('roles', () => {
  const prefix = `cleaning_${randomBytes(4).toString('hex')}`
  beforeAll(async () => {
    await withClient(database, (client) => createRoles(client, { schema: undefined, prefix }))
  })
  afterAll(() => dropRoles(database, prefix))
  const as = (role: string) => async () => {
    const client = await database.connect()
    await client.query(`set role ${prefix}_${role}`)
    return client
  }
  beforeEach(async () => {
    await addRun(database.sql, {
      id: uuid(1),
      label: 'w',
      start: '2024-01-01Z',
      end: '2024-01-01Z',
      steps: 2,
    })
    await addEntry(database.sql, { id: uuid(2), run: uuid(1), at: '2024-01-01Z' })
  })
  const NOTHING = { execution: 0, step: 0, audit: 0, metric: 0 }

  it('the cleaner needs no other privilege, also with locked rows', async () => {
    const client = await as('cleaner')()
    await database.sql('begin')
    await database.sql('select 1 from workflow_steps where execution_id = $1 for update', [uuid(1)])
    expect(await cleanup(client, { allowAll: true, before: CUTOFF, batchSize: 1 })).toMatchObject({
      kept: { execution: { locked: 1 } },
    })
    await database.sql('commit')
    expect(await cleanup(client, { allowAll: true, before: CUTOFF, keepLast: 1 })).toMatchObject({
      kept: { execution: { newest: 1 } },
    })
    expect(await cleanup(client, { allowAll: true, before: CUTOFF })).toMatchObject({
      outcome: 'done',
      removed: { execution: 1, step: 2, audit: 1, metric: 0 },
    })
    await client.end()
  })

  it.each(['writer', 'reader'])('the %s is refused, and nothing is changed', async (role) => {
    const client = await as(role)()
    await expect(cleanup(client, { allowAll: true, before: CUTOFF })).rejects.toMatchObject({
      code: 'permission_denied',
    })
    await client.end()
    expect(await numbersOf()).toEqual([1])
    expect(sumOf(await cleanupsIn(database))).toEqual(NOTHING)
  })

  it('a role that does not see every run is refused: the entries of hidden runs would be removed', async () => {
    await database.sql('alter table workflow_executions enable row level security')
    onTestFinished(async () => {
      await database.sql('alter table workflow_executions disable row level security')
    })
    const client = await as('cleaner')()
    await expect(cleanup(client, { allowAll: true, before: CUTOFF })).rejects.toMatchObject({
      code: 'permission_denied',
      message: expect.stringContaining('row-level security'),
    })
    await expect(countCleanup(client, { before: CUTOFF })).rejects.toMatchObject({
      code: 'permission_denied',
    })
    await client.end()
    expect(await numbersOf()).toEqual([1])
    expect(await database.sql('select from audit_logs')).toHaveLength(1)
    // Refused before it begins, as on a wrong schema.
    expect(await cleanupsIn(database)).toEqual([])
  })
})
