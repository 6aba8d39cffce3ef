import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase, fixture, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { catalogsOf, migrate } from '../../support/migrate.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('returned')
  await loadLegacy(database)
  await migrate(database)
})
afterAll(() => database.drop())

/**
 * The set-up of the old application, in the form that can run again: tables and indexes if they do not exist, triggers
 * and views dropped first, the function replaced.
 */
const SET_UP = splitStatements(fixture('legacy-schema.sql')).flatMap((statement) => {
  const [, kind, name] = /^create (table|index|view|trigger|function) (\w+)/.exec(statement) ?? []
  const [, table] = /\bon (\w+)/.exec(statement) ?? []
  switch (kind) {
    case 'table':
    case 'index':
      return [statement.replace(`create ${kind}`, `create ${kind} if not exists`)]
    case 'view':
      return [`drop view if exists ${name}`, statement]
    case 'trigger':
      return [`drop trigger if exists ${name} on ${table}`, statement]
    case 'function':
      return [statement.replace('create function', 'create or replace function')]
    default:
      return [`${statement} on conflict do nothing`]
  }
})

const run = (words: string) => runCli(words.split(' '), { env: { DATABASE_URL: database.url } })
const setUp = async () => {
  for (const statement of SET_UP) await database.sql(statement)
}
const inUse = async (name: string) =>
  (await database.sql(`select '${name}'::regclass is not null as yes`))[0]?.yes
describe('the set-up of the old application, run again on an adopted database', () => {
  let before: string
  let sums: unknown
  const sumsOf = () =>
    database.sql(
      'select count(*), sum(total_cost)::text, min(updated_at), max(updated_at) from workflow_executions',
    )
  beforeAll(async () => {
    await database.sql(
      `grant select on user_workflow_summary to pg_monitor; comment on view daily_cost_summary is 'by day'`,
    )
    await setUp()
    before = await catalogsOf(database)
    sums = await sumsOf()
  })

  it('is one failed check of doctor, with the command that undoes it', async () => {
    const { stdout } = await run('doctor -o tsv --columns check,state,finding,fix')
    expect(stdout).toMatch(
      /^schema\tfailed\tthe set-up of the old application ran again on schema public: index idx_audit_logs_action_type on audit_logs; .*; and \d+ more\twfstore migrate up$/m,
    )
  })

  it('is named with every object by a dry run, which changes nothing', async () => {
    const { stdout, stderr, code } = await run('migrate up --dry-run')
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /^objects of the set-up of the old application are removed, because wfstore replaces them: index /,
    )
    expect(stdout).toContain('drop index concurrently if exists idx_audit_logs_user;')
    expect(stdout).toContain('drop view user_workflow_summary;')
    expect(stdout.match(/^drop (index|trigger|view) /gm)).toHaveLength(24 + 3 + 2)
    expect(await catalogsOf(database)).toBe(before)
  })

  it('is undone by migrate up, with no difference left and no row changed', async () => {
    const { code, stdout } = await run('migrate up --json')
    expect(code).toBe(0)
    const { applied, removed } = JSON.parse(stdout)
    expect([applied, removed.length]).toEqual([[], 24 + 3 + 2])
    const verification = JSON.parse((await run('migrate verify --json')).stdout)
    expect(verification).toMatchObject({ ok: true, differences: [] })
    expect(await sumsOf()).toEqual(sums)
    expect((await run('migrate up')).stdout).toBe('the schema is up to date\n')
    expect((await run('doctor -o tsv --columns check,state')).stdout).toContain('schema\tok\n')
  })

  it('keeps its function, and what the application added of its own', async () => {
    await setUp()
    await database.sql(
      `create table documents (id int, updated_at timestamp);
       create trigger update_documents_updated_at before update on documents for each row execute function update_updated_at_column();
       create trigger touch before update on workflow_steps for each row execute function update_updated_at_column();
       create index my_users on audit_logs (user_id);
       drop index idx_billing_paid; create index idx_billing_paid on billing_records (paid) where not paid;
       drop view daily_cost_summary; create view daily_cost_summary as select 1 as mine`,
    )
    const { removed } = JSON.parse((await run('migrate up --json')).stdout)
    expect(removed).not.toContain('index idx_billing_paid on billing_records')
    expect(removed).toContain('trigger update_workflow_steps_updated_at on workflow_steps')
    expect(await database.sql("select tgname from pg_trigger where tgname = 'touch'")).toHaveLength(
      1,
    )
    expect(await inUse('my_users')).toBe(true)
    expect(await inUse('idx_billing_paid')).toBe(true)
    expect(await database.sql('select mine from daily_cost_summary')).toEqual([{ mine: 1 }])
    await database.sql('insert into documents values (1); update documents set id = 2')
    expect(await database.sql('select updated_at is not null as set from documents')).toEqual([
      { set: true },
    ])
  })

  it('leaves a view that another view reads, so that migrate up does not fail', async () => {
    await setUp()
    await database.sql('create view mine as select user_id from user_workflow_summary')
    const { code, stdout } = await run('migrate up --json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).removed).not.toContain('view user_workflow_summary')
    await database.sql('drop view mine')
    expect(JSON.parse((await run('migrate up --json')).stdout).removed).toEqual([
      'view user_workflow_summary',
    ])
  })

  it('only duplicate indexes are a warning', async () => {
    await database.sql(
      'create index idx_audit_logs_user on audit_logs (user_id); drop view daily_cost_summary',
    )
    await database.sql('drop index idx_billing_paid')
    const restored = await run('migrate verify --json')
    for (const { fix, state } of JSON.parse(restored.stdout).differences)
      if (state === 'missing') await database.sql(fix)
    expect((await run('doctor -o tsv --columns check,state')).stdout).toContain('schema\twarning\n')
  })
})
