import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { migrate, untilBlocked } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { applyFix, detailsOf, findingOf, flushStatistics } from './support.ts'

let store: TestDatabase

beforeEach(async () => {
  await store?.drop()
  store = await createMigrated('doctor_storage')
})
afterAll(() => store.drop())

/** Finished runs spread evenly over this number of days up to now, with steps and audit entries. */
async function fill(runs: number, days: number): Promise<void> {
  await store.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time)
     select md5(i::text)::uuid, 'w' || i % 3, 'u', 'm', 'x', 'success', t, t + interval '10 s'
     from generate_series(0, $1 - 1) i cross join lateral (select now() - i * ($2 * interval '1 day') / $1 as t) at`,
    [runs, days],
  )
  await store.sql(
    `insert into workflow_steps (execution_id, step_number, step_name)
     select execution_id, n, 'step' from workflow_executions, generate_series(1, 3) n`,
  )
  await store.sql(
    `insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details)
     select execution_id, start_time, 'u', 'a', 'd' from workflow_executions, generate_series(1, 4)`,
  )
  // Otherwise the statistics would count the rows twice: once now and once after the ANALYZE.
  await flushStatistics(store)
  await store.sql('analyze')
}

describe('indexes', () => {
  const invalidate = (name: string) =>
    store.sql('update pg_index set indisvalid = false where indexrelid = $1::text::regclass', [
      name,
    ])

  it('that an interrupted build left invalid fail, and the fix works', async () => {
    const total = detailsOf(await findingOf(store, 'indexes')).indexes
    await store.sql('create index "Modes" on workflow_executions (mode)')
    await store.sql('create index theirs_ccnew on workflow_executions (mode)')
    for (const name of ['"Modes"', 'theirs_ccnew']) await invalidate(name)
    const indexes = await findingOf(store, 'indexes')
    expect(indexes).toMatchObject({
      state: 'failed',
      finding:
        'invalid after an interrupted build, so no query uses it and every write updates it: Modes and theirs_ccnew',
      fix: 'reindex index concurrently public."Modes"; drop index concurrently public.theirs_ccnew',
    })
    await applyFix(store, indexes)
    expect((await findingOf(store, 'indexes')).finding).toBe(`all ${total + 1} indexes are valid`)
  })

  it('of wfstore are fixed by the command that creates them', async () => {
    await invalidate('audit_logs_failed_idx')
    await store.sql('create index theirs on workflow_executions (mode)')
    const own = await findingOf(store, 'indexes')
    expect([own.state, own.fix]).toEqual(['failed', 'wfstore migrate up'])
    await invalidate('theirs')
    expect((await findingOf(store, 'indexes')).fix).toBe(
      '`wfstore migrate up`; reindex index concurrently public.theirs',
    )
    await store.sql('drop index theirs')
    await migrate(store)
    expect((await findingOf(store, 'indexes')).state).toBe('ok')
  })

  it('in the middle of a build are only a warning, also for a role that may not see the build', async () => {
    const role = `${store.name}_role`
    await store.sql(
      `create role ${role} login; grant select on all tables in schema public to ${role}`,
    )
    const [writer, builder] = [await store.connect(), await store.connect()]
    await writer.query('begin; delete from workflow_executions')
    const { rows } = await builder.query('select pg_backend_pid() as pid')
    const built = builder.query('create index concurrently slow on workflow_executions (mode)')
    await untilBlocked(store, rows[0].pid)
    for (const options of [{}, { role }]) {
      expect(await findingOf(store, 'indexes', options)).toMatchObject({
        state: 'warning',
        finding: 'an index build is in progress: slow',
      })
    }
    await writer.query('commit')
    await built
    expect((await findingOf(store, 'indexes')).state).toBe('ok')
    await writer.end()
    await builder.end()
    await store.sql(`drop owned by ${role}; drop role ${role}`)
  })

  it('that no query uses are a warning, unless they are small, of a key or of wfstore', async () => {
    await store.sql('create index theirs on workflow_executions (mode)')
    await store.sql('create unique index one_of_a_kind on workflow_executions (user_id, mode)')
    const before = await findingOf(store, 'unused-indexes')
    expect([before.state, before.finding]).toEqual([
      'ok',
      expect.stringMatching(/^\d+ of the 36 indexes of wfstore have not been used/),
    ])
    const unused = await findingOf(store, 'unused-indexes', { limits: { unusedBytes: 1 } })
    expect([unused.state, unused.fix]).toEqual(['warning', null])
    expect(unused.finding).toMatch(
      /^not used by any query of this server, but updated by every write \(8\.0 kB\): theirs \(8\.0 kB\); ask .*; \d+ of/,
    )

    const read = await store.connect()
    await read.query('set enable_seqscan = off')
    await read.query(`select from workflow_executions where mode = 'm'`)
    await read.query('select pg_stat_force_next_flush()')
    await read.end()
    expect((await findingOf(store, 'unused-indexes', { limits: { unusedBytes: 1 } })).state).toBe(
      'ok',
    )
  })

  it('are unused since the statistics were reset', async () => {
    await store.sql('select pg_stat_reset()')
    const [row] = await store.sql(
      `select to_char(stats_reset at time zone 'UTC', 'YYYY-MM-DD') as day from pg_stat_database
       where datname = current_database()`,
    )
    expect((await findingOf(store, 'unused-indexes')).finding).toContain(`since ${row?.day}`)
  })
})

it('sizes are those of the server, with the three largest tables named', async () => {
  await fill(1000, 10)
  const sizes = await findingOf(store, 'sizes')
  const rows = await store.sql(
    `select relname as name, pg_total_relation_size(oid)::int as bytes from pg_class
     where relnamespace = 'public'::regnamespace and relkind = 'r' order by 2 desc, 1`,
  )
  const { tables, totalBytes } = detailsOf(sizes)
  expect(
    tables.map(({ name, totalBytes: bytes }: { name: string; totalBytes: number }) => ({
      name,
      bytes,
    })),
  ).toEqual(rows)
  expect(totalBytes).toBe(rows.reduce((sum, { bytes }) => sum + Number(bytes), 0))
  expect(sizes.finding).toMatch(
    /^[\d.]+ [kM]B in total, [\d.]+ [kM]B of it in indexes; largest: audit_logs [\d.]+ [kM]B \(about 4,000 rows\), workflow_steps \d+ kB \(about 3,000 rows\), workflow_executions \d+ kB \(about 1,000 rows\)$/,
  )
})

describe('dead rows', () => {
  const FLOORLESS = { limits: { deadRows: 0 } }
  const OFF = 'autovacuum is off for audit_logs'
  /** 1,200 dead rows, which autovacuum does not remove while a test reads them. */
  async function fillDead(settings: string): Promise<void> {
    await store.sql(`alter table audit_logs set (autovacuum_enabled = off${settings})`)
    await fill(300, 10)
    await store.sql('delete from audit_logs')
    await flushStatistics(store)
  }

  it('of a small table are no warning, although they are above the threshold of autovacuum', async () => {
    await fillDead(', autovacuum_vacuum_threshold = 10')
    expect((await findingOf(store, 'dead-rows')).finding).toBe(OFF)
    const beyond = await findingOf(store, 'dead-rows', { limits: { deadRows: 1199 } })
    expect(beyond.finding).toContain('1,200 dead rows')
  })

  it('above the threshold of autovacuum are a warning, and the fix removes them', async () => {
    await fillDead('')
    const dead = await findingOf(store, 'dead-rows', FLOORLESS)
    expect(dead).toMatchObject({
      state: 'warning',
      finding:
        'audit_logs has 1,200 dead rows and 0 live rows, never vacuumed; autovacuum is off for audit_logs',
      fix: 'vacuum (analyze) public.audit_logs; alter table public.audit_logs reset (autovacuum_enabled)',
    })
    await applyFix(store, dead)
    const after = await findingOf(store, 'dead-rows', FLOORLESS)
    expect(after.state).toBe('ok')
    expect(after.finding).toMatch(/^\d+ dead rows?, last vacuumed [\d.]+m?s ago$/)
  })

  it('are judged by the settings of their table', async () => {
    await fillDead(', autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 600')
    expect((await findingOf(store, 'dead-rows', FLOORLESS)).finding).toBe(OFF)
    await store.sql('alter table audit_logs set (autovacuum_vacuum_threshold = 599)')
    expect((await findingOf(store, 'dead-rows', FLOORLESS)).finding).toContain('1,200 dead rows')
  })

  it('a table of many rows that was never analysed is a warning', async () => {
    // Autovacuum would analyse it at any moment.
    await store.sql(
      'alter table observability_metrics set (autovacuum_analyze_threshold = 1000000)',
    )
    await store.sql(
      `insert into observability_metrics (user_id, metric_type, metric_value) select 'u', 't', i from generate_series(1, 1001) i`,
    )
    await flushStatistics(store)
    const bare = await findingOf(store, 'dead-rows', FLOORLESS)
    expect(bare).toMatchObject({
      state: 'warning',
      finding: 'never analysed, so queries may be slow: observability_metrics (about 1,001 rows)',
      fix: 'analyze public.observability_metrics',
    })
    await applyFix(store, bare)
    expect((await findingOf(store, 'dead-rows', FLOORLESS)).state).toBe('ok')
    await store.sql('alter table observability_metrics reset (autovacuum_analyze_threshold)')
  })
})

it('transaction ids that are about to run out fail, and the fix works', async () => {
  expect((await findingOf(store, 'transaction-ids')).state).toBe('ok')
  await store.sql(
    `update pg_class set relfrozenxid = ((pg_current_xact_id()::text::numeric + 4294967296 - 1600000000) % 4294967296)::text::xid
     where oid = 'audit_logs'::regclass`,
  )
  const ids = await findingOf(store, 'transaction-ids')
  expect([ids.state, ids.fix]).toEqual(['failed', 'vacuum (freeze) public.audit_logs'])
  expect(ids.finding).toMatch(
    /^the oldest transaction id in use is 1,600,\d{3},\d{3} transactions old/,
  )
  await applyFix(store, ids)
  expect((await findingOf(store, 'transaction-ids')).state).toBe('ok')
})

describe('growth', () => {
  it('of an empty or young store has no estimate', async () => {
    expect((await findingOf(store, 'growth')).finding).toBe(
      'too few rows to estimate: 0 new rows in the last 7 days',
    )
    await fill(100, 0.9)
    expect((await findingOf(store, 'growth')).finding).toBe(
      'too few days to estimate: the oldest row is less than one day old',
    )
  })

  it('is the share of the last 7 days; with an even history doubling takes as long as the history', async () => {
    // Evenly over 70 days: a day is a seventieth, so it doubles in 70 days.
    await fill(1400, 70)
    const growth = await findingOf(store, 'growth')
    const { totalBytes, bytesPerDay, daysToDouble, tables } = detailsOf(growth)
    const [row] = await store.sql(
      `select sum(pg_total_relation_size(('public.' || t)::regclass))::float8 as grown from unnest(
         array['workflow_executions', 'workflow_steps', 'audit_logs']) t`,
    )
    const grown = Number(row?.grown)
    expect(bytesPerDay).toBeGreaterThan((grown / 70) * 0.98)
    expect(bytesPerDay).toBeLessThan((grown / 70) * 1.02)
    expect(daysToDouble).toBe(Math.round(totalBytes / bytesPerDay))
    const rows = Object.fromEntries(
      tables.map(({ name, rowsPerDay }: { name: string; rowsPerDay: number }) => [
        name,
        rowsPerDay,
      ]),
    )
    expect(rows).toEqual({
      audit_logs: 80,
      workflow_steps: 60,
      workflow_executions: 20,
      billing_records: 0,
      observability_metrics: 0,
    })
    expect(growth.state).toBe('ok')
  })

  it('that doubles a large store soon is a warning', async () => {
    await fill(1000, 10)
    const soon = { growthBytes: 1 }
    expect((await findingOf(store, 'growth')).state).toBe('ok')
    const growth = await findingOf(store, 'growth', { limits: soon })
    expect(growth.state).toBe('warning')
    expect(growth.finding).toMatch(
      /^about \d+ kB a day, most of it in \w+; at this rate the [\d.]+ [kM]B double in 1\d days, by 20\d\d-\d\d-\d\d$/,
    )
    const slow = { limits: { ...soon, growthDays: 5 } }
    expect((await findingOf(store, 'growth', slow)).state).toBe('ok')
  })
})
