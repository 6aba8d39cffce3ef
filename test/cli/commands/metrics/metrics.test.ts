import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillDemo } from '../../../../src/demo/fill.ts'
import { openStore } from '../../../../src/index.ts'
import { rollupMetrics } from '../../../../src/queries/metrics/rollup.ts'
import { runOn } from '../../../queries/usage/support.ts'
import { NOW, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createAdopted, createMigrated } from '../../../support/migrated.ts'
import { parseExposition } from './exposition.ts'

let legacy: TestDatabase
let demo: TestDatabase
let empty: TestDatabase
/** The finished runs of the demo end on the day before. */
const DEMO_NOW = '2026-11-26T00:00:00.000Z'
const on = (database: TestDatabase, argv: string, options = {}) =>
  runCli(['metrics', ...argv.split(' ').filter(Boolean), '--database-url', database.url], {
    ...(database === demo ? { now: DEMO_NOW } : {}),
    ...options,
  })
const rows = async (database: TestDatabase, argv: string) => {
  const { code, stdout, stderr } = await on(database, `${argv} --json`)
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

beforeAll(async () => {
  legacy = await createAdopted('metrics_cli')
  demo = await createMigrated('metrics_demo')
  empty = await createMigrated('metrics_empty')
  for (const database of [legacy, demo]) {
    const client = await database.connect()
    if (database === demo) await fillDemo(client, new Date(DEMO_NOW))
    for (const period of ['hour', 'day', 'month'] as const)
      await rollupMetrics(runOn(client), { period })
    await client.end()
  }
  // When they were made is nothing for a golden file.
  await legacy.sql('update observability_metrics set created_at = timestamp')
})
afterAll(async () => {
  await legacy.drop()
  await demo.drop()
  await empty.drop()
})

describe('the output for the adopted database', () => {
  const forms: [name: string, argv: string, options: object][] = [
    ['list-80.txt', 'list', { terminal: 80 }],
    ['list-120.txt', 'list --period day', { terminal: 120 }],
    ['list.tsv', 'list --limit 20', {}],
    ['list-page.json', 'list --limit 2 -o json --page', {}],
    ['list.jsonl', 'list --limit 3 -o jsonl', {}],
    ['list.csv', 'list --limit 20 -o csv', {}],
    ['list-columns.tsv', 'list --limit 5 --columns metric_type,VALUE,user', {}],
    ['current-100.txt', '--period month', { terminal: 100 }],
    ['current.tsv', 'current --period month --type cost', {}],
    ['prometheus.txt', '-o prometheus --period month', {}],
    [
      'rollup.json',
      'rollup --period day --json --columns period,timeZone,since,unchanged,deleted,keptBecauseCleaned',
      {},
    ],
  ]
  it.each(forms)('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await on(legacy, argv, options)
    expect(code).toBe(0)
    expectGolden(`metrics/${name}`, stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`)
  })
})

describe('list', () => {
  const filters: [argv: string, where: string][] = [
    ['', 'true'],
    ['--type error_rate', `metric_type = 'error_rate'`],
    ['--period day', `aggregation_period = 'day'`],
    ['--user user_7', `user_id = 'user_7'`],
    [
      '--since 2026-09-01 --until 2026-10-01',
      `timestamp >= '2026-09-01Z' and timestamp < '2026-10-01Z'`,
    ],
    ['--since 2026-09-01 --tz Asia/Tokyo', `timestamp >= '2026-09-01 00:00+09'`],
    ['--since 30d', `timestamp >= timestamptz '2026-10-27 12:00Z'`],
    [
      '--user user_7 --type cost --period hour --since 90d',
      `user_id = 'user_7' and metric_type = 'cost' and aggregation_period = 'hour' and timestamp >= '2026-08-28 12:00Z'`,
    ],
    ['--user nobody', 'false'],
  ]
  it.each(filters)('%s lists the rows of an independent statement', async (argv, where) => {
    const wanted = await legacy.sql(
      `select metric_id as id, metric_value::text as value from observability_metrics where ${where} order by timestamp desc, metric_id desc`,
    )
    if (where !== 'false') expect(wanted.length).toBeGreaterThan(0)
    const { stdout } = await on(
      legacy,
      `list ${argv} --limit all --columns metricId,metricValue --no-headers`,
    )
    expect(stdout).toBe(wanted.map(({ id, value }) => `${id}\t${value}\n`).join(''))
  })

  it('pages form the whole list', async () => {
    const joined: string[] = []
    let cursor: string | null = null
    do {
      const page: { rows: { metricId: string }[]; nextCursor: string | null } = await rows(
        legacy,
        `list --type cost --page --limit 97${cursor ? ` --cursor ${cursor}` : ''}`,
      )
      joined.push(...page.rows.map(({ metricId }) => metricId))
      cursor = page.nextCursor
    } while (cursor)
    const all = await rows(legacy, 'list --type cost --limit all')
    expect(joined).toEqual(all.map(({ metricId }: { metricId: string }) => metricId))
  })

  it('of an empty store is an empty array, and a terminal names the command that computes metrics', async () => {
    expect(await on(empty, 'list --json')).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
    const note = 'no metrics; run `wfstore metrics rollup` to compute them\n'
    expect(await on(empty, 'list', { terminal: 80 })).toEqual({ code: 0, stdout: '', stderr: note })
  })
})

describe('current values', () => {
  it('are the newest of each type, user and dimensions, of two buckets of the finest period', async () => {
    const wanted = await demo.sql(
      `select distinct on (user_id, metric_type, dimensions) metric_id as id from observability_metrics
       where aggregation_period = 'hour' and timestamp >= '2026-11-25T22:00Z'
       order by user_id, metric_type, dimensions, timestamp desc`,
    )
    const seen = await rows(demo, '')
    expect(seen.map(({ metricId }: { metricId: string }) => metricId).toSorted()).toEqual(
      wanted.map(({ id }) => id).toSorted(),
    )
    expect(seen.length).toBeGreaterThan(10)
  })

  it('values older than two buckets are not current, except with --since', async () => {
    const later = { now: '2026-11-26T03:00:00Z' }
    const { stdout } = await on(demo, '--columns aggregationPeriod --no-headers', later)
    expect(new Set(stdout.trimEnd().split('\n'))).toEqual(new Set(['day']))
    expect((await on(demo, '--period hour', { ...later, terminal: 80 })).stderr).toBe(
      'no recent metrics; run `wfstore metrics rollup` to compute them\n',
    )
    const { stdout: since } = await on(
      demo,
      '--since 5h --columns aggregationPeriod --no-headers',
      later,
    )
    expect(new Set(since.trimEnd().split('\n'))).toEqual(new Set(['hour']))
  })

  it('in Prometheus have names by type, the numbers of the table, and the totals of the store', async () => {
    const seen = await rows(demo, '')
    const families = parseExposition((await on(demo, '-o prometheus')).stdout)
    const samples = (name: string) => families.find((family) => family.name === name)?.samples ?? []
    const names: Record<string, string> = {
      token_usage: 'wfstore_token_usage',
      cost: 'wfstore_cost_usd',
      execution_time: 'wfstore_execution_time_ms',
      error_rate: 'wfstore_error_rate_percent',
      tool_success_rate: 'wfstore_tool_success_rate_percent',
      workflow_success_rate: 'wfstore_workflow_success_rate_percent',
    }
    for (const [type, name] of Object.entries(names)) {
      const of = seen.filter(({ metricType }: { metricType: string }) => metricType === type)
      expect(samples(name)).toEqual(
        of.map((row: { dimensions: object; userId: string; metricValue: number }) => ({
          labels: { ...row.dimensions, period: 'hour', user: row.userId },
          value: row.metricValue,
        })),
      )
      expect(of.length).toBeGreaterThan(0)
    }
    const [totals] = await demo.sql(
      `select sum(total_cost)::float8 as cost, sum(total_tokens)::float8 as tokens,
         count(*) filter (where status = 'running')::int as running, count(*) filter (where status = 'failed')::int as failed
       from workflow_executions`,
    )
    const [audit] = await demo.sql('select count(*)::int as entries from audit_logs')
    expect({
      cost: samples('wfstore_cost_usd_total')[0]?.value,
      tokens: samples('wfstore_tokens_total')[0]?.value,
      running: samples('wfstore_executions_running')[0]?.value,
      failed: samples('wfstore_executions_total').find(({ labels }) => labels.status === 'failed')
        ?.value,
      entries: samples('wfstore_audit_entries_total')[0]?.value,
    }).toEqual({ ...totals, ...audit })
    expect(samples('wfstore_bucket_start_timestamp_seconds')).toEqual([
      { labels: { period: 'hour' }, value: Date.parse('2026-11-25T23:00:00Z') / 1000 },
    ])
  })

  it('of one user have that user in every sample', async () => {
    const { stdout } = await on(demo, '-o prometheus --user user_7')
    const families = parseExposition(stdout)
    const users = families
      .filter(({ name }) => name !== 'wfstore_bucket_start_timestamp_seconds')
      .flatMap(({ samples }) => samples.map(({ labels }) => labels.user))
    expect(new Set(users)).toEqual(new Set(['user_7']))
  })

  it('of any text, type and dimensions are lines that a scraper accepts', async () => {
    const store = openStore({ databaseUrl: empty.url })
    const add = (userId: string, metricType: string, dimensions: object) =>
      store.metrics.create({
        ...{ userId, metricType, dimensions },
        metricValue: 1,
        timestamp: NOW,
      })
    await add('a"b\\c\nd\x1b[31m', 'cost', { 'weird-key': 'x\ny', user: 'other', __name__: 'z' })
    await add('u', 'latency p99', { nested: { a: [1] }, none: null, yes: true })
    // As an older application may have stored it.
    await empty.sql(
      `insert into observability_metrics (user_id, metric_type, metric_value, timestamp, dimensions)
       values ('u', 'latency p99', 1, $1, '[1, 2]')`,
      [NOW],
    )
    await add('u', 'latency p99', { none: null })
    await store.close()
    const { code, stdout } = await on(empty, '-o prometheus')
    expect(code).toBe(0)
    const families = parseExposition(stdout)
    expect(families.find(({ name }) => name === 'wfstore_cost_usd')?.samples).toEqual([
      {
        labels: {
          ...{ user: 'a"b\\c\nd\\x1b[31m', period: 'hour', weird_key: 'x\ny', _name__: 'z' },
        },
        value: 1,
      },
    ])
    const labels = { period: 'hour', user: 'u', type: 'latency p99' }
    expect(families.find(({ name }) => name === 'wfstore_metric')?.samples).toEqual(
      expect.arrayContaining([
        { labels: { ...labels, nested: '{"a":[1]}', yes: 'true' }, value: 1 },
        { labels, value: 1 },
      ]),
    )
  })
})
