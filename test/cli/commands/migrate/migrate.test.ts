import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../../support/database.ts'
import { catalogsOf, everythingOf, schemaOf } from '../../../support/migrate.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { ALL_NAMED, FIRST, LATER, LATER_NAMED } from '../../../support/migrations.ts'

const databases: TestDatabase[] = []
const make = async (database: Promise<TestDatabase>) => {
  databases.push(await database)
  return database
}
afterAll(async () => {
  for (const database of databases) await database.drop()
})

const wfstore = (database: TestDatabase, line: string, options = {}) =>
  runCli([...line.split(' '), '--database-url', database.url], options)

const HEADER = 'name\tstate\tappliedAt\tdurationMs\n'
const LATER_PENDING = LATER.map((name) => `${name}\tpending\t\t\n`).join('')

describe('status', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await make(createDatabase('status'))
  })

  it('of an empty database lists all as pending, and changes nothing', async () => {
    const before = await catalogsOf(database)
    expect(await wfstore(database, 'migrate status')).toEqual({
      code: 0,
      stdout: `${HEADER}${FIRST}\tpending\t\t\n${LATER_PENDING}`,
      stderr: '',
    })
    expect(await catalogsOf(database)).toBe(before)
  })

  it('shows when each was applied and its duration', async () => {
    await wfstore(database, 'migrate up 1')
    await database.sql(
      "update wfstore_migrations set run_on = '2026-11-23 10:00+01', duration_ms = 1234",
    )
    expect((await wfstore(database, 'migrate status')).stdout).toBe(
      `${HEADER}${FIRST}\tapplied\t2026-11-23T09:00:00.000000Z\t1234\n${LATER_PENDING}`,
    )
    expect((await wfstore(database, 'migrate status --color never', { terminal: 80 })).stdout).toBe(
      'MIGRATION           STATE    APPLIED           TOOK\n' +
        '001_tables          applied  2026-11-23 10:00  1.2s\n' +
        LATER.map((name) => `${name.padEnd(20)}pending  -                    -\n`).join(''),
    )
    expect(JSON.parse((await wfstore(database, 'migrate status --json')).stdout)).toEqual([
      {
        name: '001_tables',
        state: 'applied',
        appliedAt: '2026-11-23T09:00:00.000000Z',
        durationMs: 1234,
        adoptedAt: null,
        oldApplicationSeenAt: null,
      },
      ...LATER.map((name) => ({
        name,
        state: 'pending',
        appliedAt: null,
        durationMs: null,
        adoptedAt: null,
        oldApplicationSeenAt: null,
      })),
    ])
  })

  it('with --exit-code exits with 4 if one is pending, otherwise with 0', async () => {
    expect(await wfstore(database, 'migrate status --exit-code')).toMatchObject({
      code: 4,
      stderr: `error: pending migrations: ${LATER_NAMED}; run \`wfstore migrate up\`\n`,
    })
    await wfstore(database, 'migrate up')
    expect(await wfstore(database, 'migrate status --exit-code')).toMatchObject({
      code: 0,
      stderr: '',
    })
  })

  it('distinguishes a migration that changed after it was applied from one of a newer version; both end with 4', async () => {
    await database.sql("update wfstore_migrations set checksum = 'x' where name = '001_tables'")
    const changed = await wfstore(database, 'migrate status --no-headers')
    expect(changed.code).toBe(4)
    expect(changed.stdout).toMatch(/^001_tables\tchanged\t/)
    expect(changed.stderr).toMatch(
      /^error: migrations changed after they were applied to this database: 001_tables; /,
    )
    for (const line of [
      'migrate up',
      'migrate up --dry-run',
      'migrate down --yes',
      'migrate redo --yes',
    ]) {
      expect(await wfstore(database, line)).toMatchObject({ code: 4, stderr: changed.stderr })
    }
    // The hint accepts it.
    const [, fix = ''] = /accept the change: (update .*)$/m.exec(changed.stderr) ?? []
    await database.sql(fix)
    expect((await wfstore(database, 'migrate status')).code).toBe(0)

    await database.sql("insert into wfstore_migrations (name) values ('099_later')")
    const ahead = await wfstore(database, 'migrate status')
    expect(ahead.code).toBe(4)
    expect(ahead.stdout).toMatch(/^099_later\tunknown\t/m)
    expect(ahead.stderr).toContain(
      'newer than this version of wfstore: it has 099_later; upgrade wfstore',
    )
    const before = await everythingOf(database)
    for (const line of [
      'migrate up',
      'migrate down --yes',
      'migrate redo --yes',
      'executions list',
      'executions running',
      'demo',
    ]) {
      expect([line, (await wfstore(database, line)).code]).toEqual([line, 4])
    }
    expect(await everythingOf(database)).toBe(before)
  })
})

describe('up', () => {
  it('stops at a target, by count or by name', async () => {
    const database = await make(createDatabase('target'))
    expect(await wfstore(database, 'migrate up --to 999')).toMatchObject({
      code: 2,
      stderr: `error: migration "999" does not exist; use one of ${ALL_NAMED}\n`,
    })
    expect((await wfstore(database, 'migrate up --to 001_tables')).stdout).toBe(
      `applied 001_tables; still pending: ${LATER_NAMED}\n`,
    )
    expect((await wfstore(database, 'migrate up --to 1')).stdout).toBe(
      `still pending: ${LATER_NAMED}\n`,
    )
    expect((await wfstore(database, 'migrate up 99 -o jsonl')).stdout).toBe(
      `{"applied":${JSON.stringify(LATER)},"adopted":false,"created":[],"recreated":[],"rebuilt":[],"removed":[],"revoked":[],"pending":[]}\n`,
    )
    expect(await wfstore(database, 'migrate up')).toEqual({
      code: 0,
      stdout: 'the schema is up to date\n',
      stderr: '',
    })
    expect(await wfstore(database, 'migrate up 0')).toMatchObject({ code: 2 })
  })

  it('rebuilds an invalid index even if nothing is pending', async () => {
    const database = await make(createMigrated('invalid'))
    const right = await schemaOf(database)
    await database.sql(
      "update pg_index set indisvalid = false where indexrelid = 'audit_logs_failed_idx'::regclass",
    )
    expect(await schemaOf(database)).not.toBe(right)
    expect((await wfstore(database, 'migrate up')).stdout).toBe(
      'rebuilt invalid indexes: audit_logs_failed_idx\n',
    )
    expect(await schemaOf(database)).toBe(right)
  })

  it('completes the history table of an earlier version', async () => {
    const database = await make(createMigrated('history'))
    const right = await schemaOf(database)
    await database.sql(
      'alter table wfstore_migrations drop checksum, drop duration_ms, drop adopted',
    )
    expect((await wfstore(database, 'migrate status --no-headers')).stdout).toMatch(
      /^001_tables\tapplied\t.*Z\t\n/,
    )
    expect((await wfstore(database, 'migrate up')).code).toBe(0)
    expect(await schemaOf(database)).toBe(right)
  })

  it('reads and completes a history table that only lacks the newest column', async () => {
    const database = await make(createMigrated('history_newest'))
    const right = await schemaOf(database)
    const before = await wfstore(database, 'migrate status')
    await database.sql('alter table wfstore_migrations drop adopted')
    expect(await wfstore(database, 'migrate status')).toEqual(before)
    expect((await wfstore(database, 'migrate up')).code).toBe(0)
    expect(await wfstore(database, 'migrate status')).toEqual(before)
    expect(await schemaOf(database)).toBe(right)
  })

  it('reports a lost history instead of tables that already exist', async () => {
    const database = await make(createMigrated('lost'))
    await database.sql('delete from wfstore_migrations')
    const { code, stderr } = await wfstore(database, 'migrate up')
    expect(code).toBe(4)
    expect(stderr).toContain(
      'has the tables of wfstore, but wfstore_migrations has no record of 001_tables',
    )
    const [, fix = ''] = /no other difference, run: (insert .*)$/m.exec(stderr) ?? []
    await database.sql(fix)
    expect((await wfstore(database, 'migrate up')).stdout).toBe('the schema is up to date\n')
  })

  it('asks on a terminal before it adopts, and changes nothing if the answer is no', async () => {
    const database = await make(createDatabase('asked'))
    await loadLegacy(database)
    const before = await catalogsOf(database)
    const refused = await wfstore(database, 'migrate up', { answer: 'n\n' })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('Adopt these tables? [y/N]')
    expect(refused.stderr).toContain('not confirmed; nothing was changed')
    expect((await wfstore(database, 'migrate up', { answer: '' })).code).toBe(1)
    expect(await catalogsOf(database)).toBe(before)
    const done = await wfstore(database, 'migrate up', { answer: 'yes\n' })
    expect(done.stdout).toBe(`adopted the database; applied ${ALL_NAMED}\n`)
  })

  it('adopts without a terminal only with --yes; an update needs none', async () => {
    const database = await make(createDatabase('unattended'))
    await loadLegacy(database)
    const before = await catalogsOf(database)
    for (const words of ['migrate up', 'migrate up 1 --json', 'migrate up --to 001_tables']) {
      const { code, stdout, stderr } = await wfstore(database, words)
      expect([words, code, stdout]).toEqual([words, 2, ''])
      expect(stderr).toMatch(/confirmation required.*nothing was changed.*use --yes/)
    }
    expect(await catalogsOf(database)).toBe(before)
    expect((await wfstore(database, 'migrate up 1 --yes')).stdout).toMatch(/^adopted the database;/)
    expect(await wfstore(database, 'migrate up')).toMatchObject({ code: 0, stderr: '' })
  })
})
