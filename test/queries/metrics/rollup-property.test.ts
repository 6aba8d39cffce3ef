// @module-tag slow
import fc from 'fast-check'
import type pg from 'pg'
import { Temporal } from 'temporal-polyfill'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Run } from '../../../src/db/query/query.ts'
import { PERIODS, type Period } from '../../../src/queries/metrics/periods.ts'
import { rollupMetrics } from '../../../src/queries/metrics/rollup.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { runOn } from '../usage/support.ts'
import { everyMetric } from './support.ts'

let database: TestDatabase
let client: pg.Client
let run: Run

beforeAll(async () => {
  database = await createMigrated('rollup_property')
  client = await database.connect()
  run = runOn(client)
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

const clear = () =>
  database.sql('truncate workflow_executions, audit_logs, observability_metrics cascade')

interface SeedRun {
  /** Milliseconds since 1970, and those until its end; null where it has none. */
  at: number
  took: number | null
  user: string
  model: string
  status: string
  /** Hundredths of a dollar. */
  cents: number
  tokens: number
}
interface SeedEntry {
  at: number
  user: string
  model: string | null
  tool: string | null
  success: boolean
}
type Step =
  | { add: 'run'; seed: SeedRun }
  | { add: 'entry'; seed: SeedEntry }
  /** Ends a run that was added before, and makes it dearer. */
  | { add: 'end'; of: number }
  | { add: 'rollup' }

/** Around changes of the clock: at midnight, at 2 o'clock, of half an hour. */
const instants = fc
  .constantFrom(
    ...['2024-03-10T04:00:00Z', '2024-11-03T03:00:00Z', '2024-03-31T00:00:00Z'],
    ...['2024-10-27T00:00:00Z', '2024-04-06T15:00:00Z', '2024-11-03T05:00:00Z'],
  )
  .chain((near) =>
    fc
      .oneof(fc.integer({ min: -3600, max: 3600 }), fc.integer({ min: -40 * 3600, max: 40 * 3600 }))
      .map((seconds) => Date.parse(near) + seconds * 1000 + 1),
  )
const users = fc.constantFrom('a', 'b\n"')
const models = fc.constantFrom('gpt', 'ö')
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        add: fc.constant('run' as const),
        seed: fc.record({
          at: instants,
          took: fc.option(fc.integer({ min: 0, max: 10_000_000 })),
          user: users,
          model: models,
          status: fc.constantFrom('running', 'success', 'failed', 'partial', 'cancelled'),
          cents: fc.nat(1000),
          tokens: fc.nat(1000),
        }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        add: fc.constant('entry' as const),
        seed: fc.record({
          at: instants,
          user: users,
          model: fc.option(models),
          tool: fc.option(fc.constantFrom('mail', 'search')),
          success: fc.boolean(),
        }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ add: fc.constant('end' as const), of: fc.nat(20) }),
    },
    { weight: 2, arbitrary: fc.record({ add: fc.constant('rollup' as const) }) },
  ),
  { maxLength: 25 },
)
const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/Havana', 'Australia/Lord_Howe', 'Asia/Kathmandu'],
] as const

it('several rollups with late rows give the same values as one rollup at the end and as a model', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.constantFrom(...PERIODS),
      fc.constantFrom(...ZONES),
      async (all, period, timeZone) => {
        await clear()
        const rollup = (since?: string) =>
          rollupMetrics(run, { period, timeZone, ...(since === undefined ? {} : { since }) })
        const runs: SeedRun[] = []
        const entries: SeedEntry[] = []
        for (const step of all) {
          if (step.add === 'run') runs.push(await addRun(step.seed, runs.length))
          else if (step.add === 'entry') entries.push(await addEntry(step.seed))
          else if (step.add === 'rollup') await rollup()
          else if (step.of in runs) runs[step.of] = await endRun(runs[step.of] as SeedRun, step.of)
        }
        const wanted = model(runs, entries, period, timeZone)
        await rollup()
        // Runs are exact at any time; old entries need a --since.
        const ofRuns = (type: string) => type !== 'tool_success_rate'
        const seen = async () =>
          (await everyMetric(database)).map(
            ({ time, user, type, value, dimensions }) =>
              [time, user, type, value, dimensions] as const,
          )
        expect((await seen()).filter(([, , type]) => ofRuns(type))).toEqual(
          wanted.filter(([, , type]) => ofRuns(type as string)),
        )
        await rollup('2020-01-01T00:00:00Z')
        expect(await seen()).toEqual(wanted)

        const grown = await everyMetric(database)
        await database.sql('truncate observability_metrics')
        await rollup()
        expect(await everyMetric(database)).toEqual(grown)
      },
    ),
    { numRuns: 60 },
  )
})

const uuid = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`
const iso = (ms: number) => new Date(ms).toISOString()

async function addRun(seed: SeedRun, number: number): Promise<SeedRun> {
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens)
     values ($1, 'w', $2, 'Sales', $3, $4, $5, $6, $7::numeric / 100, $8)`,
    [
      ...[uuid(number), seed.user, seed.model, iso(seed.at)],
      ...[seed.took === null ? null : iso(seed.at + seed.took), seed.status],
      ...[seed.cents, seed.tokens],
    ],
  )
  return seed
}

async function endRun(seed: SeedRun, number: number): Promise<SeedRun> {
  await database.sql(
    `update workflow_executions set status = 'success', total_cost = total_cost + 1,
       end_time = $2 where execution_id = $1`,
    [uuid(number), iso(seed.at + 90_000)],
  )
  return { ...seed, status: 'success', took: 90_000, cents: seed.cents + 100 }
}

async function addEntry(seed: SeedEntry): Promise<SeedEntry> {
  await database.sql(
    `insert into audit_logs (timestamp, user_id, action_type, action_details, tool_name, model_id, success)
     values ($1, $2, 'tool_call', 'd', $3, $4, $5)`,
    [iso(seed.at), seed.user, seed.tool, seed.model, seed.success],
  )
  return seed
}

type Expected = (string | undefined)[]

/** The same in JavaScript: groups in maps, the calendar Temporal's, quotients of whole numbers. */
function model(
  runs: readonly SeedRun[],
  entries: readonly SeedEntry[],
  period: Period,
  timeZone: string,
): Expected[] {
  const rows: Expected[] = []
  for (const [key, group] of grouped(runs, ({ at, user, model: of }) => [
    ...[bucketOf(at, period, timeZone), user],
    `{"mode": "Sales", "model": "${of}"}`,
  ])) {
    const [time, user, dimensions] = key
    const add = (type: string, value: string) => rows.push([time, user, type, value, dimensions])
    const sum = (of: (seed: SeedRun) => number) => group.reduce((all, seed) => all + of(seed), 0)
    const timed = group.filter(({ took }) => took !== null)
    const ended = group.filter(({ status }) => status !== 'running')
    add('token_usage', String(sum(({ tokens }) => tokens)))
    add(
      'cost',
      quotient(
        sum(({ cents }) => cents),
        100,
        2,
      ),
    )
    if (timed.length > 0)
      add(
        'execution_time',
        quotient(
          sum(({ took }) => took ?? 0),
          timed.length,
          3,
        ),
      )
    if (ended.length > 0) {
      const good = ended.filter(({ status }) => status === 'success').length
      add('workflow_success_rate', quotient(100 * good, ended.length, 4))
      const errors = ended.filter(({ status }) => ['failed', 'partial'].includes(status)).length
      add('error_rate', quotient(100 * errors, ended.length, 4))
    }
  }
  const calls = entries.filter(({ tool }) => tool !== null)
  for (const [key, group] of grouped(calls, ({ at, user, tool }) => [
    ...[bucketOf(at, period, timeZone), user],
    `{"tool": "${tool}"}`,
  ])) {
    const good = group.filter(({ success }) => success).length
    rows.push([key[0], key[1], 'tool_success_rate', quotient(100 * good, group.length, 4), key[2]])
  }
  const places = [0, 1, 2, 4]
  return rows.sort((a, b) => {
    const place = places.find((one) => a[one] !== b[one])
    return place === undefined ? 0 : Buffer.compare(bytes(a[place]), bytes(b[place]))
  })
}

const bytes = (text: string | undefined) => Buffer.from(text ?? '')

function grouped<T>(items: readonly T[], keyOf: (item: T) => string[]): [string[], T[]][] {
  const groups = new Map<string, [string[], T[]]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(JSON.stringify(key)) ?? [key, []]
    group[1].push(item)
    groups.set(JSON.stringify(key), group)
  }
  return [...groups.values()]
}

function bucketOf(at: number, period: Period, timeZone: string): string {
  const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone)
  const date = local.toPlainDate()
  const dayOf = {
    day: date,
    week: date.subtract({ days: date.dayOfWeek - 1 }),
    month: date.with({ day: 1 }),
  }
  if (period !== 'hour') return dayOf[period].toZonedDateTime(timeZone).toInstant().toString()
  // By its clock, not by its calendar: the hour that comes twice is two hours. What a change has left of an hour begins
  // with the change.
  const start = local.subtract({
    minutes: local.minute,
    seconds: local.second,
    milliseconds: local.millisecond,
  })
  const change = local.getTimeZoneTransition('previous')
  if (change && start.offset !== local.offset) return change.toInstant().toString()
  return start.toInstant().toString()
}

/** Rounded half away from zero, without zeros at the end. */
function quotient(dividend: number, divisor: number, places: number): string {
  const scaled =
    (2n * BigInt(dividend) * 10n ** BigInt(places) + BigInt(divisor)) / (2n * BigInt(divisor))
  const digits = String(scaled).padStart(places + 1, '0')
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '')
}
