import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { detailsOf, findingOf } from './support.ts'

let store: TestDatabase

beforeAll(async () => {
  store = await createMigrated('doctor_runs')
})
afterAll(() => store.drop())
beforeEach(() => store.sql('truncate workflow_executions, usage_history, audit_history cascade'))

/** Runs that began `age` ago, of this duration, or still running. */
async function runs(workflow: string, age: string, duration: string | null, count = 1) {
  const rows = await store.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status)
     select $1, 'u', 'm', 'x', now() - $2::interval, now() - $2::interval + $3::interval,
       case when $3::text is null then 'running' else 'success' end
     from generate_series(1, $4) returning execution_id as id`,
    [workflow, age, duration, count],
  )
  return String(rows[0]?.id)
}

/** Moves the last write of a run into the past, without the trigger that sets updated_at. */
const silence = (age: string, where = 'true') =>
  store.sql(
    `set session_replication_role = replica;
     update workflow_executions set updated_at = now() - interval '${age}' where ${where};
     set session_replication_role = origin`,
  )

describe('stuck', () => {
  it('are running runs without a write for 10 minutes or for --stuck-after, however long they run', async () => {
    const [quiet, slow] = [await runs('w', '20 min', null), await runs('w', '90 d', null)]
    await runs('w', '3 days', '1 s')
    await silence('11 min')
    await store.sql(
      `insert into workflow_steps (execution_id, step_number, step_name, status) values ($1, 1, 's', 'running')`,
      [slow],
    )
    const stuck = await findingOf(store, 'stuck')
    expect(stuck).toMatchObject({
      state: 'warning',
      finding: expect.stringMatching(
        `^1 run is stuck, without a write: ${quiet} \\(w\\) for 11m 0`,
      ),
      fix: 'wfstore executions fail --older-than 10m --dry-run',
    })
    expect(detailsOf(stuck)).toMatchObject({ stuckAfterMs: 600_000, stuck: 1 })
    const later = await findingOf(store, 'stuck', { stuckAfterMs: 720_000 })
    expect([later.state, later.finding]).toEqual(['ok', 'no run has been without a write for 12m'])
  })

  it('are named, the longest silence first, and counted', async () => {
    await runs('Once', '30 h', null, 151)
    await silence('90 min')
    const first = await runs('Lead enrichment', '76 h', null)
    await silence('76 h', `execution_id = '${first}'`)
    const many = await findingOf(store, 'stuck')
    expect(many.finding).toMatch(
      `152 runs are stuck, without a write: ${first} (Lead enrichment) for 3d 04h; `,
    )
    expect(many.finding).toMatch(/\(Once\) for 1h 30m; and 149 more$/)
    expect(detailsOf(many)).toMatchObject({ stuck: 152, runs: { length: 100 } })
  })

  it('infinite times do not break the check, if the check of the table is missing', async () => {
    await store.sql('alter table workflow_executions drop constraint workflow_executions_finite')
    await store.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time) values
         ('w', 'u', 'm', 'x', '-infinity'), ('w', 'u', 'm', 'x', 'infinity'), ('w', 'u', 'm', 'x', now() + interval '1 hour')`,
    )
    expect((await findingOf(store, 'stuck')).state).toBe('ok')
    expect((await findingOf(store, 'oldest-running')).finding).toContain('since -infinity')
    await store.sql(
      `set session_replication_role = replica; update workflow_executions set updated_at = null; set session_replication_role = origin`,
    )
    expect((await findingOf(store, 'stuck')).finding).toMatch(/^1 run is stuck.* since -infinity$/)
  })
})

it('the oldest running run is named with its age, and running runs are counted', async () => {
  expect((await findingOf(store, 'oldest-running')).finding).toBe('no run is running')
  const id = await runs('Kundenanalyse Süd', '150 min', null)
  await runs('other', '5 min', null, 2)
  await runs('done', '5 h', '1 min')
  expect((await findingOf(store, 'oldest-running')).finding).toBe(
    `3 runs are running; the oldest is ${id} (Kundenanalyse Süd), running for 2h 30m`,
  )
  await runs('other', '5 min', null, 10_000)
  expect((await findingOf(store, 'oldest-running')).finding).toMatch(/^more than 10,000 runs/)
})

describe('cleanup', () => {
  it('has removed what the histories hold and has left the oldest finished run', async () => {
    expect((await findingOf(store, 'cleanup')).finding).toBe(
      'cleanup has removed nothing; there are no finished runs',
    )
    await store.sql(
      `insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
         steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
       select '2026-01-01Z', 'u' || i, 'w', 'm', 'x', 'success', 1500, 0, 0, 0, 0, 0, 0, 0, '2026-01-01Z' from generate_series(1, 2) i;
       insert into audit_history (quarter_start, user_id, entries) values ('2026-01-01Z', 'u', 71)`,
    )
    await runs('w', '200 days', null)
    await runs('w', '100 days', '1 h', 3)
    await runs('w', '91 days', '2 days', 5)
    const cleanup = await findingOf(store, 'cleanup')
    const [row] = await store.sql(
      `select to_char(min(end_time) at time zone 'UTC', 'YYYY-MM-DD') as day from workflow_executions`,
    )
    expect([cleanup.state, cleanup.fix, cleanup.finding]).toEqual([
      'ok',
      null,
      `cleanup has removed 3,000 runs and 71 audit entries; the oldest finished run ended on ${row?.day}; 3 runs ended more than 90 days ago`,
    ])
    await runs('w', '95 days', '1 h', 10_000)
    expect((await findingOf(store, 'cleanup')).finding).toMatch(
      /; more than 10,000 runs ended more than 90 days ago$/,
    )
  })

  /** Cleanups that started these numbers of hours ago. */
  const cleanups = (hours: number[], outcome = 'done', more = '') =>
    store.sql(
      `insert into wfstore_cleanups (started_at, ended_at, cutoff, outcome, executions_removed, archive, error_message, keep_last)
       select now() - h * interval '1 hour', now() - h * interval '1 hour' + interval '9 s',
              now() - h * interval '1 hour' - interval '30 days', $2, 12, nullif($3, ''), nullif($3, ''), nullif(length($3), 0)
       from unnest($1::int[]) as h`,
      [hours, outcome, more],
    )
  const stateOf = async () => {
    const { state, fix, finding } = await findingOf(store, 'cleanup')
    return [state, fix, finding.split('; ')[0]]
  }
  const LAST = '12 runs, 0 steps, 0 audit entries and 0 metrics'

  it('says that everything has been restored after a restore', async () => {
    await cleanups([1])
    expect((await findingOf(store, 'cleanup')).finding).toContain(
      '; everything that cleanup removed has been restored; ',
    )
  })

  it('is ok if the last cleanup is complete, also after a failed one', async () => {
    await store.sql('truncate wfstore_cleanups')
    await cleanups([30], 'failed')
    await cleanups([3])
    expect(await stateOf()).toEqual([
      'ok',
      null,
      `the last cleanup, started 3h 00m ago, removed ${LAST}`,
    ])
  })

  it.each([
    ['failed', 'failed after it removed'],
    ['stopped', 'was stopped after it removed'],
    ['interrupted', 'was killed after it removed'],
    ['running', 'was killed after it removed'],
  ])('that was %s is a warning, with the command that continues it', async (outcome, words) => {
    await store.sql('truncate wfstore_cleanups')
    await cleanups([3])
    await cleanups([2], outcome)
    expect(await stateOf()).toEqual([
      'warning',
      'wfstore cleanup --days 30',
      `the last cleanup, started 2h 00m ago, ${words} ${LAST}`,
    ])
    await store.sql('truncate wfstore_cleanups')
    await cleanups([2], outcome, '/var/it is/20261121T010000Z-01900000')
    expect((await stateOf())[1]).toBe(
      "wfstore cleanup --days 30 --keep-last 36 --archive '/var/it is'",
    )
  })

  it('that is running is ok', async () => {
    await store.sql('truncate wfstore_cleanups')
    await cleanups([0], 'running')
    const other = await store.connect()
    await other.query(`select pg_advisory_lock(hashtextextended('wfstore cleanup public', 0))`)
    expect(await stateOf()).toEqual([
      'ok',
      null,
      expect.stringMatching(
        /^the last cleanup, started .* ago, is running and has removed 12 runs/,
      ),
    ])
    await other.end()
  })

  it('is overdue after twice the usual interval of at least three complete cleanups', async () => {
    for (const [hours, state] of [
      [[49, 73], 'ok'],
      [[47, 71, 95, 119], 'ok'],
      [[49, 73, 97, 121], 'warning'],
      // One extra cleanup or one long pause does not change the median.
      [[47, 71, 95, 96, 119, 143, 263], 'ok'],
    ] as const) {
      await store.sql('truncate wfstore_cleanups')
      await cleanups([...hours])
      expect([hours, (await stateOf())[0]]).toEqual([hours, state])
    }
    await store.sql('truncate wfstore_cleanups')
    await cleanups([49, 73, 97, 121])
    const found = await findingOf(store, 'cleanup')
    expect(found.finding).toContain(
      '; overdue: the last complete cleanup started 2d 01h ago, the usual interval is 1d 00h; ',
    )
    expect(found.fix).toBe('wfstore cleanup --days 30')
    await store.sql('truncate wfstore_cleanups')
  })
})
