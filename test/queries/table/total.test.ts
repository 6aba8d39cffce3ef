import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { FAILURE_LIST } from '../../../src/queries/errors/errors.ts'
import { METRICS } from '../../../src/queries/metrics/metrics.ts'
import { type RowTotal, totalOf } from '../../../src/queries/table/total.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
let client: pg.Client
const run: Run = (statement, shape) => query(client, statement, shape)

beforeAll(async () => {
  database = await createMigrated('total')
  client = await database.connect()
  await client.query(`insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
    select 'u' || n / 10000, 'cost', n, timestamptz '2026-11-20Z' - n * interval '1 s' from generate_series(0, 29999) as n`)
  await client.query(`insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, status)
    select 'w', 'u', 'm', 'x', timestamptz '2026-11-20Z', s from unnest('{running,failed,partial,partial}'::text[]) as s`)
  await client.query('analyze observability_metrics')
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

/** The shards of a distributed store are taken to have as many rows as the one that Citus shows. */
const inTenThousands = ({ count, kind }: RowTotal) => [Math.round(count / 10_000), kind]

it('up to 10,000 rows are counted', async () => {
  expect(await totalOf(run, METRICS, { userId: 'u1' }, 20)).toEqual({
    count: 10_000,
    kind: 'exact',
  })
  expect(await totalOf(run, FAILURE_LIST, {}, 1)).toEqual({ count: 3, kind: 'exact' })
})

it('more rows are estimated, and no more than 10,001 are read for that', async () => {
  const counts: string[] = []
  const watched: Run = (statement, shape) => {
    const { text } = bound(statement)
    if (text.includes('count(*)')) counts.push(text)
    return query(client, statement, shape)
  }
  expect(inTenThousands(await totalOf(watched, METRICS, {}, 20))).toEqual([3, 'about'])
  expect(counts.join()).toMatch(
    /^select count\(\*\) as count from \(.* limit 10001\)\) as counted$/s,
  )
})

it('a count that the planner expects to be slow is not started', async () => {
  // A condition that only a scan of the whole table can answer, dear in the eyes of the planner.
  const slow = {
    ...METRICS,
    table: `(select * from observability_metrics where ${Array(400).fill(`md5(user_id) <> 'x'`).join(' and ')} and metric_value < 10)`,
  }
  const sent: string[] = []
  const watched: Run = (statement, shape) => {
    sent.push(bound(statement).text.split(' ')[0] as string)
    return query(client, statement, shape)
  }
  const total = await totalOf(watched, slow, {}, 20)
  expect([sent, total.kind === 'exact']).toEqual([['explain'], false])
})

it('a count that takes longer than expected ends, and is replaced by what is known', async () => {
  const endless = {
    ...METRICS,
    table: `(select m.* from observability_metrics m, pg_sleep(case when m.metric_value = 100 then 3600 else 0 end))`,
  }
  const total = await totalOf(run, endless, { userId: 'u0' }, 20)
  expect(total.kind).not.toBe('exact')
  expect(total.count).toBeGreaterThanOrEqual(20)
  // The connection is in no transaction, and its limit is as before.
  expect((await client.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }])
})

it('rows that are removed meanwhile do not make the total smaller than what is shown', async () => {
  expect(await totalOf(run, METRICS, { userId: 'u9' }, 20)).toEqual({ count: 20, kind: 'more' })
})

it('without a transaction, which a pooler may refuse, nothing is counted', async () => {
  const pooled: Run = (statement, shape) =>
    bound(statement).text.startsWith('begin')
      ? Promise.reject(new Error('transaction blocks are not allowed'))
      : query(client, statement, shape)
  expect(inTenThousands(await totalOf(pooled, METRICS, {}, 20))).toEqual([3, 'about'])
})
