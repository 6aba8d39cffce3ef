import { afterAll, beforeAll, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { factsOf, grants, numbersOf, OBJECTS } from '../../support/application-objects.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { everythingOf, migrate } from '../../support/migrate.ts'
import { endWhileBlocked } from './ended.ts'

let database: TestDatabase
let owner: string
let reader: string
beforeAll(async () => {
  database = await createDatabase('recreated')
  owner = `${database.name}_owner`
  reader = `${database.name}_reader`
  await loadLegacy(database)
  await database.sql(OBJECTS)
  await database.sql(grants(owner, reader))
})
afterAll(async () => {
  await database.sql(`drop owned by ${owner}, ${reader} cascade; drop role ${owner}, ${reader}`)
  await database.drop()
})

const facts = () => factsOf(database)
const numbers = () => numbersOf(database)

it('ended after the views of the application are dropped, adoption leaves everything as it was', async () => {
  const before = [await everythingOf(database), await facts()]
  await endWhileBlocked(database, 'begin; create table usage_history (a int)')
  expect([await everythingOf(database), await facts()]).toEqual(before)
})

it('views, triggers, rules, functions, policies and publications of the application are the same after adoption', async () => {
  const before = { facts: await facts(), numbers: await numbers() }
  expect(before.facts.length).toBeGreaterThanOrEqual(14)
  const { applied, notices } = await migrate(database)
  expect(applied).toEqual([...MIGRATIONS])
  expect({ facts: await facts(), numbers: await numbers() }).toEqual(before)
  expect(notices.join('\n')).not.toContain('that are kept')
  expect(notices.join('\n')).toContain('they now use the time zone of the session')
  expect(notices.join('\n')).toContain(
    'objects of the application that are created again for the new types: view failures, view runs_of_users, view board."Top 10", view summaries, function forget(text), ',
  )
})

it('`migrate verify --json` then prints no fix for an object of the application', async () => {
  const { code, stdout } = await runCli([
    'migrate',
    'verify',
    '--json',
    '--database-url',
    database.url,
  ])
  const { differences } = JSON.parse(stdout) as {
    differences: { state: string; fix: string | null }[]
  }
  expect(code).toBe(0)
  expect(differences.map(({ state, fix }) => [state, fix])).toEqual([
    ['extra', null],
    ['extra', null],
  ])
})
