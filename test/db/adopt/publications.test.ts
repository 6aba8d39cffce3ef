import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { everythingOf } from '../../support/migrate.ts'

let database: TestDatabase
let before: string
beforeAll(async () => {
  database = await createDatabase('published')
  await loadLegacy(database)
  await database.sql(
    'create table other (a int); create publication bi for table audit_logs, billing_records, other',
  )
  before = await everythingOf(database)
})
afterAll(() => database.drop())

const up = (words: string[], options = {}) =>
  runCli(['migrate', 'up', ...words], { env: { DATABASE_URL: database.url }, ...options })
const NOTE =
  'publication bi has audit_logs, billing_records: change the tables of its subscribers first; a subscriber without the new columns stops, and its slot then keeps all WAL; logical slots of this database: none\n'

it('a publication of the tables is named before adoption is refused without a terminal', async () => {
  const { code, stderr } = await up([])
  expect(code).toBe(2)
  expect(stderr).toContain(NOTE)
  expect(stderr).toMatch(/--yes/)
  expect(await everythingOf(database)).toBe(before)
})

it('on a terminal it is named before the question', async () => {
  const { code, stderr } = await up([], { answer: 'n\n' })
  expect(code).toBe(1)
  expect(stderr.replace(/\s+/g, ' ')).toContain(NOTE.trim())
  expect(await everythingOf(database)).toBe(before)
})

it('a dry run names it, and with --yes the tables are adopted and stay published', async () => {
  expect((await up(['--dry-run'])).stderr).toContain(NOTE)
  expect((await up(['--yes'])).code).toBe(0)
  expect(await database.sql('select count(*)::int as n from pg_publication_tables')).toEqual([
    { n: 3 },
  ])
})
