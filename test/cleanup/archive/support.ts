import { readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import { cleanup } from '../../../src/cleanup/cleanup.ts'
import { type RestoreOptions, restoreArchive } from '../../../src/cleanup/restore/restore.ts'
import type { ArchiveHead, ArchiveSink, CleanupOptions } from '../../../src/cleanup/types.ts'
import type { TestDatabase } from '../../support/database.ts'
import { dataFolder } from '../../support/folder.ts'
import { withClient } from '../../support/migrate.ts'
import { NEWEST } from '../../support/migrations.ts'

export const head: ArchiveHead = {
  cleanupId: '0193abcd-0000-7000-8000-00009f8e7d6c',
  startedAt: '2026-11-23T16:32:45.123456Z',
  cutoff: '2026-08-25T16:32:45.000000Z',
  keepLast: null,
  schema: NEWEST,
  columns: { execution: [{ name: 'execution_id', type: 'uuid' }], step: [], audit: [], metric: [] },
}
export const FOLDER = '20261123T163245Z-9f8e7d6c'

export const options = { wfstoreVersion: '1.2.3' }

/** A folder for as long as `work` runs. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = dataFolder('archive-test')
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

/** Two batches: runs with steps, then entries. */
export async function writeTwoBatches(sink: ArchiveSink): Promise<void> {
  await sink.open(head)
  await sink.write('step', chunks('{"step":{"a":1}}\n{"st', 'ep":{"a":2}}\n'))
  await sink.write('execution', chunks('{"execution":{"a":1}}\n'))
  await sink.sync()
  await sink.write('audit', chunks('{"audit":{"a":1}}\n{"audit":{"a":2}}\n{"audit":{"a":3}}\n'))
  await sink.write('step', chunks('{"step":{"a":3}}\n'))
  await sink.sync()
}

export function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}

/** Every row of the tables that a cleanup removes from, as PostgreSQL writes it. */
export const rowsOf = (database: TestDatabase) =>
  database.sql(`
    select 'run' as what, t::text from workflow_executions t union all select 'step', t::text from workflow_steps t
    union all select 'entry', t::text from audit_logs t union all select 'metric', t::text from observability_metrics t
    order by 1, 2`)

/** All that is counted, whether it is live or a cleanup has removed it. */
export const totalsOf = (database: TestDatabase) =>
  database.sql(`
    select user_id, workflow_name, mode, model_id, status, date_bin('15 minutes', start_time, 'epoch')::text as quarter,
      sum(runs)::text as runs, sum(total_cost)::text as cost, sum(total_tokens)::text as tokens, sum(steps_total)::text as steps,
      sum(steps_completed)::text as completed, sum(steps_failed)::text as failed, sum(timed_runs)::text as timed,
      trim_scale(sum(duration_ms))::text as ms
    from (
      select user_id, workflow_name, mode, model_id, status, start_time, 1 as runs, total_cost, total_tokens, steps_total,
        steps_completed, steps_failed, (end_time is not null)::int as timed_runs,
        coalesce(extract(epoch from end_time - start_time) * 1000, 0) as duration_ms
      from workflow_executions
      union all
      select user_id, workflow_name, mode, model_id, status, quarter_start, runs, total_cost, total_tokens, steps_total,
        steps_completed, steps_failed, timed_runs, duration_ms from usage_history
    ) as counted group by 1, 2, 3, 4, 5, 6
    union all
    select user_id, '', '', '', '', date_bin('15 minutes', timestamp, 'epoch')::text, sum(entries)::text,
      '', '', '', '', '', '', ''
    from (
      select user_id, timestamp, 1 as entries from audit_logs
      union all select user_id, quarter_start, entries from audit_history
    ) as counted group by 1, 6
    order by 1, 2, 3, 4, 5, 6`)

export const clean = (database: TestDatabase, folder: string, more: CleanupOptions = {}) =>
  withClient(database, (client) =>
    cleanup(client, {
      before: '2026-06-01T00:00:00Z',
      allowAll: true,
      archive: archiveInFolder(folder, options),
      pauseMs: 0,
      ...more,
    }),
  )

export const restore = (database: TestDatabase, source: string, more: RestoreOptions = {}) =>
  withClient(database, (client) => restoreArchive(client, source, more))
