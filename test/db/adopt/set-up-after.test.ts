import { afterEach, expect, it } from 'vitest'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { isFault } from '../../../src/db/verify/compare.ts'
import { verifySchema } from '../../../src/db/verify/verify.ts'
import { fixture, type TestDatabase } from '../../support/database.ts'
import { everythingOf, migrate, withClient } from '../../support/migrate.ts'
import { createAdopted, createAdoptedFull } from '../../support/migrated.ts'

let database: TestDatabase
afterEach(() => database.drop())

/** A file of the old application in the form in which its set-up can run again. */
function setUpOf(name: string, view: 'replace' | 'drop'): string[] {
  return splitStatements(fixture(name))
    .filter((statement) => !/^(?:insert|update|with)\b/.test(statement))
    .flatMap((statement) => {
      const [, trigger, table] = /^create trigger (\w+)[\s\S]* on (\w+)/.exec(statement) ?? []
      if (trigger) return [`drop trigger if exists ${trigger} on ${table}`, statement]
      const [, policy, on] = /^create policy (\w+) on (\w+)/.exec(statement) ?? []
      if (policy) return [`drop policy if exists ${policy} on ${on}`, statement]
      const [, viewName] = /^create view (\w+)/.exec(statement) ?? []
      if (viewName && view === 'drop') return [`drop view if exists ${viewName}`, statement]
      return [
        statement
          .replace(/^create (table|index) /, 'create $1 if not exists ')
          .replace(/^create (function|view) /, 'create or replace $1 ')
          .replace(/\badd column /g, 'add column if not exists '),
      ]
    })
}

const TOTALS = `select (select array[count(*)::text, sum(total_cost)::text, sum(total_tokens)::text] from workflow_executions) as runs,
  (select array[count(*)::text, sum(cost)::text] from workflow_steps) as steps, (select count(*) from audit_logs) as entries,
  (select array[count(*)::text, sum(cost)::text] from billing_records) as bills`

const faults = async () =>
  (await withClient(database, (client) => verifySchema(client, 'public'))).differences.filter(
    isFault,
  )

it.each([
  ['an adopted small', createAdopted, 'replace', false],
  ['an adopted small', createAdopted, 'drop', false],
  ['an adopted full', createAdoptedFull, 'replace', false],
  ['an adopted full', createAdoptedFull, 'drop', true],
] as const)(
  'on %s installation the set-up of the application runs again without an error, and every fix of verify leaves its objects',
  async (_, create, view, backwards) => {
    database = await create('set_up_after')
    const totals = await database.sql(TOTALS)
    const statements = [...setUpOf('legacy-schema.sql', view), ...setUpOf('legacy-full.sql', view)]
    for (const statement of statements) await database.sql(statement)
    // Everything is there now, so that the order does not matter. A drop stays before what it makes room for.
    if (backwards) {
      const units = statements.reduce<string[][]>((all, statement) => {
        const last = all.at(-1)
        if (last?.length === 1 && last[0]?.startsWith('drop ')) last.push(statement)
        else all.push([statement])
        return all
      }, [])
      for (const unit of units.reverse())
        for (const statement of unit) await database.sql(statement)
    }
    expect(await database.sql(TOTALS)).toEqual(totals)
    const found = await faults()
    expect(found.filter(({ kind }) => kind !== 'trigger' && kind !== 'view')).toEqual([])
    expect(found.every(({ state }) => state === 'differs')).toBe(true)
    const own = async () =>
      (await everythingOf(database))
        .split('\n')
        .filter((line) =>
          /billing_periods|documents|workflow_templates|workflow_runs|policy |idx_|ip_address|user_agent|update_updated_at_column\(\)$/.test(
            line,
          ),
        )
        .filter((line) => !/TRIGGER update_(?:workflow|billing)/.test(line))
    const before = await own()
    expect(before.length).toBeGreaterThan(30)
    for (const { fix } of found) await database.sql(fix ?? '')
    expect(await faults()).toEqual([])
    expect(await own()).toEqual(before)
    expect(await database.sql(TOTALS)).toEqual(totals)
    expect(await migrate(database)).toMatchObject({ applied: [], adopted: null })
  },
)
