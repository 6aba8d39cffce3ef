import type pg from 'pg'
import { expect, it } from 'vitest'
import { restoreArchive } from '../../../src/cleanup/restore/restore.ts'
import { withClient } from '../../support/migrate.ts'
import { clean, inFolder, rowsOf, totalsOf } from '../archive/support.ts'
import { ALL, archiveIn, database, NONE, useOldRows } from './support.ts'

useOldRows('restore_early')

const MORE = 3000
const addEntries = () =>
  database.sql(`insert into audit_logs (execution_id, user_id, action_type, action_details, timestamp)
    select execution_id, user_id, 'tool_call', repeat('d', 600), start_time from workflow_executions, generate_series(1, ${MORE / 40})`)

/** Restores and counts the statements that write audit entries. */
const restored = (folder: string) =>
  withClient(database, async (client) => {
    let inserts = 0
    const query = client.query.bind(client) as (...given: unknown[]) => unknown
    client.query = ((...given: unknown[]) => {
      const [first] = given as [string | { text?: string }]
      const text = typeof first === 'string' ? first : (first.text ?? '')
      if (text.includes('insert into audit_logs')) inserts++
      return query(...given)
    }) as pg.Client['query']
    return { ...(await restoreArchive(client, archiveIn(folder))), inserts }
  })

it('audit entries are written while the archive is read, each once, and no total changes', () =>
  inFolder(async (folder) => {
    await addEntries()
    const all = { ...ALL, audit: ALL.audit + MORE }
    const [rows, totals] = [await rowsOf(database), await totalsOf(database)]
    await clean(database, folder)
    const result = await restored(folder)
    expect(result).toMatchObject({ restored: all, alreadyThere: NONE })
    expect(result.inserts).toBeGreaterThan(1)
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
    expect(await restored(folder)).toMatchObject({ restored: NONE, alreadyThere: all })
    expect([await rowsOf(database), await totalsOf(database)]).toEqual([rows, totals])
  }))

it('audit entries that have a foreign key are written after their runs', () =>
  inFolder(async (folder) => {
    await addEntries()
    await clean(database, folder)
    await database.sql(
      'alter table audit_logs add constraint of_run foreign key (execution_id) references workflow_executions',
    )
    try {
      const result = await restored(folder)
      expect(result).toMatchObject({ restored: { audit: ALL.audit + MORE }, inserts: 1 })
    } finally {
      await database.sql('alter table audit_logs drop constraint of_run')
    }
  }))
