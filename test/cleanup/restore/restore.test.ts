import { expect, it } from 'vitest'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import type { ArchiveSink } from '../../../src/cleanup/types.ts'
import { query, type Run } from '../../../src/db/query/query.ts'
import { costBy } from '../../../src/queries/usage/cost.ts'
import { getStats } from '../../../src/queries/usage/stats.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { withoutTriggers } from '../../support/triggers.ts'
import { clean, inFolder, options, restore, rowsOf, totalsOf } from '../archive/support.ts'
import { ALL, archiveIn, database, NONE, useOldRows } from './support.ts'

useOldRows('restore')

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
      await database.sql('select 1 from usage_history union all select 1 from audit_history'),
    ).toEqual([])
  }))

it('a row that a key of the application protects is in no archive, and a restore brings the others back', () =>
  inFolder(async (folder) => {
    await database.sql(`create table feedback (run uuid references workflow_executions on delete restrict);
      insert into feedback select execution_id from workflow_executions order by start_time limit 1`)
    try {
      const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
      const cleaned = await clean(database, folder, { batchSize: 7 })
      const removed = { execution: 39, step: 78, audit: 39, metric: 5 }
      expect(cleaned).toMatchObject({
        removed,
        kept: { execution: { protected: 1 }, protectedBy: ['feedback_run_fkey of feedback'] },
        archive: { lines: removed },
      })
      expect(await totalsOf(database)).toEqual(totals)
      const result = await restore(database, folder)
      expect(result).toMatchObject({ restored: removed, alreadyThere: NONE, complete: true })
      expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
      // When the application lets it go, the next archive has it as well.
      await database.sql('delete from feedback')
      expect((await clean(database, folder)).archive?.lines).toEqual(ALL)
      await restore(database, folder)
      expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
    } finally {
      await database.sql('drop table feedback')
    }
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
    await withoutTriggers(database, [`update workflow_executions set updated_at = start_time`])
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
