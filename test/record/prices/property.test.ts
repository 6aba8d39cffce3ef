// @module-tag slow
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sameRun } from '../../../src/db/distributed/layout.ts'
import { archiveInFolder, openStore, type Store } from '../../../src/index.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

const MODELS = ['gpt-4o', 'haiku', 'local'] as const
const CLASSES = ['input', 'output', 'cacheRead'] as const
const USERS = ['ann', 'bob'] as const

/** US dollars as a whole number of 1e-8: a price is in cents for a million tokens. */
const UNIT = 10n ** 8n
const dollars = (units: bigint): string => {
  const text = `${units / UNIT}.${String(units % UNIT).padStart(8, '0')}`
  return text.replace(/\.?0+$/, '')
}

const model = fc.constantFrom(...MODELS)
const tokens = fc.record({
  input: fc.nat(3_000_000),
  output: fc.nat(2_000_000),
  cacheRead: fc.constantFrom(0, 0, 7, 1_000_000),
})
const aStep = fc.record({
  by: fc.constantFrom('recorder' as const, 'batch' as const, 'late' as const),
  model: fc.option(model, { nil: undefined }),
  tokens,
  given: fc.option(fc.integer({ min: 0, max: 900_000_000 }), { nil: undefined }),
})
const event = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('price' as const),
      model,
      class: fc.constantFrom(...CLASSES),
      cents: fc.integer({ min: 0, max: 9_999 }),
      inDays: fc.constantFrom(0, 0, 0, 30),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      user: fc.constantFrom(...USERS),
      model,
      steps: fc.array(aStep, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cleanup' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
)
type Run = Extract<typeof event extends fc.Arbitrary<infer E> ? E : never, { kind: 'run' }>

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-prices-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What the books must say, computed with whole numbers. */
class Expected {
  readonly prices = new Map<string, bigint>()
  readonly cost = new Map<string, bigint>()
  unpriced = 0

  add(key: string, units: bigint) {
    this.cost.set(key, (this.cost.get(key) ?? 0n) + units)
  }

  step(run: Run, { model = run.model, tokens, given }: Run['steps'][number]) {
    let units = 0n
    if (given !== undefined) units = BigInt(given)
    else {
      for (const name of CLASSES) {
        const price = this.prices.get(`${model} ${name}`)
        if (tokens[name] > 0 && price === undefined) {
          this.unpriced++
          units = 0n
          break
        }
        // A cent for a million tokens is 1e-8 for each.
        units += BigInt(tokens[name]) * (price ?? 0n)
      }
    }
    this.add(`model ${model}`, units)
    this.add(`user ${run.user}`, units)
    this.add('total', units)
  }
}

async function record(store: Store, run: Run) {
  const { user: userId, model: modelId, steps } = run
  const execution = await store.startExecution({
    ...{ workflowName: 'w', mode: 'm', userId, modelId },
  })
  const batch = store.batch()
  const late: (() => Promise<void>)[] = []
  const written: Promise<unknown>[] = []
  for (const [stepNumber, { by, model, tokens, given }] of steps.entries()) {
    const of = { stepNumber, stepName: 's', ...(model ? { modelId: model } : {}) }
    const end = {
      status: 'success' as const,
      tokens,
      ...(given === undefined ? {} : { cost: dollars(BigInt(given)) }),
    }
    if (by === 'batch')
      written.push(batch.step({ executionId: execution.executionId, ...of, ...end }))
    else {
      const step = await execution.startStep(of)
      if (by === 'late') late.push(() => step.finish(end))
      else await step.finish(end)
    }
  }
  await batch.close()
  await Promise.all(written)
  await execution.finish({ status: 'success' })
  for (const finish of late) await finish()
}

/** Bills whose lines, and runs whose steps, do not add up to them. */
const WRONG = `
  select 'bill' as what, b.billing_id as id from billing_records b left join wfstore_bill_lines l on l.billing_id = b.billing_id and ${sameRun('b', 'l')}
  group by b.execution_id, b.billing_id
  having coalesce(sum(l.cost), 0) <> b.cost or coalesce(sum(l.quantity) filter (where l.meter <> 'request'), 0) <> b.tokens_total
  union all
  select 'run', e.execution_id from workflow_executions e left join workflow_steps s using (execution_id) group by e.execution_id
  having coalesce(sum(s.cost), 0) <> e.total_cost or coalesce(sum(s.tokens_used), 0) <> e.total_tokens
  union all
  select 'bills', e.execution_id from workflow_executions e join billing_records b using (execution_id) group by e.execution_id
  having sum(b.cost) <> e.total_cost`

async function check(store: Store, database: TestDatabase, expected: Expected) {
  expect(await database.sql(WRONG)).toEqual([])
  const total = dollars(expected.cost.get('total') ?? 0n)
  expect(trimmed((await store.getStats()).totalCostExact)).toBe(total)
  const of = (kind: string) =>
    new Map(
      [...expected.cost].flatMap(([key, units]) =>
        key.startsWith(`${kind} `) && units > 0n
          ? [[key.slice(kind.length + 1), dollars(units)] as const]
          : [],
      ),
    )
  const named = (rows: readonly { key: string | null | undefined; cost: string }[]) =>
    new Map(
      rows.flatMap(({ key, cost }) =>
        trimmed(cost) === '0' ? [] : [[key ?? '', trimmed(cost)] as const],
      ),
    )
  const by = async (dimension: 'model' | 'user') => {
    const report = await store.cost({ by: dimension })
    expect(trimmed(report.total.cost)).toBe(total)
    return named(
      report.rows.map((row) => ({
        key: dimension === 'model' ? row.modelId : row.userId,
        cost: row.cost,
      })),
    )
  }
  expect(await by('model')).toEqual(of('model'))
  expect(await by('user')).toEqual(of('user'))
  const period = (await store.billing.period()).period
  for (const dimension of ['model', 'user'] as const) {
    const bills = await store.billing.summary({ period, by: dimension })
    expect(trimmed(bills.total.cost)).toBe(total)
    expect(named(bills.rows)).toEqual(of(dimension))
  }
}

/** The sum of 0.15 and 0.15 is 0.30 in PostgreSQL. */
const trimmed = (amount: string) => (amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount)

it('lines = bill = run = steps = cost by model and user, with any prices, given costs, late steps, cleanups and restores', async () => {
  let place = 0
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 12 }), async (events) => {
      const database = await createMigrated('price-property')
      const store = openStore({ databaseUrl: database.url })
      const expected = new Expected()
      const archives: string[] = []
      try {
        for (const given of events) {
          if (given.kind === 'price') {
            await database.sql(
              `insert into wfstore_prices (model, meter, price, valid_from, source)
               values ($1, $2, $3::numeric / 100, now() + make_interval(days => $4), 'own')`,
              [
                given.model,
                given.class === 'cacheRead' ? 'cache_read' : given.class,
                given.cents,
                given.inDays,
              ],
            )
            if (given.inDays === 0)
              expected.prices.set(`${given.model} ${given.class}`, BigInt(given.cents))
          } else if (given.kind === 'run') {
            await record(store, given)
            for (const step of given.steps) expected.step(given, step)
          } else if (given.kind === 'cleanup') {
            const archive = join(folder, `${++place}`)
            const { archive: written } = await store.cleanup({
              ...{ before: new Date(), allowAll: true, batchSize: 2, pauseMs: 0 },
              archive: archiveInFolder(archive),
            })
            if (written) archives.push(archive)
          } else if (archives.length > 0) {
            await store.restore(archives.pop() as string)
          }
          await check(store, database, expected)
        }
      } finally {
        await store.close()
        await database.drop()
      }
    }),
    { numRuns: 15 },
  )
})
