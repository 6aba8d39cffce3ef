import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import { archiveToStream } from '../../../src/cleanup/archive/write/stream.ts'
import type { ArchiveSink } from '../../../src/cleanup/types.ts'
import { query, type Run } from '../../../src/db/query/query.ts'
import { costBy } from '../../../src/queries/usage/cost.ts'
import { getStats } from '../../../src/queries/usage/stats.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import {
  clean,
  flipByte,
  inFolder,
  options,
  restore,
  rowsOf,
  totalsOf,
} from '../archive/support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('restore')
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.sql(
    `truncate workflow_executions, workflow_steps, audit_logs, observability_metrics, usage_history, audit_history, cleanups;
     insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens, steps_total, steps_completed)
       select 'w' || n % 2, 'u' || n % 3, 'Sales', 'm', time, case when n % 5 > 0 then time + n * interval '1.5 s' end,
         (array['success', 'failed', 'partial'])[1 + n % 3], n * 0.01, n * 10, 2, 1
       from generate_series(1, 40) n cross join lateral (select timestamptz '2026-05-01 00:00Z' + n * interval '7 min' as time) t;
     update workflow_executions set created_at = start_time;
     insert into workflow_steps (execution_id, step_number, step_name, result)
       select execution_id, n, 'step', jsonb_build_object('n', n) from workflow_executions, generate_series(1, 2) n;
     insert into audit_logs (execution_id, user_id, action_type, action_details, timestamp, success)
       select execution_id, user_id, 'tool_call', 'd', start_time, status = 'success' from workflow_executions;
     insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
       select 'u1', 't', n, '2026-05-01 00:00Z' from generate_series(1, 5) n`,
  )
  await database.sql(`set session_replication_role = replica`)
  await database.sql(`update workflow_executions set updated_at = start_time`)
  await database.sql(`set session_replication_role = origin`)
})

const ALL = { execution: 40, step: 80, audit: 40, metric: 5 }
const NONE = { execution: 0, step: 0, audit: 0, metric: 0 }

const archiveIn = (folder: string) => join(folder, readdirSync(folder)[0] as string)

/** What stats and cost say. */
const reportsOf = async (of: TestDatabase) => {
  const run: Run = (statement, shape) => withClient(of, (c) => query(c, statement, shape))
  return [
    await getStats(run),
    await costBy(run, { by: 'workflow' }),
    await costBy(run, { by: 'day' }),
  ]
}

it('the rows that a cleanup removed are restored unchanged, and no total changes', () =>
  inFolder(async (folder) => {
    const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
    const reports = await reportsOf(database)
    const cleaned = await clean(database, folder)
    expect(cleaned.removed).toEqual(ALL)
    expect(await rowsOf(database)).toEqual([])
    expect(await totalsOf(database)).toEqual(totals)
    const result = await restore(database, archiveIn(folder))
    expect(result).toMatchObject({ restored: ALL, alreadyThere: NONE, complete: true })
    expect(await rowsOf(database)).toEqual(rows)
    expect(await totalsOf(database)).toEqual(totals)
    expect(await reportsOf(database)).toEqual(reports)
    expect(
      await database.sql('select from usage_history union all select from audit_history'),
    ).toEqual([])
  }))

it('a second restore changes nothing and reports that the rows exist', () =>
  inFolder(async (folder) => {
    await clean(database, folder)
    await restore(database, archiveIn(folder))
    const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
    const again = await restore(database, archiveIn(folder))
    expect(again).toMatchObject({ restored: NONE, alreadyThere: ALL })
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
  }))

it('a dry run reports what would be restored, and changes nothing', () =>
  inFolder(async (folder) => {
    await clean(database, folder)
    const totals = await totalsOf(database)
    const result = await restore(database, archiveIn(folder), { dryRun: true })
    expect(result).toMatchObject({ restored: ALL, alreadyThere: NONE })
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([[], totals])
  }))

/** A batch of which the lines are on the disk is not committed. */
async function cleanUntilKilled(folder: string, sink: ArchiveSink, batch: number): Promise<void> {
  let syncs = 0
  const killed: ArchiveSink = {
    ...sink,
    sync: async () => {
      await sink.sync()
      if (++syncs === batch) throw new Error('killed')
    },
    rollback: async () => {},
    abandon: async () => {},
  }
  const cleaning = clean(database, folder, { archive: killed, batchSize: 10 })
  await expect(cleaning).rejects.toThrow('killed')
}

it('the archive of a killed cleanup restores the removed rows, and counts those that were not removed', () =>
  inFolder(async (folder) => {
    const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
    const sink = archiveInFolder(folder, options)
    await cleanUntilKilled(folder, sink, 3)
    const left = (await rowsOf(database)).length
    const notices: string[] = []
    const result = await restore(database, folder, { notice: (line) => notices.push(line) })
    expect(result).toMatchObject({ complete: false, alreadyThere: { execution: 10, step: 20 } })
    expect(result.restored).toEqual({ execution: 20, step: 40, audit: 0, metric: 0 })
    expect(left).toBe(rows.length - 60)
    expect(notices.join()).toContain('killed')
    await sink.abandon()
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
  }))

it('rows that a killed cleanup wrote and a later one removed are restored in their last state, or not at all', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    await cleanUntilKilled(folder, sink, 1)
    await database.sql(`update workflow_executions set workflow_name = 'changed since'`)
    const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
    await clean(database, folder)
    await expect(restore(database, sink.place)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('has rows that a later cleanup removed'),
    })
    await restore(database, folder)
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
  }))

it('a folder of several archives is restored as one, and a row in the state of its last removal', () =>
  inFolder(async (folder) => {
    const first = await clean(database, folder, { before: '2026-05-01T02:00:00Z' })
    await restore(database, folder)
    await database.sql(`update observability_metrics set metric_value = 7.50`)
    await database.sql(`update workflow_executions set workflow_name = 'renamed'`)
    const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
    await database.sql(`set session_replication_role = replica`)
    await database.sql(`update workflow_executions set updated_at = start_time`)
    await database.sql(`set session_replication_role = origin`)
    const second = await clean(database, folder)
    const result = await restore(database, folder)
    expect(result.archives.map(({ cleanupId }) => cleanupId)).toEqual([
      first.cleanupId,
      second.cleanupId,
    ])
    expect(result.restored).toEqual(ALL)
    expect(await totalsOf(database)).toEqual(totals)
    expect(await rowsOf(database)).toHaveLength(rows.length)
    const [values] = await database.sql(
      `select (select min(metric_value)::text from observability_metrics) as value, (select min(workflow_name) from workflow_executions) as name`,
    )
    expect(values).toEqual({ value: '7.50', name: 'renamed' })
  }))

it('an archive of another database is refused, and --copy restores only its rows', () =>
  inFolder(async (folder) => {
    const rows = await rowsOf(database)
    await clean(database, folder)
    const other = await createMigrated('restore_other')
    try {
      await expect(restore(other, folder)).rejects.toMatchObject({
        code: 'conflict',
        message: `${archiveIn(folder)} is of a cleanup of another database`,
        hint: expect.stringContaining('--copy'),
      })
      expect(await rowsOf(other)).toEqual([])
      expect((await restore(other, folder, { copy: true })).restored).toEqual(ALL)
      expect(await rowsOf(other)).toEqual(rows)
    } finally {
      await other.drop()
    }
  }))

it('if the history does not contain the runs of an archive, all of it is refused', () =>
  inFolder(async (folder) => {
    await clean(database, folder)
    await database.sql(`delete from usage_history where workflow_name = 'w1' and user_id = 'u0'`)
    const totals = await totalsOf(database)
    await expect(restore(database, folder)).rejects.toMatchObject({
      code: 'conflict',
      message: 'usage_history does not hold what the archive has: it lacks 7 of the runs',
    })
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([[], totals])
  }))

it('an archive that lacks rows of its cleanup is truncated, even with a valid end', () =>
  inFolder(async (folder) => {
    const { cleanupId } = await clean(database, folder)
    await database.sql('update cleanups set steps_removed = 81 where cleanup_id = $1', [cleanupId])
    await expect(restore(database, folder)).rejects.toMatchObject({
      code: 'failed',
      message: `${archiveIn(folder)} is truncated: its cleanup removed 81 rows of steps, and it has 80`,
    })
  }))

it('nothing of a damaged archive is restored, and the file is named', () =>
  inFolder(async (folder) => {
    await clean(database, folder)
    flipByte(join(archiveIn(folder), 'steps-0001.jsonl.gz'), 40)
    await expect(restore(database, archiveIn(folder))).rejects.toMatchObject({
      code: 'failed',
      message: 'steps-0001.jsonl.gz is damaged: its SHA-256 does not match',
    })
    expect(await rowsOf(database)).toEqual([])
  }))

it('a column that the table lacks is named; a new column gets its default', () =>
  inFolder(async (folder) => {
    await database.sql(
      `alter table workflow_executions add column tenant text not null default 'a'`,
    )
    await clean(database, folder)
    await database.sql(`alter table workflow_executions drop column tenant`)
    await database.sql(`alter table audit_logs add column seen boolean not null default true`)
    try {
      await expect(restore(database, folder)).rejects.toMatchObject({
        code: 'schema_differs',
        message: `workflow_executions has no place for the column "tenant" (text) of ${archiveIn(folder)}`,
      })
      await database.sql(`alter table workflow_executions add column tenant text`)
      await restore(database, folder)
      expect(
        await database.sql(
          `select distinct tenant, seen from workflow_executions join audit_logs using (execution_id)`,
        ),
      ).toEqual([{ tenant: 'a', seen: true }])
    } finally {
      await database.sql(
        `alter table workflow_executions drop column tenant; alter table audit_logs drop column seen`,
      )
    }
  }))

it('during a cleanup or another restore it fails as locked', () =>
  inFolder(async (folder) => {
    await clean(database, folder)
    const other = await database.connect()
    await other.query(`select pg_advisory_lock(hashtextextended('wfstore cleanup public', 0))`)
    await expect(restore(database, folder)).rejects.toMatchObject({ code: 'locked' })
    await other.end()
    expect(await rowsOf(database)).toEqual([])
  }))

it('a streamed archive is restored from a pipe, and a stream without its end is refused', () =>
  inFolder(async (folder) => {
    const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
    const stream = new PassThrough()
    const text = buffer(stream)
    await clean(database, folder, { archive: archiveToStream(stream, options), batchSize: 7 })
    stream.end()
    const bytes = await text
    const from = (data: Buffer) => restore(database, '-', { stdin: Readable.from([data]) })
    await expect(from(bytes.subarray(0, -1))).rejects.toMatchObject({
      code: 'failed',
      message: 'standard input is truncated: its cleanup ended, but the archive has no end',
    })
    expect(await rowsOf(database)).toEqual([])
    expect((await from(gzipSync(bytes))).restored).toEqual(ALL)
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
  }))

it('a repeated batch has its lines twice, and is restored in the state of its removal', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    let lost = false
    const twice: ArchiveSink = {
      ...sink,
      // The archive has the batch; the server refuses its commit.
      sync: async () => {
        await sink.sync()
        if (lost) return
        lost = true
        throw Object.assign(new Error('could not serialize access'), {
          code: '40001',
          severity: 'ERROR',
        })
      },
      // What changed it.
      rollback: async () => {
        await sink.rollback()
        await database.sql(`update workflow_steps set step_name = 'renamed'`)
      },
    }
    const cleaned = await clean(database, folder, { archive: twice })
    expect(cleaned.archive?.lines).toEqual({ ...ALL, execution: 80, step: 160 })
    expect(await restore(database, folder)).toMatchObject({ restored: ALL, alreadyThere: NONE })
    expect(await database.sql('select distinct step_name from workflow_steps')).toEqual([
      { step_name: 'renamed' },
    ])
  }))
