import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { createDatabase, fixture, type TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'

const run = (words: string, { url }: TestDatabase, env = {}) =>
  runCli(words.split(' '), { env: { DATABASE_URL: url, ...env } })

const tablesOf = async (database: TestDatabase, schema: string) =>
  (
    await database.sql(
      `select count(*)::int as n from pg_class where relkind = 'r' and relnamespace = $1::regnamespace`,
      [schema],
    )
  )[0]?.n

const databases: TestDatabase[] = []
afterAll(async () => {
  for (const database of databases) await database.drop()
})

async function makeElsewhere(schema: string): Promise<TestDatabase> {
  const database = await createDatabase('elsewhere')
  databases.push(database)
  await database.sql(
    `create schema "${schema}"; set search_path to "${schema}"; ${fixture('legacy-schema.sql')}; reset search_path`,
  )
  return database
}

describe('tables of the old application in another schema than that of the search path', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await makeElsewhere('old app')
  })

  const SAYS =
    'the search path has no workflow tables, but schema old app has some that wfstore has not adopted yet'

  it.each(['up', 'up --dry-run', 'status', 'down --yes', 'redo --yes'])(
    'are named by migrate %s, which creates no empty store',
    async (words) => {
      expect(await run(`migrate ${words}`, database)).toEqual({
        code: 4,
        stdout: '',
        stderr: `error: ${SAYS}; add --schema 'old app' to adopt them in place, or --schema public for another store in schema public\n`,
      })
      expect(await tablesOf(database, 'public')).toBe(0)
    },
  )

  it.each(['executions list', 'stats', 'migrate roles', 'migrate roles --dry-run'])(
    'are named by %s',
    async (words) => {
      const { code, stderr, stdout } = await run(words, database)
      expect([code, stdout]).toEqual([4, ''])
      expect(stderr).toContain(SAYS)
    },
  )

  it('are named by doctor, with the command that adopts them', async () => {
    const { code, stdout } = await run('doctor -o tsv --columns check,finding,fix', database)
    expect(code).toBe(1)
    expect(stdout).toContain(`schema\t${SAYS}\twfstore migrate up --schema 'old app'\n`)
  })

  it('are not in the way of a store in a schema that is given', async () => {
    const chosen = await makeElsewhere('app')
    expect((await run('migrate up --schema public', chosen)).code).toBe(0)
    expect((await run('executions list --schema public', chosen)).code).toBe(0)
    expect((await run('executions list --schema flows', chosen)).stderr).toBe(
      'error: this database has no wfstore schema in the search path "flows", but has one in schema public; give it with --schema public\n',
    )
    expect((await run('migrate status', chosen)).code).toBe(0)
    const path = await makeElsewhere('app')
    expect((await run('migrate up', path, { PGOPTIONS: '-c search_path=public' })).code).toBe(0)
  })

  it('are adopted with --schema, and then named where the schema is left out', async () => {
    const adopted = await makeElsewhere('app')
    expect((await run('migrate up --schema app --yes', adopted)).code).toBe(0)
    expect(await run('executions list', adopted)).toEqual({
      code: 4,
      stdout: '',
      stderr:
        'error: this database has no wfstore schema in the search path, but has one in schema app; give it with --schema app\n',
    })
    expect(await run('migrate up', adopted)).toEqual({
      code: 4,
      stdout: '',
      stderr:
        'error: this database has no wfstore schema in the search path, but has one in schema app; add --schema app to use it, or --schema public for another store in schema public\n',
    })
    expect(await tablesOf(adopted, 'public')).toBe(0)
  })
})

it('a table of the same name with other columns is no reason to stop', async () => {
  const database = await createDatabase('elsewhere')
  databases.push(database)
  await database.sql('create schema other; create table other.workflow_executions (id int)')
  expect((await migrate(database)).applied).not.toEqual([])
})
