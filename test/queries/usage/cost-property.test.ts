// @module-tag slow
import fc from 'fast-check'
import type pg from 'pg'
import { Temporal } from 'temporal-polyfill'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Run } from '../../../src/db/query/query.ts'
import { costBy, DIMENSION_FIELDS, DIMENSIONS } from '../../../src/queries/usage/cost.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import {
  foldRuns,
  insertRuns,
  instantOf,
  micros,
  runOn,
  type Seed,
  trillionths,
} from './support.ts'

let database: TestDatabase
let client: pg.Client
let run: Run

beforeAll(async () => {
  database = await createMigrated('cost_property')
  client = await database.connect()
  run = runOn(client)
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

/** The dimensions that removed runs have too; tags.test.ts has those of which the history knows less. */
const KEPT = DIMENSIONS.filter((dimension) => dimension !== 'session')
type Dimension = (typeof KEPT)[number]

/** What a run has in a dimension, by Temporal's calendar. */
function valueIn(dimension: Dimension, of: Seed, timeZone: string): string {
  const date = Temporal.Instant.from(instantOf(of.start)).toZonedDateTimeISO(timeZone).toPlainDate()
  switch (dimension) {
    case 'day':
      return date.toString()
    case 'week':
      return date.subtract({ days: date.dayOfWeek - 1 }).toString()
    case 'month':
      return date.toPlainYearMonth().toString()
    default:
      return of[dimension]
  }
}

/** Around changes of the clock: some at midnight, some of half an hour; far back, and in a far year. */
const SPANS = [
  ['2024-03-29T00:00:00Z', 12 * 86_400],
  ['2024-10-25T00:00:00Z', 12 * 86_400],
  ['2016-10-29T00:00:00Z', 3 * 86_400],
  ['2044-12-30T00:00:00Z', 3 * 86_400],
] as const
const ZONES = [
  ...[
    'UTC',
    'Europe/Berlin',
    'Europe/Brussels',
    'Asia/Kathmandu',
    'America/St_Johns',
    'America/Havana',
  ],
  ...['Australia/Lord_Howe', 'Africa/Cairo', 'Pacific/Chatham', 'America/New_York'],
]

const seeds = fc.array(
  fc
    .record({
      user: fc.constantFrom('a', 'B', 'ä', 'other'),
      workflow: fc.constantFrom('w', 'W 2'),
      mode: fc.constantFrom('Sales', 'Support'),
      model: fc.constantFrom('x', 'y', 'z'),
      status: fc.constantFrom('running', 'success', 'failed', 'partial', 'cancelled'),
      span: fc.constantFrom(...SPANS),
      part: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      cost: fc.bigInt(0n, 10n ** 15n),
      tokens: fc.integer({ min: 0, max: 10 ** 10 }),
    })
    .map(({ span: [from, seconds], part, ...rest }): Seed => {
      const start = micros(from) + BigInt(Math.floor(part * seconds * 1e6))
      return { ...rest, start }
    }),
  { maxLength: 60 },
)

const quarterHours = fc
  .record({
    span: fc.constantFrom(...SPANS),
    bounds: fc.tuple(fc.integer({ min: 0, max: 1152 }), fc.integer({ min: 0, max: 1152 })),
  })
  .map(({ span: [from], bounds }) => {
    const [first, last] = bounds.sort((a, b) => a - b)
    const at = (quarter = 0) => instantOf(micros(from) + BigInt(quarter) * 900_000_000n)
    return first === last ? {} : { since: at(first), until: at(last) }
  })

it('rows and total match the runs, computed with Temporal and a plain sum, before and after any cleanup', async () => {
  const options = fc.record({
    by: fc.subarray(KEPT, { minLength: 1, maxLength: 3 }),
    timeZone: fc.constantFrom(...ZONES),
    bounds: fc.oneof(fc.constant({}), quarterHours) as fc.Arbitrary<{
      since?: string
      until?: string
    }>,
    status: fc.option(fc.constant(['success', 'failed'] as const), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(seeds, options, fc.array(fc.boolean()), async (all, asked, folded) => {
      await insertRuns(database, all)
      const { bounds, ...rest } = asked
      const answer = () => costBy(run, { ...rest, ...bounds })
      const before = await answer()

      const chosen = all.filter(
        ({ start, status }) =>
          (bounds.since === undefined || start >= micros(bounds.since)) &&
          (bounds.until === undefined || start < micros(bounds.until)) &&
          (asked.status === undefined || (asked.status as readonly string[]).includes(status)),
      )
      expect(summed(before.rows, asked.by)).toEqual(
        counted(chosen, (of) => asked.by.map((name) => valueIn(name, of, asked.timeZone)).join()),
      )
      expect(before.rows.reduce((sum, { cost }) => sum + trillionths(cost), 0n)).toBe(
        trillionths(before.total.cost),
      )
      const [plain] = await database.sql(
        `select count(*)::int as runs, coalesce(sum(total_cost), 0)::text as cost, coalesce(sum(total_tokens), 0)::float as tokens
         from workflow_executions where start_time >= $1 and start_time < $2 and status = any($3)`,
        [
          ...[bounds.since ?? '-infinity', bounds.until ?? 'infinity'],
          asked.status ?? ['running', 'success', 'failed', 'partial', 'cancelled'],
        ],
      )
      expect(before.total).toMatchObject(plain as object)

      const places = all.flatMap((_, index) =>
        folded[index % (folded.length || 1)] ? [index] : [],
      )
      const starts = places.map((place) => instantOf((all[place] as Seed).start))
      await foldRuns(database, 'start_time = any($1::timestamptz[])', [starts])
      expect(await answer()).toEqual(before)
    }),
    { numRuns: 80 },
  )
})

interface Sum {
  runs: number
  cost: bigint
  tokens: number
}

function counted(seeds: readonly Seed[], keyOf: (seed: Seed) => string): Record<string, Sum> {
  const sums: Record<string, Sum> = {}
  for (const one of seeds) {
    sums[keyOf(one)] ??= { runs: 0, cost: 0n, tokens: 0 }
    const sum = sums[keyOf(one)] as Sum
    sum.runs++
    sum.cost += one.cost
    sum.tokens += one.tokens
  }
  return sums
}

function summed(rows: Awaited<ReturnType<typeof costBy>>['rows'], by: readonly Dimension[]) {
  const entries = rows.map((row): [string, Sum] => {
    expect(row.other).toBe(false)
    const key = by.map((name) => row[DIMENSION_FIELDS[name]]).join()
    return [key, { runs: row.runs, cost: trillionths(row.cost), tokens: Number(row.tokens) }]
  })
  const sums = Object.fromEntries(entries)
  expect(Object.keys(sums)).toHaveLength(rows.length)
  return sums
}
