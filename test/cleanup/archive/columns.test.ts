// Columns and types that an application changes while there are archives.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import type { ArchiveSink } from '../../../src/cleanup/types.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { untilBlocked } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { clean, inFolder, options, restore, rowsOf } from './support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('archive_columns')
  await database.sql(`create type mood as enum ('sad', 'glad');
    alter table observability_metrics add column mood mood`)
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.sql(`truncate observability_metrics, wfstore_cleanups;
    insert into observability_metrics (user_id, metric_type, metric_value, timestamp, mood)
      select 'u', 't', n, '2026-01-01Z', 'glad' from generate_series(1, 30) n`)
})

it('a column that is added during a cleanup ends it, and every value is in the table or in the archive', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    const changing = await database.connect()
    const [{ pid }] = (await changing.query('select pg_backend_pid() as pid')).rows
    let change: Promise<unknown> | undefined
    const archive: ArchiveSink = {
      ...sink,
      // The first batch has locked the table: the change waits for it, and the second batch waits for the change.
      write: async (kind, chunks) => {
        const lines = await sink.write(kind, chunks)
        if (kind === 'metric' && !change) {
          change = changing.query(`alter table observability_metrics add column late text`)
          await untilBlocked(database, pid)
        }
        return lines
      },
    }
    const cleaning = clean(database, folder, { archive, batchSize: 10 })
    await expect(cleaning).rejects.toMatchObject({
      code: 'schema_differs',
      message: 'the columns of a table changed during the cleanup',
    })
    await change
    await changing.end()
    // In a distributed store a batch has rows of one shard only.
    const left = (await rowsOf(database)).length
    if (citusUrl) expect(left).toBeLessThan(30)
    else expect(left).toBe(20)
    await restore(database, folder)
    expect(await rowsOf(database)).toHaveLength(30)
    await database.sql('alter table observability_metrics drop column late')
  }))

it('a value that its type no longer has is named with its line, and nothing is restored', () =>
  inFolder(async (folder) => {
    await clean(database, folder)
    await database.sql(`alter table observability_metrics alter column mood type text;
      drop type mood; create type mood as enum ('sad');
      alter table observability_metrics alter column mood type mood using mood::mood`)
    await expect(restore(database, folder)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/^line 1 of .*: invalid input value for enum mood: "glad"$/),
    })
    expect(await rowsOf(database)).toEqual([])
  }))
