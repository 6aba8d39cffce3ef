import { afterAll, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../../src/db/schema.ts'
import { runCli } from '../../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../../support/database.ts'
import { createAdopted, createMigrated } from '../../../support/migrated.ts'

const databases: TestDatabase[] = []
const make = async (database: Promise<TestDatabase>) => {
  databases.push(await database)
  return database
}
afterAll(async () => {
  for (const database of databases) await database.drop()
})

const verify = (database: TestDatabase, ...words: string[]) =>
  runCli(['migrate', 'verify', '--database-url', database.url, ...words])
const report = async (database: TestDatabase) => {
  const { code, stdout } = await verify(database, '--json')
  return { code, ...JSON.parse(stdout) }
}

it('a new and an adopted database match the migrations, with all rows counted', async () => {
  for (const database of [await make(createMigrated('fresh')), await make(createAdopted('old'))]) {
    const { code, ok, differences, tables } = await report(database)
    expect([code, ok, differences]).toEqual([0, true, []])
    for (const { table, rows, estimated } of tables) {
      const [counted] = await database.sql(`select count(*)::int as rows from ${table}`)
      expect([table, rows, estimated]).toEqual([table, counted?.rows, false])
    }
    expect(tables).toHaveLength(17)
  }
})

it('each difference is printed with its fix, exit 4; objects of the application are not faults', async () => {
  const database = await make(createMigrated('damaged'))
  await database.sql('alter table workflow_steps drop column retry_count')
  await database.sql('alter table billing_records add column note text')
  expect(await report(database)).toMatchObject({
    code: 4,
    ok: false,
    differences: [
      {
        kind: 'column',
        name: 'workflow_steps.retry_count',
        state: 'missing',
        fix: 'alter table workflow_steps add column retry_count integer not null default 0;',
      },
      { kind: 'column', name: 'billing_records.note', state: 'extra', fix: null },
    ],
  })
  const { stderr, stdout } = await runCli(
    ['migrate', 'verify', '--color', 'never', '--database-url', database.url],
    { terminal: 60 },
  )
  expect(stdout).toContain(
    [
      'missing  column  workflow_steps.retry_count',
      '    expected integer not null default 0',
      '    > alter table workflow_steps add column retry_count',
      '      integer not null default 0;',
      'extra    column  billing_records.note',
      '    found text',
      '',
    ].join('\n'),
  )
  expect(stderr).toBe(
    'error: the schema differs from its migrations: 1 difference; run the statements that are printed with each difference\n',
  )
  await database.sql('alter table workflow_steps add column retry_count integer not null default 0')
  expect(await verify(database)).toMatchObject({
    code: 0,
    stderr: 'the schema matches its migrations; 1 object of the application in addition\n',
  })
})

it('an object of a pending migration is not missing; the migration is', async () => {
  const database = await make(createDatabase('half'))
  await runCli(['migrate', 'up', '1', '--database-url', database.url])
  expect(await report(database)).toMatchObject({
    code: 4,
    differences: [
      ...MIGRATIONS.slice(1).map((name) => ({
        kind: 'migration',
        name,
        state: 'missing',
        fix: 'wfstore migrate up',
      })),
    ],
  })
})

it('a history that is lost, changed or of a newer version is a difference', async () => {
  const database = await make(createMigrated('history'))
  await database.sql("update wfstore_migrations set checksum = 'x' where name = '001_tables'")
  await database.sql("insert into wfstore_migrations (name) values ('009_later')")
  expect(await report(database)).toMatchObject({
    code: 4,
    differences: [
      { name: '001_tables', state: 'differs', found: 'changed after it was applied' },
      { name: '009_later', state: 'differs', found: 'applied by a newer version of wfstore' },
    ],
  })
  await database.sql('delete from wfstore_migrations')
  const { code, differences } = await report(database)
  expect([code, differences.length]).toEqual([4, MIGRATIONS.length])
  for (const { fix } of differences) await database.sql(fix)
  expect(await report(database)).toMatchObject({ code: 0, ok: true, differences: [] })
})

it('without a schema, or with tables that are not adopted, the error names it', async () => {
  const empty = await make(createDatabase('empty'))
  expect(await verify(empty)).toMatchObject({
    code: 4,
    stdout: '',
    stderr: 'error: this database has no wfstore schema; run `wfstore migrate up`\n',
  })
  const legacy = await make(createDatabase('legacy'))
  await loadLegacy(legacy)
  expect((await verify(legacy)).stderr).toContain(
    'has workflow tables that wfstore has not adopted',
  )
})
