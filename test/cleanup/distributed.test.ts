import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { archiveInFolder } from '../../src/cleanup/archive/write/folder.ts'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { inFolder, options, restore, rowsOf } from './archive/support.ts'
import {
  addEntry,
  addRun,
  atStatements,
  clean,
  cleanupsIn,
  clear,
  sumOf,
  uuid,
} from './cleanup-support.ts'

const CUTOFF = '2025-01-01T00:00:00Z'
const ALL = { execution: 12, step: 24, audit: 13, metric: 1 }

/** Live and removed rows are added on each shard in one snapshot. */
const TOTALS = `select sum(runs)::int as runs, sum(cost)::text as cost from (
  select execution_id, 1 as runs, total_cost as cost from workflow_executions
  union all select execution_id, runs, total_cost from usage_history) t`

describe.skipIf(!citusUrl)('a cleanup of a distributed store', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createMigrated('cleanup_distributed')
  })
  afterAll(() => database.drop())
  beforeEach(async () => {
    const { sql } = database
    await clear(sql)
    for (let number = 1; number <= 12; number++) {
      const start = `2024-01-01T00:${number + 10}:00Z`
      await addRun(sql, { id: uuid(number), label: 'w', start, end: start, cost: '0.1', steps: 2 })
      await addEntry(sql, { id: uuid(100 + number), run: uuid(number), at: start })
    }
    await addEntry(sql, { id: uuid(200), run: null, at: '2024-01-01Z' })
    await sql(
      `insert into observability_metrics (timestamp, user_id, metric_type, metric_value) values ('2024-01-01Z', 'u', 't', 1)`,
    )
  })

  /** Cleans up into an archive. @param before called ahead of each statement */
  async function cleanInto(
    folder: string,
    before: (text: string, client: pg.Client) => Promise<void> = async () => {},
  ) {
    const connected = await database.connect()
    const client = atStatements(connected, (_, text) => before(text, connected))
    try {
      return await cleanup(client, {
        ...{ before: CUTOFF, allowAll: true, pauseMs: 0, batchSize: 2 },
        archive: archiveInFolder(folder, options),
      })
    } finally {
      await connected.end().catch(() => {})
    }
  }

  /** What was removed is in the archives in the folder, and nothing else is missing. */
  async function expectWhole(folder: string, rows: unknown): Promise<void> {
    await restore(database, folder)
    expect(await rowsOf(database)).toEqual(rows)
    expect(
      await database.sql('select 1 from usage_history union all select 1 from audit_history'),
    ).toEqual([])
  }

  it('removes and archives the rows of all shards, and no total of a shard moves meanwhile', () =>
    inFolder(async (folder) => {
      const [rows, totals] = [await rowsOf(database), await database.sql(TOTALS)]
      const seen = new Set<string>()
      const { removed, archive } = await cleanInto(folder, async () => {
        seen.add(JSON.stringify(await database.sql(TOTALS)))
      })
      expect([...seen]).toEqual([JSON.stringify(totals)])
      expect(removed).toEqual(ALL)
      expect(archive?.lines).toEqual(ALL)
      expect(sumOf(await cleanupsIn(database))).toEqual(ALL)
      const placed = await database.sql(
        'select count(distinct execution_id)::int as n from usage_history',
      )
      expect(placed[0]?.n).toBeGreaterThan(1)
      await expectWhole(folder, rows)
    }))

  it('archives a step that comes while its run is removed', () =>
    inFolder(async (folder) => {
      let late = 0
      const { archive } = await cleanInto(folder, async (text) => {
        // The steps of the batch are archived, and their runs are deleted now.
        if (late > 0 || !text.includes('delete from workflow_executions')) return
        late++
        for (let number = 1; number <= 12; number++)
          await database.sql(
            `insert into workflow_steps (execution_id, step_number, step_name)
             select execution_id, 9, 'late' from workflow_executions where execution_id = $1`,
            [uuid(number)],
          )
      })
      expect(late).toBe(1)
      expect(archive?.lines).toEqual({ ...ALL, step: 36 })
      expect(sumOf(await cleanupsIn(database))).toEqual({ ...ALL, step: 36 })
      await restore(database, folder)
      expect(await database.sql('select count(*)::int as n from workflow_steps')).toEqual([
        { n: 36 },
      ])
    }))

  it.each([
    [
      'its nodes lose its sessions',
      `select run_command_on_workers($$
       select count(pg_terminate_backend(pid)) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name like 'citus_internal%'$$)`,
    ],
    ['the coordinator loses its session', 'select pg_terminate_backend($1)'],
  ])('removes no row that is not archived and counted where %s at a commit', (_, end) =>
    inFolder(async (folder) => {
      const [rows, totals] = [await rowsOf(database), await database.sql(TOTALS)]
      for (const at of [1, 2, 3]) {
        let commits = 0
        await cleanInto(folder, async (text, client) => {
          if (text !== 'commit' || ++commits !== at) return
          const { processID } = client as unknown as { processID: number }
          await database.sql(end, end.includes('$1') ? [processID] : [])
        }).catch(() => {})
        expect(commits).toBe(at)
        expect(await database.sql(TOTALS)).toEqual(totals)
      }
      await clean(database, { before: CUTOFF })
      expect(sumOf(await cleanupsIn(database))).toEqual(ALL)
      expect((await database.sql('select 1 as one from workflow_steps')).length).toBe(0)
      expect(await database.sql(TOTALS)).toEqual(totals)
      expect(rows).toHaveLength(50)
    }),
  )

  it('refuses a foreign key that the shards do not know, before anything is removed', async () => {
    const { sql } = database
    await sql('create table feedback (execution_id uuid references workflow_executions)')
    try {
      await expect(clean(database, { before: CUTOFF })).rejects.toMatchObject({
        code: 'schema_differs',
        message: 'foreign key feedback_execution_id_fkey of feedback is not known on the shards',
      })
      expect(await sql('select 1 from workflow_executions')).toHaveLength(12)
      await sql(
        "select create_distributed_table('feedback', 'execution_id', colocate_with => 'workflow_executions')",
      )
      await sql('insert into feedback values ($1)', [uuid(5)])
      expect(await clean(database, { before: CUTOFF })).toMatchObject({
        removed: { ...ALL, execution: 11, step: 22, audit: 12 },
        kept: { execution: { protected: 1 } },
      })
    } finally {
      await sql('drop table feedback')
    }
  })

  it('skips a run that another session has locked, and removes it later', async () => {
    const holder = await database.connect()
    try {
      await holder.query('begin')
      await holder.query('select 1 from workflow_executions where execution_id = $1 for update', [
        uuid(5),
      ])
      expect(await clean(database, { before: CUTOFF, batchSize: 4 })).toMatchObject({
        removed: { execution: 11, step: 22, audit: 12, metric: 1 },
        kept: { execution: { locked: 1 }, audit: { runKept: 1 } },
      })
      await holder.query('commit')
    } finally {
      await holder.end()
    }
    expect(await clean(database, { before: CUTOFF })).toMatchObject({
      removed: { execution: 1, step: 2, audit: 1, metric: 0 },
    })
  })
})
