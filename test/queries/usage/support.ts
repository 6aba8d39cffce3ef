import type pg from 'pg'
import { Temporal } from 'temporal-polyfill'
import { query, type Run } from '../../../src/db/query/query.ts'
import type { TestDatabase } from '../../support/database.ts'
import { onLayout } from '../../support/on-layout.ts'

export const runOn = (client: pg.Client): Run =>
  onLayout((statement, shape) => query(client, statement, shape))

/** What cleanup makes of runs: sums by the quarter of an hour of their start. `where` is SQL on workflow_executions. */
export async function foldRuns(
  database: TestDatabase,
  where: string,
  values: unknown[] = [],
): Promise<void> {
  await database.sql(
    `with gone as (delete from workflow_executions where ${where} returning *)
     insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
       steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
     select date_bin('15 minutes', start_time, 'epoch'), user_id, workflow_name, mode, model_id, status, count(*),
       sum(total_cost), sum(total_tokens), sum(steps_total), sum(steps_completed), sum(steps_failed), count(end_time),
       coalesce(sum(extract(epoch from end_time - start_time) * 1000), 0), max(start_time)
     from gone group by 1, 2, 3, 4, 5, 6`,
    values,
  )
}

/** The same of audit entries. */
export async function foldAudit(database: TestDatabase, where: string): Promise<void> {
  await database.sql(
    `with gone as (delete from audit_logs where ${where} returning *)
     insert into audit_history (quarter_start, user_id, entries)
     select date_bin('15 minutes', timestamp, 'epoch'), user_id, count(*) from gone group by 1, 2`,
  )
}

/** A decimal with up to 12 places as a whole number of trillionths. */
export function trillionths(amount: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(amount) ?? []
  if (whole === undefined) throw new Error(`${amount} has more than 12 places`)
  return BigInt(`${sign}${whole}${fraction.padEnd(12, '0')}`)
}

/** A run for a test. */
export interface Seed {
  user: string
  workflow: string
  mode: string
  model: string
  status: string
  /** Microseconds since 1970. */
  start: bigint
  /** Trillionths of a dollar. */
  cost: bigint
  tokens: number
}

export const dollars = (cost: bigint) =>
  `${cost / 10n ** 12n}.${String(cost % 10n ** 12n).padStart(12, '0')}`
export const instantOf = (micros: bigint) =>
  Temporal.Instant.fromEpochNanoseconds(micros * 1000n).toString({ smallestUnit: 'microsecond' })

/** These runs and no others. */
export async function insertRuns(database: TestDatabase, seeds: readonly Seed[]): Promise<void> {
  await database.sql('truncate workflow_executions, usage_history cascade')
  await database.sql(
    `insert into workflow_executions (user_id, workflow_name, mode, model_id, status, start_time, total_cost, total_tokens)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::numeric[], $8::bigint[])`,
    [
      seeds.map(({ user }) => user),
      seeds.map(({ workflow }) => workflow),
      seeds.map(({ mode }) => mode),
      seeds.map(({ model }) => model),
      seeds.map(({ status }) => status),
      seeds.map(({ start }) => instantOf(start)),
      seeds.map(({ cost }) => dollars(cost)),
      seeds.map(({ tokens }) => tokens),
    ],
  )
}

export const seed = (fields: Partial<Seed> = {}): Seed => ({
  ...{ user: 'u', workflow: 'w', mode: 'm', model: 'x', status: 'success', tokens: 10 },
  ...{ start: micros('2024-06-01T12:00:00Z'), cost: 10n ** 12n },
  ...fields,
})
export const micros = (text: string) => Temporal.Instant.from(text).epochNanoseconds / 1000n
