import { afterAll, describe, expect, it } from 'vitest'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { readStatus } from '../../../src/db/migrate/history.ts'
import { planUp } from '../../../src/db/migrate/up.ts'
import { findingOf } from '../../queries/doctor/support.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate, withClient } from '../../support/migrate.ts'
import { createAdopted, createMigrated, migrateOptions } from '../../support/migrated.ts'
import { LATER } from '../../support/migrations.ts'

const databases: TestDatabase[] = []
afterAll(async () => {
  for (const database of databases) await database.drop()
})
async function make(database: Promise<TestDatabase>): Promise<TestDatabase> {
  databases.push(await database)
  return database
}
async function legacy(...statements: string[]): Promise<TestDatabase> {
  const database = await make(createDatabase('adopted_on'))
  await loadLegacy(database)
  for (const statement of statements) await database.sql(statement)
  return database
}

const firstOf = (database: TestDatabase) =>
  withClient(database, async (client) => (await readStatus(client, 'public'))[0])
const wfstore = (database: TestDatabase, line: string, options = {}) =>
  runCli([...line.split(' '), '--database-url', database.url], options)

/** The sample data ends before this. */
const LAST = '2030-01-02 03:04:05'
const NEWEST: Record<string, string> = {
  workflow_executions: 'start_time',
  audit_logs: 'timestamp',
  observability_metrics: 'timestamp',
  billing_records: 'timestamp',
}

describe('an adoption notes when the old application last wrote', () => {
  it.each(Object.entries(NEWEST))('from %s', async (table, column) => {
    const database = await legacy(
      ...Object.entries(NEWEST).map(
        ([name, time]) => `update ${name} set ${time} = ${time} - interval '10 years'`,
      ),
      `update ${table} set ${column} = '2019-05-06 07:08:09'
       where ctid = (select min(ctid) from ${table})`,
    )
    await migrate(database)
    expect(await firstOf(database)).toMatchObject({
      oldApplicationSeenAt: '2019-05-06T07:08:09.000000Z',
    })
  })

  it('in the time zone of the column', async () => {
    const database = await legacy(
      ...Object.entries(NEWEST).map(
        ([name, time]) => `update ${name} set ${time} = ${time} - interval '10 years'`,
      ),
      `update audit_logs set timestamp = '2019-05-06 07:08:09' where ctid = (select min(ctid) from audit_logs)`,
    )
    await migrate(database, { legacyTimeZone: 'audit_logs.timestamp=Asia/Tokyo,Europe/Berlin' })
    expect(await firstOf(database)).toMatchObject({
      oldApplicationSeenAt: '2019-05-05T22:08:09.000000Z',
    })
  })

  it('and a time in the future counts as the time of the adoption', async () => {
    const database = await legacy(
      `update audit_logs set timestamp = '${LAST}' where ctid = (select min(ctid) from audit_logs)`,
    )
    await migrate(database)
    const { adoptedAt, oldApplicationSeenAt } = (await firstOf(database)) ?? {}
    expect(Date.parse(adoptedAt ?? '') - Date.parse(oldApplicationSeenAt ?? '')).toBeLessThan(1000)
    expect(Date.parse(oldApplicationSeenAt ?? '')).toBeLessThanOrEqual(Date.parse(adoptedAt ?? ''))
  })

  it('and notes nothing if it never wrote', async () => {
    const database = await make(createDatabase('adopted_empty'))
    await loadLegacy(database, { data: false })
    await migrate(database)
    expect(await firstOf(database)).toMatchObject({
      adoptedAt: expect.any(String),
      oldApplicationSeenAt: null,
    })
    expect((await wfstore(database, 'migrate status')).stderr).toMatch(
      /^adopted on \d{4}-\d\d-\d\d \d\d:\d\d, it is not known when the old application last wrote \(UTC\)\n$/,
    )
  })

  it('also by the script for psql', async () => {
    const [plain, scripted] = [await legacy(), await legacy()]
    await migrate(plain)
    const steps = await withClient(scripted, (client) => planUp(client, migrateOptions))
    expect(steps[0]).toMatchObject({ adopts: true })
    const { stdout } = await wfstore(scripted, 'migrate up --dry-run')
    for (const part of stdout.split(/^-- /m).slice(1)) {
      const statements = part.slice(part.indexOf('\n')).replace(/^\\.*$/gm, '')
      const each = /concurrently/.test(statements) ? splitStatements(statements) : [statements]
      for (const text of each) await scripted.sql(text)
    }
    const read = async (database: TestDatabase) => (await firstOf(database))?.oldApplicationSeenAt
    expect(await read(scripted)).toBe(await read(plain))
    expect((await firstOf(scripted))?.adoptedAt).not.toBeNull()
  })
})

describe('migrate status', () => {
  const at = (database: TestDatabase, adopted: string, seen: string) =>
    database.sql(`update wfstore_migrations set run_on = '${adopted}' where name = '001_tables';
      select setval('wfstore_other_writes', extract(epoch from timestamptz '${seen}')::bigint)`)

  it('says when the database was adopted, and until when the old application wrote', async () => {
    const database = await make(createAdopted('status_adopted'))
    await at(database, '2026-11-28 10:00Z', '2026-11-27 09:12:40Z')
    expect((await wfstore(database, 'migrate status')).stderr).toBe(
      'adopted on 2026-11-28 10:00, old application seen writing until 2026-11-27 09:12 (UTC)\n',
    )
    const terminal = { terminal: 100 }
    expect((await wfstore(database, 'migrate status --tz Asia/Tokyo', terminal)).stderr).toBe(
      'times are in Asia/Tokyo\nadopted on 2026-11-28 19:00, old application seen writing until 2026-11-27 18:12\n',
    )
    expect(
      (await wfstore(database, 'migrate status --tz Asia/Tokyo --columns name', terminal)).stderr,
    ).toBe(
      'adopted on 2026-11-28 19:00, old application seen writing until 2026-11-27 18:12 (Asia/Tokyo)\n',
    )
    const { stdout, stderr } = await wfstore(database, 'migrate status --json')
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject([
      {
        adoptedAt: '2026-11-28T10:00:00.000000Z',
        oldApplicationSeenAt: '2026-11-27T09:12:40.000000Z',
      },
      ...LATER.map(() => ({ adoptedAt: null, oldApplicationSeenAt: null })),
    ])
  })

  it('says the same after `down` and `redo`', async () => {
    const database = await make(createAdopted('status_redo'))
    await at(database, '2025-11-28 10:00Z', '2025-11-27 09:12:40Z')
    const before = (await wfstore(database, 'migrate status')).stderr
    expect((await wfstore(database, 'migrate down 3 --force --yes')).code).toBe(0)
    expect((await wfstore(database, 'migrate status')).stderr).toBe(before)
    expect((await wfstore(database, 'migrate up')).code).toBe(0)
    expect((await wfstore(database, 'migrate redo --yes')).code).toBe(0)
    expect((await wfstore(database, 'migrate status')).stderr).toBe(before)
  })

  it('says nothing about it for a store that was never adopted', async () => {
    const database = await make(createMigrated('status_new'))
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', 'u', 'm', 'x')`,
    )
    expect((await wfstore(database, 'migrate status')).stderr).toBe('')
    expect(await firstOf(database)).toMatchObject({ adoptedAt: null, oldApplicationSeenAt: null })
  })

  it('says that it does not know the last write to a role that may not read it', async () => {
    const database = await make(createAdopted('status_poor'))
    const role = `poor_${database.name}`
    await database.sql(
      `create role ${role} login password 'secret'; grant select on wfstore_migrations to ${role}`,
    )
    const url = new URL(database.url)
    url.username = role
    url.password = 'secret'
    const { code, stderr } = await runCli(['migrate', 'status', '--database-url', url.href])
    expect(code).toBe(0)
    expect(stderr).toContain('it is not known when the old application last wrote')
    await database.sql(`drop owned by ${role}; drop role ${role}`)
  })
})

describe('doctor', () => {
  const seen = (database: TestDatabase, ago: string) =>
    database.sql(
      `select setval('wfstore_other_writes', extract(epoch from now() - interval '${ago}')::bigint)`,
    )
  const HINT =
    /; the old application was last seen writing 41 days ago, on \d{4}-\d\d-\d\d; what only that application needs can be removed$/

  it('says that the old application is probably gone after 30 days without a write', async () => {
    const database = await make(createAdopted('doctor_gone'))
    await seen(database, '41 days 1 hour')
    expect(await findingOf(database, 'schema')).toMatchObject({
      state: 'ok',
      fix: null,
      finding: expect.stringMatching(HINT),
    })
    await seen(database, '29 days 23 hours')
    expect((await findingOf(database, 'schema')).finding).not.toContain('old application')
  })

  it('says nothing about it for a store that was never adopted', async () => {
    const database = await make(createMigrated('doctor_new'))
    await seen(database, '41 days')
    expect((await findingOf(database, 'schema')).finding).not.toContain('old application')
  })
})
