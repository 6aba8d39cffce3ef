import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { countCleanup } from '../../src/cleanup/count.ts'
import { migrateUp } from '../../src/db/migrate/up.ts'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated, migrateOptions } from '../support/migrated.ts'
import { createTemplate, type Template } from '../support/template.ts'
import {
  addEntry,
  addRun,
  beforehand,
  clean,
  cleanupsIn,
  everythingIn,
  ofShard,
  sumOf,
  uuid,
} from './cleanup-support.ts'
import {
  AFTER,
  AT,
  BEFORE,
  CASES,
  type Case,
  CUTOFF,
  FAR,
  stepsOf,
  YEAR_BEFORE,
} from './edges-cases.ts'

/** Of every run an entry of long before, one of the microsecond before, one of the cutoff, and a bill. */
async function fill({ sql }: Pick<TestDatabase, 'sql'>): Promise<void> {
  for (const [index, { goes, ...seed }] of CASES.entries()) {
    const id = uuid(index)
    await addRun(sql, { ...seed, id, steps: stepsOf(seed) })
    for (const [place, at] of [YEAR_BEFORE, BEFORE, AT].entries())
      await addEntry(sql, { id: uuid(1000 + index * 3 + place), run: id, at })
    await sql(
      `insert into billing_records (user_id, execution_id, timestamp, model_id, cost, billing_period)
       values ('u', $1, '2023-01-01Z', 'x', 1, '2023-01')`,
      [id],
    )
  }
  for (const [place, at] of ['0044-03-15 BC', YEAR_BEFORE, BEFORE, AT, AFTER].entries()) {
    await addEntry(sql, { id: uuid(2000 + place), run: null, at })
    await addEntry(sql, { id: uuid(2100 + place), run: uuid(999), at })
    await sql(
      `insert into observability_metrics (metric_id, timestamp, user_id, metric_type, metric_value) values ($1, $2, 'u', 't', 1)`,
      [uuid(3000 + place), at],
    )
  }
}

const idsOf = async ({ sql }: Pick<TestDatabase, 'sql'>, column: string, table: string) =>
  (await sql(`select ${column}::text as id from ${table} order by 1`)).map(({ id }) => id)

const KEPT = CASES.flatMap(({ goes }, index) => (goes ? [] : [index]))
const GONE = CASES.flatMap(({ goes }, index) => (goes ? [index] : []))
const removed = {
  execution: GONE.length,
  step: GONE.reduce((sum, index) => sum + stepsOf(CASES[index] as Case), 0),
  audit: 2 * GONE.length + 6,
  metric: 3,
}

async function expectCleaned(database: Pick<TestDatabase, 'sql'>): Promise<void> {
  const labels = await database.sql('select workflow_name as label from workflow_executions')
  expect(labels.map(({ label }) => label).sort()).toEqual(
    KEPT.map((index) => CASES[index]?.label).sort(),
  )
  expect(
    await database.sql(
      'select execution_id::text as run, count(*)::int as steps from workflow_steps group by 1 order by 1',
    ),
  ).toEqual(KEPT.map((index) => ({ run: uuid(index), steps: stepsOf(CASES[index] as Case) })))
  // All entries of a kept run, those of a removed one from the cutoff on, and of no run from the cutoff on.
  expect(await idsOf(database, 'log_id', 'audit_logs')).toEqual([
    ...CASES.flatMap(({ goes }, index) =>
      [0, 1, 2]
        .filter((place) => !goes || place === 2)
        .map((place) => uuid(1000 + index * 3 + place)),
    ),
    ...[uuid(2003), uuid(2004), uuid(2103), uuid(2104)],
  ])
  expect(await idsOf(database, 'metric_id', 'observability_metrics')).toEqual([
    uuid(3003),
    uuid(3004),
  ])
  expect(await database.sql('select count(*)::int as bills from billing_records')).toEqual([
    { bills: CASES.length },
  ])
}

let template: Template
beforeAll(async () => {
  template = await createTemplate('cleanup_edges', async (database) => {
    await withClient(database, (client) => migrateUp(client, migrateOptions))
    await fill(database)
  })
})
afterAll(() => template.drop())

async function copy(): Promise<TestDatabase> {
  const database = await template.copy()
  onTestFinished(() => database.drop())
  return database
}

describe('at the edge of the cutoff', () => {
  it('runs that had ended are removed with their steps and entries, and all others stay, for any batch size', {
    tags: 'slow',
  }, async () => {
    const states: unknown[] = []
    for (const batchSize of [1, 2, 3, undefined, 1_000_000]) {
      const database = await copy()
      const counted = await withClient(database, (client) =>
        countCleanup(client, { before: CUTOFF }),
      )
      const result = await clean(database, { before: CUTOFF, batchSize })
      await expectCleaned(database)
      expect(result).toMatchObject({ outcome: 'done', cutoff: CUTOFF, removed, left: null })
      const kept = {
        // Those that began at the cutoff or later are not looked at.
        execution: { running: 2, endedLater: KEPT.length - 6, newest: 0, protected: 0, locked: 0 },
        audit: { runKept: 2 * KEPT.length, protected: 0, locked: 0 },
        metric: { protected: 0, locked: 0 },
        protectedBy: [],
        lockedBy: [],
      }
      expect(result.kept).toEqual(kept)
      // What a dry run says is what happens.
      expect(counted).toMatchObject({ cutoff: CUTOFF, remove: removed, kept: beforehand(kept) })
      expect(sumOf(await cleanupsIn(database))).toEqual(removed)
      // A key is in one row, for any number of batches in a quarter hour.
      expect(
        await database.sql(
          `select 1 from usage_history group by quarter_start, workflow_name, status${ofShard} having count(*) > 1`,
        ),
      ).toEqual([])
      expect(
        await database.sql(
          `select 1 from audit_history group by quarter_start${ofShard} having count(*) > 1`,
        ),
      ).toEqual([])
      states.push(await everythingIn(database))
    }
    for (const state of states) expect(state).toEqual(states[0])
  })

  it('a cutoff one microsecond later removes the runs at the edge, and entries without a run', async () => {
    const database = await copy()
    await clean(database, { before: CUTOFF })
    const result = await clean(database, { before: AFTER })
    const atTheEdge = CASES.filter(
      ({ status, start, end, created, updated }) =>
        status !== 'running' &&
        start !== AFTER &&
        [end, created, updated].every((at) => at !== AFTER) &&
        [start, end, created, updated].includes(AT) &&
        end !== FAR,
    )
    expect(atTheEdge.length).toBe(9)
    expect(result.removed).toEqual({
      execution: 9,
      step: 18,
      // Of the runs that are gone: those of the cutoff, and all of the nine that go now; and two of no run.
      audit: GONE.length + 27 + 2,
      metric: 1,
    })
    expect(await clean(database, { before: AFTER })).toMatchObject({
      removed: { execution: 0, step: 0, audit: 0, metric: 0 },
    })
  })

  it('works the same in another schema than public, with settings that could disturb it', async () => {
    const database = await copy()
    await database.sql('alter schema public rename to "Our flows"')
    await database.sql('create schema public')
    await database.sql('create table public.usage_history (decoy int)')
    const settings = {
      search_path: '"Our flows", public',
      TimeZone: 'Asia/Kathmandu',
      DateStyle: 'SQL, DMY',
      IntervalStyle: 'sql_standard',
      default_transaction_isolation: 'serializable',
      default_transaction_read_only: 'on',
      statement_timeout: '10min',
      lock_timeout: '9s',
      idle_in_transaction_session_timeout: '8min',
      synchronous_commit: 'off',
      'wfstore.cutoff': 'infinity',
    }
    const client = await database.connect()
    const show = async () => {
      const shown: Record<string, unknown> = {}
      for (const name of Object.keys(settings))
        shown[name] = (
          await client.query('select current_setting($1) as value', [name])
        ).rows[0].value
      return shown
    }
    for (const [name, value] of Object.entries(settings))
      await client.query('select set_config($1, $2, false)', [name, value])
    const before = await show()
    expect(
      await cleanup(client, { allowAll: true, before: CUTOFF, batchSize: 7, pauseMs: 0 }),
    ).toMatchObject({
      removed,
    })
    expect(await show()).toEqual(before)
    expect(
      (
        await client.query(
          `select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
        )
      ).rows,
    ).toEqual([])
    await client.end()
    await database.sql('set search_path = "Our flows"')
    await expectCleaned(database)
  })

  it('steps are counted even if the server does not count deleted rows', async () => {
    const database = await copy()
    await database.sql(`alter database ${database.name} set track_counts = off`)
    expect(await clean(database, { before: CUTOFF, batchSize: 3 })).toMatchObject({ removed })
  })
})

it('a cleanup of an empty store removes nothing and is recorded', async () => {
  const database = await createMigrated('cleanup_empty')
  onTestFinished(() => database.drop())
  expect(await clean(database, { days: 1 })).toMatchObject({
    outcome: 'done',
    left: null,
    // In a distributed store three for each group of shards.
    batches: citusUrl ? 12 : 3,
  })
  expect(await cleanupsIn(database)).toEqual([
    { outcome: 'done', executions: 0, steps: 0, audit: 0, metrics: 0 },
  ])
})
