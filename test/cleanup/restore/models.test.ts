// @module-tag slow
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import { cleanup } from '../../../src/cleanup/cleanup.ts'
import { restoreArchive } from '../../../src/cleanup/restore/restore.ts'
import { costBy, type Dimension } from '../../../src/queries/usage/cost.ts'
import { reportStats } from '../../../src/queries/usage/report-stats.ts'
import { runOn, trillionths } from '../../queries/usage/support.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { withoutTriggers } from '../../support/triggers.ts'
import { clear, uuid } from '../cleanup-support.ts'

let database: TestDatabase
let client: pg.Client
let folder: string
beforeAll(async () => {
  database = await createMigrated('models_property')
  client = await database.connect()
  folder = mkdtempSync(join(tmpdir(), 'wfstore-models-'))
})
afterAll(async () => {
  await client.end()
  await database.drop()
  rmSync(folder, { recursive: true })
})

const MODELS = ['large', 'small', 'tiny']
const DAYS = 3
const step = fc.record({
  model: fc.option(fc.constantFrom(...MODELS), { nil: null }),
  cost: fc.oneof(fc.nat(5), fc.nat(10 ** 9)),
  tokens: fc.nat(100),
  source: fc.constantFrom('given', 'unpriced', null),
})
const runs = fc.array(
  fc.record({
    user: fc.constantFrom('a', 'b'),
    workflow: fc.constantFrom('v', 'w'),
    mode: fc.constantFrom('m', 'n'),
    model: fc.constantFrom('large', 'small'),
    status: fc.constantFrom('success', 'failed'),
    /** Many runs of a quarter of an hour have the same key. */
    day: fc.nat(DAYS - 1),
    tags: fc.dictionary(fc.constantFrom('team', 'project'), fc.constantFrom('x', 'y')),
    steps: fc.array(step, { maxLength: 4 }),
    /** Cost without a step, as an adopted run can have it. */
    more: fc.oneof(fc.constant(0), fc.nat(100)),
  }),
  { minLength: 1, maxLength: 8 },
)
const event = fc.oneof(
  fc.record({ kind: fc.constant('runs' as const), runs }),
  fc.record({
    kind: fc.constant('cleanup' as const),
    before: fc.integer({ min: 1, max: DAYS }),
    batchSize: fc.constantFrom(1, 3, 20_000),
  }),
  fc.record({ kind: fc.constant('restore' as const), which: fc.nat() }),
  fc.record({
    kind: fc.constant('tags' as const),
    tags: fc.subarray(['team', 'project', 'other']),
  }),
)
type Runs = typeof runs extends fc.Arbitrary<infer T> ? T : never

const dayOf = (day: number) => `2025-01-0${day + 1}`
/** Billionths of a dollar. */
const amount = (billionths: number) => `${billionths}e-9`

async function add(all: Runs, from: number): Promise<void> {
  const seeds = JSON.stringify(
    all.map((run, place) => ({
      ...run,
      id: uuid(from + place),
      start: `${dayOf(run.day)}T10:0${place % 3}:00Z`,
      more: amount(run.more),
      steps: run.steps.map((one) => ({ ...one, cost: amount(one.cost) })),
    })),
  )
  const rows = `jsonb_to_recordset($1) as r (id uuid, "user" text, workflow text, mode text, model text, status text,
    start timestamptz, tags jsonb, steps jsonb, more numeric)`
  await client.query(
    `insert into workflow_executions (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time, tags)
     select id, "user", workflow, mode, model, status, start, start + interval '1 min', tags from ${rows}`,
    [seeds],
  )
  await client.query(
    `insert into workflow_steps (execution_id, step_number, step_name, model_id, cost, tokens_used, cost_source)
     select r.id, row_number() over (partition by r.id), 's', s.model, s.cost, s.tokens, s.source
     from ${rows}, jsonb_to_recordset(r.steps) as s (model text, cost numeric, tokens bigint, source text)`,
    [seeds],
  )
  // As in an adopted row: the triggers would make it the sum of the steps again.
  await withoutTriggers(database, [
    `update workflow_executions e set total_cost = total_cost + r.more from ${rows} where e.execution_id = r.id and r.more > 0`,
    [seeds],
  ])
}

type Sums = Map<string, { runs: number; cost: bigint; tokens: number }>
const BY: [Dimension, keyof Runs[number]][] = [
  ['user', 'user'],
  ['workflow', 'workflow'],
  ['mode', 'mode'],
  ['status', 'status'],
  ['day', 'day'],
  ['model', 'model'],
]

/** What each model, user and so on costs, added up from the steps. */
function sumsOf(all: Runs, dimension: Dimension, field: keyof Runs[number]): Sums {
  const sums: Sums = new Map()
  const plus = (key: string, runs: number, cost: number, tokens: number) => {
    const sum = sums.get(key) ?? { runs: 0, cost: 0n, tokens: 0 }
    sums.set(key, {
      runs: sum.runs + runs,
      cost: sum.cost + BigInt(cost) * 1000n,
      tokens: sum.tokens + tokens,
    })
  }
  for (const run of all) {
    const own = field === 'day' ? dayOf(run.day) : String(run[field])
    plus(own, 1, run.more, 0)
    for (const { model, cost, tokens } of run.steps)
      plus((dimension === 'model' && model) || own, 0, cost, tokens)
  }
  for (const [key, { runs, cost, tokens }] of sums)
    if (runs === 0 && cost === 0n && tokens === 0) sums.delete(key)
  return sums
}

async function check(all: Runs): Promise<void> {
  const run = runOn(client)
  const costs = async (dimension: Dimension, filter = {}) => {
    const { rows, total, unpriced } = await costBy(run, { by: dimension, ...filter })
    const keyed = rows.map(({ runs, cost, tokens, costPerRun, share, other, ...key }) => {
      const [name] = Object.values(key)
      return [String(name), { runs, cost: trillionths(cost), tokens }] as const
    })
    return { sums: new Map(keyed) as Sums, total, unpriced }
  }
  const unpriced = all.flatMap(({ model: own, steps }) =>
    steps.flatMap(({ source, model }) => (source === 'unpriced' ? [model ?? own] : [])),
  )
  const withoutPrice = { steps: unpriced.length, models: new Set(unpriced).size }
  for (const [dimension, field] of BY) {
    const found = await costs(dimension)
    expect(found.sums).toEqual(sumsOf(all, dimension, field))
    expect(found.unpriced).toEqual(withoutPrice)
    let cost = 0n
    for (const sum of found.sums.values()) cost += sum.cost
    expect([found.total.runs, trillionths(found.total.cost)]).toEqual([all.length, cost])
  }
  const models = sumsOf(all, 'model', 'model')
  for (const modelId of MODELS) {
    const of = models.get(modelId) ?? { runs: 0, cost: 0n, tokens: 0 }
    const stats = await reportStats(run, { modelId })
    const { totalExecutions, totalCostExact, totalTokens } = stats
    expect([totalExecutions, trillionths(totalCostExact), totalTokens]).toEqual([
      of.runs,
      of.cost,
      of.tokens,
    ])
    expect(stats.unpriced.steps).toBe(unpriced.filter((model) => model === modelId).length)
    let cost = 0n
    for (const sum of (await costs('user', { modelId })).sums.values()) cost += sum.cost
    expect(cost).toBe(of.cost)
  }
}

it('no sum moves, by any dimension, with steps of several models, cleanups, restores and other cost tags in between', async () => {
  let [place, restored] = [0, 0]
  await fc.assert(
    fc.asyncProperty(runs, fc.array(event, { minLength: 2, maxLength: 10 }), async (first, all) => {
      await clear(database.sql)
      await database.sql(
        `insert into wfstore_settings (time_zone) values ('UTC') on conflict (only_row) do update set cost_tags = '{}'`,
      )
      const known: Runs = []
      const archives: string[] = []
      for (const one of [{ kind: 'runs' as const, runs: first }, ...all]) {
        if (one.kind === 'runs') {
          await add(one.runs, known.length)
          known.push(...one.runs)
        } else if (one.kind === 'tags') {
          await database.sql('update wfstore_settings set cost_tags = $1', [one.tags])
        } else if (one.kind === 'cleanup') {
          const archive = join(folder, String(++place))
          const { removed } = await cleanup(client, {
            ...{ before: `${dayOf(one.before - 1)}T12:00:00Z`, batchSize: one.batchSize },
            ...{ allowAll: true, pauseMs: 0, archive: archiveInFolder(archive) },
          })
          if (removed.execution > 0) archives.push(archive)
        } else {
          const [archive] = archives.splice(one.which % (archives.length || 1), 1)
          if (archive === undefined) continue
          await restoreArchive(client, archive)
          restored++
        }
        await check(known)
      }
      for (const archive of archives) await restoreArchive(client, archive)
      await check(known)
      // All are back, so the history has nothing left.
      expect(await database.sql('select * from usage_history')).toEqual([])
    }),
    // A cluster takes longer for each.
    { numRuns: citusUrl ? 6 : 25 },
  )
  expect(restored).toBeGreaterThan(citusUrl ? 0 : 5)
})
