import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TABLES } from '../../../src/db/adopt/legacy.ts'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase, fixture, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { catalogsOf, everythingOf, migrate, schemaOf } from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'

let fresh: string
let database: TestDatabase

beforeAll(async () => {
  fresh = await freshSchema()
  database = await createDatabase('half_done')
})
afterAll(() => database.drop())

const again = () => database.sql('drop schema public cascade; create schema public')

/** The schema without the log of the old set-up, and its function, which stays if no trigger used it. */
async function ours(): Promise<string> {
  await database.sql('drop function if exists update_updated_at_column()')
  return (await schemaOf(database)).replace(/\ntable migrations_log\n( {2}.+\n)+/, '')
}

describe('a set-up of the old application that stopped half-way is finished', () => {
  const statements = splitStatements(fixture('legacy-schema.sql'))
  const stops = statements.flatMap((statement, place) => {
    const [, kind, name] = /^create (table|view|trigger) (\w+)/.exec(statement) ?? []
    return kind && name !== 'migrations_log' ? [[`${kind} ${name}`, place + 1] as const] : []
  })

  it('in which a stop after each table, view and trigger is tried', () => {
    expect(stops).toHaveLength(TABLES.length + 2 + 3)
  })

  it.each(stops)('after %s', async (_, count) => {
    await again()
    for (const statement of statements.slice(0, count)) await database.sql(statement)
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, total_cost)
       select 'w', 'u' || n, 'Sales', 'm', n + 0.000001 from generate_series(1, 5) as n`,
    )
    const before = await database.sql(
      'select execution_id, total_cost::text from workflow_executions order by 1',
    )
    const { adopted } = await migrate(database)
    expect(adopted?.tables[0]).toMatchObject({ table: 'workflow_executions', rows: 5 })
    expect(await ours()).toBe(fresh)
    expect(
      await database.sql(
        'select execution_id, total_cost::text from workflow_executions order by 1',
      ),
    ).toEqual(before)
  })
})

describe('tables that are missing', () => {
  const run = (words: string) => runCli(words.split(' '), { env: { DATABASE_URL: database.url } })

  it('are named before anything changes, created by up, and are in the script of a dry run', async () => {
    await again()
    await loadLegacy(database)
    await database.sql('drop table audit_logs; drop table billing_records cascade')
    const before = await catalogsOf(database)
    const script = await run('migrate up --dry-run')
    expect(script.stderr).toContain(
      'the set-up of the old application stopped half-way; created empty: audit_logs, billing_records\n',
    )
    expect(script.stdout).toContain(
      'lock table observability_metrics, workflow_steps, workflow_executions in access exclusive mode',
    )
    expect(script.stdout).toContain('create table audit_logs (')
    expect(await catalogsOf(database)).toBe(before)
    const { code, stdout, stderr } = await run('migrate up --yes --json')
    expect([code, stderr]).toEqual([0, script.stderr])
    expect(JSON.parse(stdout)).toMatchObject({
      adopted: true,
      created: ['audit_logs', 'billing_records'],
      recreated: [],
    })
    expect((await run('migrate verify')).code).toBe(0)
    expect(
      await database.sql(
        'select (select count(*)::int from workflow_steps) as steps, (select count(*)::int from billing_records) as bills',
      ),
    ).toEqual([{ steps: 479, bills: 0 }])
  })

  it('without workflow_executions are an obstacle: a table of another application can have the name of another', async () => {
    await again()
    await loadLegacy(database, { data: false })
    await database.sql('drop table workflow_executions cascade')
    const before = await everythingOf(database)
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'schema_differs',
      message: expect.stringContaining('but others are missing: workflow_executions'),
    })
    expect(await everythingOf(database)).toBe(before)
  })

  it('but are in another schema are an obstacle: an empty table would hide their rows', async () => {
    await again()
    await loadLegacy(database)
    await database.sql(
      `create schema app; drop view daily_cost_summary; alter table billing_records set schema app;
       alter table observability_metrics set schema app`,
    )
    const before = await everythingOf(database)
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'schema_differs',
      message: expect.stringContaining(
        'table billing_records of the old application is in schema app, not in public; table observability_metrics of',
      ),
      hint: expect.stringContaining(
        'alter table app.billing_records set schema public; alter table app.obs',
      ),
    })
    expect(await everythingOf(database)).toBe(before)
    await database.sql(
      'alter table app.billing_records set schema public; alter table app.observability_metrics set schema public',
    )
    const { adopted } = await migrate(database)
    expect(adopted?.tables.find(({ table }) => table === 'billing_records')?.rows).toBe(149)
  })

  it('are created if the table in the other schema belongs to another installation', async () => {
    await database.sql('drop schema app cascade')
    await again()
    await loadLegacy(database)
    await database.sql('alter schema public rename to app; create schema public')
    for (const statement of splitStatements(fixture('legacy-schema.sql')).slice(0, 8))
      await database.sql(statement)
    const { adopted } = await migrate(database, { schema: 'public' })
    expect(adopted?.tables[0]).toMatchObject({ table: 'workflow_executions', rows: 0 })
    expect(await database.sql('select count(*)::int as bills from app.billing_records')).toEqual([
      { bills: 149 },
    ])
  })
})
