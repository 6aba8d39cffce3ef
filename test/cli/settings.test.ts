import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import { citusUrl } from '../support/citus.ts'
import { runCli } from '../support/cli.ts'
import { openPool, type TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { startPooler } from '../support/pooler.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('settings')
  await database.sql(`
    insert into workflow_executions
      (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, error_message, metadata)
    select ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'w', 'u' || n % 2, 'Sales', 'm', case n % 2 when 0 then 'success' else 'failed' end,
      '2026-03-02T01:02:03.456Z'::timestamptz + n * interval '1 hour', '2026-03-02T03:02:03.456Z'::timestamptz + n * interval '1 hour',
      0.1 * n, case n % 2 when 1 then E'no  such\\tfile' end, '{"a": [1, null]}'
    from generate_series(1, 6) as n`)
  await database.sql(`
    insert into billing_records (execution_id, user_id, model_id, billing_period, cost, tokens_total)
    select execution_id, user_id, model_id, '2026-03', total_cost, 10 from workflow_executions`)
  await database.sql(`
    insert into billing_records (user_id, model_id, billing_period, cost, tokens_total) values ('u', 'm', '2026-04', 1, 10)`)
})
afterAll(() => database.drop())

const HOSTILE = {
  quote_all_identifiers: 'on',
  standard_conforming_strings: 'off',
  default_transaction_isolation: 'serializable',
  array_nulls: 'off',
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kolkata',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  row_security: 'on',
}

/** Those of a role hold on the workers of Citus too, which sends them literals as if standard_conforming_strings were on. */
const hostileOf = (of: Holder): Record<string, string> =>
  citusUrl && of === 'role' ? { ...HOSTILE, standard_conforming_strings: 'on' } : HOSTILE

/** Who has the settings. Those of a role are for this database only, because other tests use the role. */
const HOLDERS = { database: 'alter database', role: 'alter role current_user in database' }
type Holder = keyof typeof HOLDERS

async function withSettings(
  settings: Record<string, string>,
  work: () => Promise<void>,
  of: Holder = 'database',
) {
  const alter = `${HOLDERS[of]} ${database.name}`
  for (const [name, value] of Object.entries(settings))
    await database.sql(`${alter} set ${name} = '${value}'`)
  try {
    await work()
  } finally {
    for (const name of Object.keys(settings)) await database.sql(`${alter} reset ${name}`)
  }
}

const EACH = Object.keys(HOLDERS) as Holder[]

const cli = (line: string, url = database.url) =>
  runCli([...line.split(' '), '--database-url', url])

const READS = [
  'executions list --json',
  'executions show 00000000-0000-7000-8000-000000000001 --json',
  'errors --group --json --since 2026-01-01',
  'stats --json --since 2026-01-01',
  'cost --by month --since 2026-01-01 --json',
  'billing --period 2026-03 --json',
  'billing records --json',
  'export',
  'migrate verify --json',
  'cleanup --before 2026-03-02T07:02:00Z --dry-run --json',
]

it.each(EACH)('settings of the %s change no answer and no verdict', async (of) => {
  const before = await Promise.all(READS.map((line) => cli(line)))
  for (const [index, { code, stderr }] of before.entries())
    expect([READS[index], code, stderr]).toEqual([READS[index], 0, expect.anything()])
  await withSettings(
    hostileOf(of),
    async () => {
      for (const [index, line] of READS.entries())
        expect([line, await cli(line)]).toEqual([line, before[index]])
    },
    of,
  )
})

it('a pool of the application whose settings change answers is refused, by name', async () => {
  const ask = async (options: string) => {
    const pool = openPool({ connectionString: database.url, max: 1, options })
    try {
      return await openStore({ pool }).executions.list()
    } finally {
      await pool.end()
    }
  }
  expect((await ask('')).rows).toHaveLength(6)
  for (const [setting, wanted] of [
    ['standard_conforming_strings=off', 'standard_conforming_strings = on'],
    ['array_nulls=off', 'array_nulls = on'],
    ['DateStyle=German', 'DateStyle = ISO'],
    ['extra_float_digits=-3', 'extra_float_digits = 1'],
    ['search_path=public,pg_catalog', 'search_path without pg_catalog'],
  ])
    await expect(ask(`-c ${setting}`)).rejects.toMatchObject({
      code: 'usage',
      hint: `set for the role, the database or the pool: ${wanted}`,
    })
})

it.skipIf(!citusUrl)(
  'a setting of the role that makes the workers lose a backslash is refused',
  () =>
    withSettings(
      { standard_conforming_strings: 'off' },
      async () =>
        expect(await cli('stats')).toMatchObject({
          code: 2,
          stderr: expect.stringContaining('standard_conforming_strings = on'),
        }),
      'role',
    ),
)

it('settings that a pooler does not pass on are checked', async () => {
  for (const startupOptions of ['refuse', 'drop'] as const) {
    const pooler = await startPooler(database.url, { mode: 'transaction', startupOptions })
    expect(await cli('executions list --json', pooler.url)).toMatchObject({ code: 0 })
    await pooler.close()
    await withSettings({ DateStyle: 'German' }, async () => {
      const again = await startPooler(database.url, { mode: 'transaction', startupOptions })
      expect(await cli('executions list --json', again.url)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('DateStyle = ISO'),
      })
      await again.close()
    })
  }
})

it('a policy that hides rows is an error and not a smaller number, on every way to connect', async () => {
  const role = `reader_${database.name}`
  await database.sql(`create role ${role} login; grant pg_read_all_data to ${role}`)
  await database.sql(`alter table workflow_executions enable row level security`)
  await database.sql(`create policy own on workflow_executions using (user_id = 'u1')`)
  const url = new URL(database.url)
  url.username = role
  const hidden = 'row-level security hides rows of workflow_executions'
  for (const line of ['executions list', 'stats', 'cost --by user'])
    expect(await cli(line, url.href)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(hidden),
    })
  for (const line of ['export', 'cleanup --before 2026-06-01 --dry-run'])
    expect(await cli(line, url.href)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('row-level security'),
    })
  const pool = openPool({ connectionString: url.href })
  await expect(openStore({ pool }).executions.list()).rejects.toMatchObject({
    code: 'permission_denied',
    message: hidden,
  })
  await pool.end()
  const pooler = await startPooler(url.href, { mode: 'transaction' })
  expect((await cli('executions list', pooler.url)).stderr).toContain(hidden)
  await pooler.close()
  await database.sql(
    `drop policy own on workflow_executions; alter table workflow_executions disable row level security`,
  )
  await database.sql(`drop owned by ${role}; drop role ${role}`)
})

it('tables of another schema in front of ours are an error', async () => {
  await database.sql('create schema front; create table front.audit_logs (id int)')
  const options = '-c search_path=front,public'
  const pool = openPool({ connectionString: database.url, options })
  await expect(openStore({ pool }).executions.list()).rejects.toMatchObject({
    code: 'schema_differs',
    message: 'the search path mixes schemas: audit_logs is not in the schema of wfstore_migrations',
  })
  await pool.end()
  await database.sql('drop schema front cascade')
})

it.each([
  ['database', '2026-03', '2026-03-02T07:00:00Z'],
  ['role', '2026-04', '2026-06-01T00:00:00Z'],
] as const)(
  'a month can be closed and old runs removed under any settings of the %s',
  async (of, period, before) => {
    await withSettings(
      hostileOf(of),
      async () => {
        const store = openStore({ databaseUrl: database.url })
        expect(await store.billing.closePeriod({ period })).toMatchObject({
          outcome: 'closed',
        })
        await store.close()
        expect(await cli(`cleanup --before ${before} --yes --allow-all`)).toMatchObject({
          code: 0,
          stdout: expect.stringContaining('removed 3 runs'),
        })
        expect(await cli('migrate verify')).toMatchObject({ code: 0 })
      },
      of,
    )
  },
)
