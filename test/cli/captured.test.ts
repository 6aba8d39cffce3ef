import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'

let database: TestDatabase
let role: string
beforeAll(async () => {
  database = await createMigrated('captured')
  role = `${database.name}_guest`
  await database.sql(`create role ${role} login; grant create on schema public to ${role}`)
})
afterAll(async () => {
  await database.sql(`drop owned by ${role} cascade; drop role ${role}`)
  await database.drop()
})

const stats = () => runCli(['stats'], { env: { DATABASE_URL: database.url } })
const as = (who: string, text: string) =>
  withClient(database, async (client) => {
    await client.query(`set role ${who}`)
    await client.query(text)
  })

it.each([
  [
    'operator',
    `create function times(numeric, integer) returns numeric language sql as 'select 42::numeric';
     create operator * (leftarg = numeric, rightarg = integer, procedure = times)`,
    'operator *(numeric,integer)',
    'drop operator *(numeric, integer)',
  ],
  [
    'function',
    `create function round(numeric, bigint) returns numeric language sql as 'select 42::numeric'`,
    'function round(numeric,bigint)',
    'drop function round(numeric, bigint)',
  ],
])(
  'a role that may create objects in the schema cannot change a report with an %s',
  async (_, create, name, drop) => {
    await as(role, create)
    const { code, stdout, stderr } = await stats()
    expect([code, stdout]).toEqual([4, ''])
    expect(stderr).toContain(
      `another role has objects in the schema that can change what a report says: ${name} of ${role}`,
    )
    const { stdout: findings } = await runCli(
      ['doctor', '-o', 'tsv', '--columns', 'check,state,finding'],
      {
        env: { DATABASE_URL: database.url },
      },
    )
    expect(findings).toMatch(/^schema\tfailed\tanother role has objects in the schema/m)
    await as(role, drop)
    expect((await stats()).code).toBe(0)
  },
)

it('functions with names of their own, and those of the owner of the tables, are no fault', async () => {
  await as(
    role,
    `create function mine(numeric) returns numeric language sql as 'select 1::numeric'`,
  )
  await database.sql(
    `create function round(numeric, bigint) returns numeric language sql as 'select 42::numeric'`,
  )
  expect((await stats()).code).toBe(0)
})
