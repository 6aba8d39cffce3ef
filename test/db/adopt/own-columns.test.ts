import { afterEach, expect, it } from 'vitest'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate, schemaOf } from '../../support/migrate.ts'

let database: TestDatabase
afterEach(() => database.drop())

const OWN: [table: string, column: string, type: string][] = [
  ['workflow_executions', 'tags', 'text[]'],
  ['workflow_executions', 'session_id', 'uuid'],
  ['workflow_executions', 'parent_execution_id', 'bigint'],
  ['workflow_steps', 'provider', 'integer'],
  ['workflow_steps', 'model_id', 'uuid'],
  ['billing_records', 'tags', 'text[]'],
]

it.each(OWN)(
  'adoption names the column %s.%s of type %s before it changes anything',
  async (table, column, type) => {
    database = await createDatabase('own_columns')
    await loadLegacy(database)
    await database.sql(`alter table ${table} add column ${column} ${type}`)
    const before = await schemaOf(database)
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'schema_differs',
      message: expect.stringContaining(`${table}.${column} is ${type}`),
      hint: expect.stringContaining(
        `alter table ${table} rename column ${column} to ${column}_own`,
      ),
    })
    expect(await schemaOf(database)).toBe(before)
  },
)

it.each([
  ...OWN,
  ['workflow_executions', 'tags', 'jsonb'],
  ['workflow_executions', 'tags', `jsonb not null default '["a"]'`],
])(
  'a store that is behind names the column %s.%s of type %s before it changes anything',
  async (table, column, type) => {
    database = await createDatabase('own_columns')
    await migrate(database, { target: { to: '006_values' } })
    await database.sql(`alter table ${table} add column ${column} ${type}`)
    const before = await schemaOf(database)
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'schema_differs',
      message: expect.stringContaining(`column ${column} of ${table} belongs to the application`),
      hint: `nothing was changed; run \`alter table ${table} rename column ${column} to ${column}_own\``,
    })
    expect(await schemaOf(database)).toBe(before)
    await database.sql(`alter table ${table} rename column ${column} to ${column}_own`)
    await migrate(database)
  },
)

it('a column of the right type is taken over, with its values', async () => {
  database = await createDatabase('own_columns')
  await migrate(database, { target: { to: '006_values' } })
  await database.sql(`alter table workflow_executions add column session_id text;
    insert into workflow_executions (workflow_name, user_id, mode, model_id, session_id) values ('w', 'u', 'm', 'm', 's')`)
  await migrate(database)
  expect(await database.sql('select session_id from workflow_executions')).toEqual([
    { session_id: 's' },
  ])
})
