import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { archiveToStream } from '../../../src/cleanup/archive/write/stream.ts'
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
import { ALL, archiveIn, database, useOldRows } from './support.ts'

useOldRows('restore_refusals')

it('an archive of another database is refused, and --copy restores only its rows', () =>
  inFolder(async (folder) => {
    const rows = await rowsOf(database)
    await clean(database, folder)
    const other = await createMigrated('restore_other')
    try {
      await expect(restore(other, folder)).rejects.toMatchObject({
        code: 'conflict',
        message: `${archiveIn(folder)} is of a cleanup of another database`,
        hint: expect.stringContaining('`copy`'),
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
    await database.sql('update wfstore_cleanups set steps_removed = 81 where cleanup_id = $1', [
      cleanupId,
    ])
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
