import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { everythingOf, migrate, schemaOf } from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'
import { endWhileBlocked } from './ended.ts'

let fresh: string
beforeAll(async () => {
  fresh = await freshSchema()
})

const ROWS = {
  workflow_executions: 160,
  workflow_steps: 479,
  audit_logs: 1775,
  observability_metrics: 60,
  billing_records: 149,
}
const databases: TestDatabase[] = []

afterAll(async () => {
  for (const database of databases) await database.drop()
})

async function makeLegacy(label: string, options: { data?: boolean } = {}): Promise<TestDatabase> {
  const database = await createDatabase(label)
  databases.push(database)
  await loadLegacy(database, options)
  return database
}

/** The columns of the tables, as table.column. */
async function columnsOf(database: TestDatabase): Promise<string[]> {
  const rows = await database.sql(
    `select attrelid::regclass || '.' || attname as name from pg_attribute
     where attrelid = any($1::regclass[]) and attnum > 0 and not attisdropped`,
    [Object.keys(ROWS)],
  )
  return rows.map(({ name }) => String(name))
}

/** Every value of these columns as text, times as UTC wall-clock times; rows in the order of their ids. */
async function valuesOf(
  database: TestDatabase,
  names: readonly string[],
): Promise<Record<string, unknown[]>> {
  const columns = await database.sql(
    `select c.relname as name, string_agg(
       case when a.atttypid = 'timestamptz'::regtype then format('(%I at time zone ''UTC'')::text', a.attname)
            else format('%I::text', a.attname) end, ', ' order by a.attnum) as list
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.oid = any($1::regclass[]) and c.relname || '.' || a.attname = any($2)
     group by c.relname`,
    [Object.keys(ROWS), names],
  )
  const values: Record<string, unknown[]> = {}
  for (const { name, list } of columns) {
    const rows = await database.sql(
      `select json_build_array(${list})::text as row from ${name} order by 1`,
    )
    values[name as string] = rows.map(({ row }) => row)
  }
  return values
}

describe('the database that the old application left', () => {
  let database: TestDatabase
  let oldColumns: string[]
  let before: Record<string, unknown[]>
  let result: Awaited<ReturnType<typeof migrate>>

  beforeAll(async () => {
    database = await makeLegacy('legacy')
    oldColumns = await columnsOf(database)
    before = await valuesOf(database, oldColumns)
    result = await migrate(database)
  })

  it('announces its plan and the sizes of the tables', () => {
    expect(result.applied).toEqual([...MIGRATIONS])
    expect(result.adopted?.tables.map(({ table, rows }) => [table, rows])).toEqual(
      Object.entries(ROWS),
    )
    expect(result.notices).toEqual([
      expect.stringMatching(
        /^adopting the tables of schema public in place: workflow_executions 160 rows, \d+ kB; workflow_steps 479 rows, /,
      ),
      expect.stringContaining('read in the time zone UTC'),
      'the tables are locked for less than a second',
      expect.stringContaining('needs the type parsers 20 and 1700 before this'),
    ])
  })

  it('keeps every value to the last digit and microsecond', async () => {
    const after = await valuesOf(database, oldColumns)
    expect(
      Object.fromEntries(Object.entries(after).map(([name, rows]) => [name, rows.length])),
    ).toEqual(ROWS)
    expect(after).toEqual(before)
  })

  it('has the same objects as a new schema', async () => {
    expect((await schemaOf(database)).replace(/\ntable migrations_log\n( {2}.+\n)+/, '')).toBe(
      fresh,
    )
  })

  it('does not change migrations_log', async () => {
    expect(await database.sql('select migration_name from migrations_log')).toEqual([
      { migration_name: '003_workflow_persistence_v1' },
    ])
  })

  it('leaves token classes without a report NULL', async () => {
    const [row] = await database.sql(
      `select count(tokens_input) + count(tokens_output) + count(tokens_cache_read) + count(tokens_reasoning) as n
       from workflow_steps`,
    )
    expect(row?.n).toBe('0')
  })

  it('does not change with a second up', async () => {
    const everything = await everythingOf(database)
    expect(await migrate(database)).toMatchObject({ applied: [], adopted: null, notices: [] })
    expect(await everythingOf(database)).toBe(everything)
  })

  it('has statistics for the planner at once', async () => {
    const [row] = await database.sql(
      `select count(distinct tablename)::int as n from pg_stats where tablename = any($1) and attname = 'user_id'`,
      [Object.keys(ROWS)],
    )
    expect(row?.n).toBe(4)
  })
})

it('old times are read in the given time zone, with summer time', async () => {
  const database = await makeLegacy('berlin', { data: false })
  const times = [
    '2026-03-29 01:59:59.999999',
    '2026-03-29 03:00:00',
    '2026-10-25 01:59:59',
    '2026-10-25 03:00:00',
    '2026-07-01 12:00:00.5',
  ]
  for (const time of times) {
    await database.sql(
      `insert into audit_logs (timestamp, user_id, action_type, action_details) values ($1::text::timestamp, 'u', 'a', 'd')`,
      [time],
    )
  }
  const result = await migrate(database, { legacyTimeZone: 'Europe/Berlin' })
  expect(result.notices[1]).toContain('Europe/Berlin')
  const rows = await database.sql(
    `select to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as utc from audit_logs order by timestamp`,
  )
  expect(rows.map(({ utc }) => utc)).toEqual([
    '2026-03-29 00:59:59.999999',
    '2026-03-29 01:00:00.000000',
    '2026-07-01 10:00:00.500000',
    '2026-10-24 23:59:59.000000',
    '2026-10-25 02:00:00.000000',
  ])
})

it('in UTC a table whose types do not change is not rewritten', async () => {
  const database = await makeLegacy('unwritten')
  const file = `select pg_relation_filenode('observability_metrics') as node`
  const before = await database.sql(file)
  await migrate(database)
  expect(await database.sql(file)).toEqual(before)
})

it('an unknown time zone stops adoption before the first change', async () => {
  const database = await makeLegacy('nowhere', { data: false })
  const before = await everythingOf(database)
  await expect(migrate(database, { legacyTimeZone: 'Europe/Atlantis' })).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining('"Europe/Atlantis"'),
  })
  expect(await everythingOf(database)).toBe(before)
})

it.each([
  ['waits for a table', 'begin; lock table billing_records in access share mode'],
  ['has altered the tables and makes the new ones', 'begin; create table usage_history (a int)'],
])('ended while it %s, it leaves the old database as it was', async (_, blocking) => {
  const database = await makeLegacy('ended')
  const before = await everythingOf(database)
  await endWhileBlocked(database, blocking)
  expect(await everythingOf(database)).toBe(before)
  expect((await migrate(database)).applied).toEqual([...MIGRATIONS])
})

it('adoption tries a table in use again, names the session that holds it, and finally gives up', async () => {
  const database = await makeLegacy('busy', { data: false })
  const before = await everythingOf(database)
  const writer = await database.connect()
  await writer.query("set application_name = 'the old application'")
  await writer.query('begin')
  await writer.query('lock table workflow_steps in row exclusive mode')
  const who =
    /pid \d+ \(the old application\), in a transaction since 20\d\d-.+Z holds a lock on them/
  await expect(migrate(database, { lockTimeoutMs: 1 })).rejects.toMatchObject({
    code: 'locked',
    message: expect.stringMatching(who),
  })
  await writer.query('commit')
  expect(await everythingOf(database)).toBe(before)

  await writer.query('begin')
  await writer.query('lock table workflow_steps in row exclusive mode')
  const notices: string[] = []
  await migrate(database, {
    lockTimeoutMs: 20,
    notice: (line) => {
      notices.push(line)
      if (who.test(line)) void writer.query('commit')
    },
  })
  await writer.end()
  expect(notices.at(-1)).toMatch(who)
})

it('a change that is committed while adoption waits for the tables is seen before the first change', async () => {
  const database = await makeLegacy('meanwhile', { data: false })
  const writer = await database.connect()
  await writer.query('begin')
  await writer.query(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status) values ('w', 'u', 'm', 'm', 'done')`,
  )
  await expect(
    migrate(database, {
      lockTimeoutMs: 20,
      notice: (line) => {
        if (line.startsWith('the tables are in use')) void writer.query('commit')
      },
    }),
  ).rejects.toMatchObject({
    code: 'schema_differs',
    message: expect.stringContaining('"done" (1 row)'),
  })
  await writer.end()
  expect(await database.sql(`select to_regclass('wfstore_migrations') as history`)).toEqual([
    { history: null },
  ])
})
