import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrateDown } from '../../src/db/migrate/down.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { migrate, withClient } from '../support/migrate.ts'
import { migrateOptions } from '../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('audit_history')
  await migrate(database, { target: { to: '011_tokens' } })
  await database.sql(
    `insert into audit_history (quarter_start, user_id, action_type, success, entries)
     select '2026-01-01Z'::timestamptz + n % 5 * interval '15 minutes', 'u' || n % 3, 'a' || n % 7, n % 2 = 0, n from generate_series(1, 1000) as n`,
  )
})
afterAll(() => database.drop())

const counted = (column: string) =>
  `select ${column}, sum(entries)::int as entries from audit_history group by 1 order by 1`

it('counts by action and success become one row of each quarter hour and user, and all sums stay', async () => {
  const sums = () =>
    Promise.all(['quarter_start', 'user_id'].map((name) => database.sql(counted(name))))
  const before = await sums()
  await withClient(database, async (reader) => {
    await reader.query('begin isolation level repeatable read; select 1')
    await migrate(database)
    // A report that began before the migration.
    const { rows } = await reader.query(counted('user_id'))
    expect(rows).toEqual(before[1])
    await reader.query('commit')
  })
  expect(await sums()).toEqual(before)
  expect(
    await database.sql(
      'select count(*)::int as rows, count(distinct (quarter_start, user_id))::int as keys from audit_history',
    ),
  ).toEqual([{ rows: 15, keys: 15 }])

  await withClient(database, (client) =>
    migrateDown(client, { ...migrateOptions, count: 1, force: false, confirm: async () => {} }),
  )
  expect(await sums()).toEqual(before)
})
