import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrationsDir, parseMigration, splitStatements } from '../../src/db/migrate/files.ts'
import { checkSchema, MIGRATIONS } from '../../src/db/schema.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../support/database.ts'
import { migrate, withClient } from '../support/migrate.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase('schema')
})

afterAll(() => database.drop())

const check = () => withClient(database, (client) => checkSchema(client))

it('MIGRATIONS lists the files of migrations/', () => {
  expect(MIGRATIONS).toEqual(
    readdirSync(migrationsDir())
      .filter((file) => file !== 'layouts')
      .map((file) => file.replace(/\.sql$/, ''))
      .sort(),
  )
})

it('for a database without a schema the hint is to migrate', async () => {
  await expect(check()).rejects.toMatchObject({
    code: 'schema_missing',
    message: 'this database has no wfstore schema',
    hint: 'run `wfstore migrate up`',
  })
})

it('for a database of the old application the hint is to adopt its tables', async () => {
  const legacy = await createDatabase('schema_legacy')
  await loadLegacy(legacy, { data: false })
  await withClient(legacy, async (client) => {
    await expect(checkSchema(client)).rejects.toMatchObject({
      code: 'schema_missing',
      hint: expect.stringContaining('adopt them in place'),
    })
    await client.query('begin')
    await expect(checkSchema(client)).rejects.toMatchObject({ code: 'schema_missing' })
  })
  await legacy.drop()
})

it('a schema with a pending migration is behind, one with an unknown migration is ahead', async () => {
  await migrate(database)
  await check()
  await database.sql("delete from wfstore_migrations where name = '002_indexes'")
  await expect(check()).rejects.toMatchObject({
    code: 'schema_behind',
    message: 'the schema of this database is behind; pending migrations: 002_indexes',
    hint: 'run `wfstore migrate up`',
  })
  await database.sql("insert into wfstore_migrations (name) values ('999_next')")
  await expect(check()).rejects.toMatchObject({
    code: 'schema_ahead',
    message: 'the schema of this database is newer than this version of wfstore: it has 999_next',
    hint: 'upgrade wfstore',
  })
})

it('a script is split at the semicolons that end statements', () => {
  const script = `-- one; comment
    create table a (b text default ';' /* ; */, "c;d" int); -- two
    create function f() returns text language sql as $x$ select ';'; $x$;

    select 1`
  expect(splitStatements(script)).toEqual([
    `create table a (b text default ';' /* ; */, "c;d" int)`,
    `create function f() returns text language sql as $x$ select ';'; $x$`,
    'select 1',
  ])
})

it('a migration file has an Up part, and optionally a Down part and a first line about transactions', () => {
  expect(parseMigration('x', '-- Up Migration\nselect 1;\n')).toEqual({
    name: 'x',
    transaction: true,
    up: '\nselect 1;\n',
    down: undefined,
  })
  expect(
    parseMigration('y', '-- No Transaction\n-- Up Migration\nup;\n-- Down Migration\ndown;\n'),
  ).toEqual({ name: 'y', transaction: false, up: '\nup;\n', down: '\ndown;\n' })
})
