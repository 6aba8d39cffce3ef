import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { countCleanup } from '../../src/cleanup/count.ts'
import type { CleanupOptions } from '../../src/cleanup/types.ts'
import { openStore } from '../../src/index.ts'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'
import { addEntry, addRun, clear, uuid } from './cleanup-support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('cleanup_newest_run')
})
beforeEach(() => clear(database.sql))
afterAll(() => database.drop())

const CUTOFF = '2024-06-01T00:00:00Z'

/** A finished run unless the status is 'running'. */
const add = (number: number, start: string, more: { status?: string; end?: string } = {}) =>
  addRun(database.sql, {
    id: uuid(number),
    label: 'w',
    start,
    end: more.status === 'running' ? null : (more.end ?? start),
    ...more,
  })
const runs = async () =>
  (await database.sql('select count(*)::int as runs from workflow_executions'))[0]?.runs
const clean = (options: CleanupOptions = {}) =>
  withClient(database, (client) => cleanup(client, { before: CUTOFF, pauseMs: 0, ...options }))
const count = (options: CleanupOptions = {}) =>
  withClient(database, (client) => countCleanup(client, { before: CUTOFF, ...options }))
const onCommandLine = (flags: string, options = {}) =>
  runCli(
    [
      'cleanup',
      '--before',
      CUTOFF,
      ...flags.split(' ').filter(Boolean),
      '--database-url',
      database.url,
    ],
    options,
  )

const SAYS =
  /the cleanup would remove 2 of 3 runs, even the newest finished one, which started at 2024-02-01T00:00:00Z; the clock of the server is at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/

describe('a cleanup that would remove the newest finished run', () => {
  beforeEach(async () => {
    await add(1, '2024-01-01Z')
    await add(2, '2024-02-01Z')
    // An unfinished run is never removed, so it is no evidence of a right clock.
    await add(3, '2024-03-01Z', { status: 'running' })
    await addEntry(database.sql, { id: uuid(9), run: null, at: '2024-01-01Z' })
  })

  it.each(['', '--yes', '--quiet'])(
    'fails without a terminal and removes nothing: %s',
    async (flags) => {
      const { code, stdout, stderr } = await onCommandLine(flags)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(SAYS)
      expect(stderr).toContain('use --allow-all')
      expect(await runs()).toBe(3)
      expect(await database.sql('select from audit_logs')).toHaveLength(1)
      expect(await database.sql('select from wfstore_cleanups')).toEqual([])
    },
  )

  it('fails on a terminal with --yes, asks without it, and goes ahead if the answer is yes', async () => {
    expect((await onCommandLine('--yes', { terminal: 200 })).code).toBe(1)
    const asked = await onCommandLine('', { terminal: 300, answer: 'n\n' })
    expect(asked.code).toBe(1)
    expect(asked.stderr.replaceAll(/\s+/g, ' ')).toMatch(SAYS)
    expect(await runs()).toBe(3)
    expect((await onCommandLine('', { terminal: 300, answer: 'y\n' })).code).toBe(0)
    expect(await runs()).toBe(1)
  })

  it('removes it with --allow-all', async () => {
    expect(await onCommandLine('--allow-all')).toMatchObject({ code: 0, stderr: '' })
    expect(await runs()).toBe(1)
  })

  it('is announced by a dry run', async () => {
    const { code, stdout, stderr } = await onCommandLine('--dry-run --json')
    expect(code).toBe(0)
    expect(stderr).toMatch(SAYS)
    expect(JSON.parse(stdout).newestRun).toMatchObject({ startTime: '2024-02-01T00:00:00.000000Z' })
  })

  it('fails in the library without allowAll, and before its archive is made', async () => {
    const store = openStore({ databaseUrl: database.url })
    await expect(store.cleanup({ before: CUTOFF })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(SAYS),
    })
    expect(await runs()).toBe(3)
    expect(await store.cleanup({ before: CUTOFF, allowAll: true })).toMatchObject({
      removed: { execution: 2, audit: 1 },
    })
    await store.close()
  })

  it('is found although a run of an engine whose clock is years ahead is newer', async () => {
    await add(4, '2199-01-01Z')
    expect((await count()).newestRun).not.toBeNull()
    await expect(clean()).rejects.toMatchObject({ code: 'conflict' })
  })

  it('is found with keepLast if the newest runs that it keeps are unfinished', async () => {
    await expect(clean({ keepLast: 1 })).rejects.toMatchObject({ code: 'conflict' })
    expect(await clean({ keepLast: 2 })).toMatchObject({ removed: { execution: 1 } })
  })
})

describe('a cleanup needs no permission', () => {
  const works = async (removed: number) => {
    expect((await count()).newestRun).toBeNull()
    expect(await clean()).toMatchObject({ removed: { execution: removed } })
  }

  it('if a finished run after the cutoff is kept', async () => {
    await add(1, '2024-01-01Z')
    await add(2, '2024-07-01Z')
    await works(1)
  })

  it('if the newest run ended after the cutoff', async () => {
    await add(1, '2024-01-01Z')
    await add(2, '2024-05-31Z', { end: '2024-06-02Z' })
    await works(1)
  })

  it('if there are no runs, but old audit entries', async () => {
    await addEntry(database.sql, { id: uuid(9), run: null, at: '2024-01-01Z' })
    await works(0)
  })

  it('if a foreign key of an application keeps all runs', async () => {
    await add(1, '2024-01-01Z')
    await database.sql('create table kept (run uuid references workflow_executions)')
    await database.sql('insert into kept select execution_id from workflow_executions')
    try {
      await works(0)
    } finally {
      await database.sql('drop table kept')
    }
  })
})
