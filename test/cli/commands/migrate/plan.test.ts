import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { splitStatements } from '../../../../src/db/migrate/files.ts'
import { MIGRATIONS } from '../../../../src/db/schema.ts'
import { runCli } from '../../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../../support/database.ts'
import { catalogsOf, everythingOf, schemaOf } from '../../../support/migrate.ts'
import { ALL_NAMED, LATER, NEWEST } from '../../../support/migrations.ts'

const databases: TestDatabase[] = []
const make = async (database: Promise<TestDatabase>) => {
  databases.push(await database)
  return database
}
afterAll(async () => {
  for (const database of databases) await database.drop()
})

/** On one server, also in the tests of Citus: migrations of a distributed store cannot be reverted. */
async function migrated(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  await wfstore(database, 'migrate up')
  return database
}

const wfstore = (database: TestDatabase, line: string, options = {}) =>
  runCli([...line.split(' '), '--database-url', database.url], options)

const history = async (database: TestDatabase) =>
  database.sql(
    'select name, checksum, duration_ms >= 0 as timed from wfstore_migrations order by id',
  )

/** As psql runs a script: each statement by itself, lines with a backslash for psql alone. */
async function runScript(database: TestDatabase, script: string): Promise<void> {
  const sql = script
    .split('\n')
    .filter((line) => !line.startsWith('\\'))
    .join('\n')
  const client = await database.connect()
  for (const statement of splitStatements(sql)) await client.query(statement)
  await client.end()
}

describe('a dry run', () => {
  it.each(['empty', 'legacy'])(
    'of up leaves an %s database as it was, to the byte',
    async (kind) => {
      const database = await make(createDatabase(`dry_${kind}`))
      if (kind === 'legacy') await loadLegacy(database)
      const before = await catalogsOf(database)
      const script = await wfstore(database, 'migrate up --dry-run')
      const rows = JSON.parse((await wfstore(database, 'migrate up --dry-run --json')).stdout)
      expect(await catalogsOf(database)).toBe(before)

      // What it prints is what up does.
      const other = await make(createDatabase(`wet_${kind}`))
      if (kind === 'legacy') await loadLegacy(other)
      expect(script.stdout).not.toMatch(/^begin;/m)
      expect(script.stdout).toContain('begin isolation level read committed;')
      await runScript(database, script.stdout)
      await wfstore(other, 'migrate up --yes')
      expect(await everythingWithoutTimes(database)).toBe(await everythingWithoutTimes(other))
      expect(await history(database)).toEqual(await history(other))
      expect((await wfstore(database, 'migrate up')).stdout).toBe('the schema is up to date\n')
      for (const { statement } of rows) expect(script.stdout).toContain(`${statement};`)
    },
  )

  it('of down and redo changes nothing either', async () => {
    const database = await make(migrated('dry_down'))
    const before = await catalogsOf(database)
    const down = await wfstore(database, `migrate down ${MIGRATIONS.length} --dry-run`)
    const redo = await wfstore(database, 'migrate redo --dry-run')
    expect(await catalogsOf(database)).toBe(before)
    const right = await schemaOf(database)
    await runScript(database, redo.stdout)
    expect(await schemaOf(database)).toBe(right)
    expect((await history(database)).map(({ name }) => name)).toEqual([...MIGRATIONS])
    await runScript(database, down.stdout)
    expect(await history(database)).toEqual([])
    expect(await schemaOf(database)).not.toContain('workflow_executions')
  })

  it('creates no embedded database', async () => {
    expect((await runCli(['migrate', 'up', '--dry-run'])).code).toBe(3)
  })
})

describe('sql', () => {
  it('needs no database, and does the same as up, including the history', async () => {
    const { code, stdout } = await runCli(['migrate', 'sql'])
    expect(code).toBe(0)
    const database = await make(createDatabase('script'))
    const other = await make(migrated('no_script'))
    await runScript(database, stdout)
    expect(await schemaOf(database)).toBe(await schemaOf(other))
    expect(await history(database)).toEqual(await history(other))
    expect((await wfstore(database, 'migrate up')).stdout).toBe('the schema is up to date\n')
  })

  it('creates the given schema', async () => {
    const { stdout } = await runCli(['migrate', 'sql', '--schema', 'Work Flows'])
    const database = await make(createDatabase('script_schema'))
    await runScript(database, stdout)
    const status = await wfstore(database, 'migrate status --exit-code --schema Work', {})
    expect(status.code).toBe(4)
    const named = await runCli([
      ...['migrate', 'status', '--exit-code', '--schema', 'Work Flows'],
      ...['--database-url', database.url],
    ])
    expect(named.code).toBe(0)
  })
})

describe('down and redo', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await make(migrated('down'))
  })

  it('require a confirmation, or --yes without a terminal', async () => {
    const before = await everythingOf(database)
    for (const line of ['migrate down', 'migrate redo']) {
      expect(await wfstore(database, line)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('use --yes'),
      })
      expect((await wfstore(database, line, { answer: 'no\n' })).code).toBe(1)
    }
    expect(await everythingOf(database)).toBe(before)
  })

  it('redo reverts the newest and applies it again', async () => {
    const right = await schemaOf(database)
    const newest = async () =>
      (await database.sql('select max(id) as id from wfstore_migrations'))[0]?.id
    const before = await newest()
    expect(await wfstore(database, 'migrate redo --yes')).toMatchObject({
      code: 0,
      stdout: `reverted and applied ${NEWEST}\n`,
    })
    expect(await newest()).not.toBe(before)
    expect(await schemaOf(database)).toBe(right)
  })

  it('down reverts the newest, and refuses to drop a table with rows', async () => {
    const right = await schemaOf(database)
    await database.sql(
      "insert into audit_logs (user_id, action_type, action_details) values ('u', 'a', 'd')",
    )
    const before = await everythingOf(database)
    const all = `migrate down ${MIGRATIONS.length}`
    for (const line of [`${all} --yes`, `${all} --yes --dry-run`]) {
      expect(await wfstore(database, line)).toMatchObject({
        code: 1,
        stderr:
          'error: tables with rows: audit_logs; nothing was changed; make a backup with pg_dump, then use --force to drop the tables with their rows\n',
      })
    }
    expect(await everythingOf(database)).toBe(before)
    expect((await wfstore(database, 'migrate down', { answer: 'y\n' })).stdout).toBe(
      `reverted ${NEWEST}\n`,
    )
    expect((await wfstore(database, `migrate down ${LATER.length - 1} --yes`)).stdout).toBe(
      `reverted ${LATER.slice(0, -1).reverse().join(', ')}\n`,
    )
    expect(await wfstore(database, 'migrate down --yes')).toMatchObject({ code: 1 })
    expect(await wfstore(database, 'migrate down --yes --force -o jsonl')).toMatchObject({
      code: 0,
      stdout: '{"reverted":["001_tables"]}\n',
      stderr: expect.stringContaining('which drops audit_history (0 rows), audit_logs (1 row), '),
    })
    expect((await wfstore(database, 'migrate down --yes')).stdout).toBe(
      'no migrations are applied\n',
    )
    expect((await wfstore(database, 'migrate up')).stdout).toBe(`applied ${ALL_NAMED}\n`)
    expect(await schemaOf(database)).toBe(right)
  })
})

const everythingWithoutTimes = async (database: TestDatabase) =>
  (await everythingOf(database)).replace(
    /\n(wfstore_migrations|migrations_log)\n\([^\n]*(\n\([^\n]*)*/g,
    '',
  )
