import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { everythingOf } from '../../support/migrate.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('zones')
})
afterAll(() => database.drop())

const up = (zones?: string, more: string[] = []) =>
  runCli(
    ['migrate', 'up', '--yes', ...(zones === undefined ? [] : ['--legacy-tz', zones]), ...more],
    {
      env: { DATABASE_URL: database.url },
    },
  )

const MOMENTS = [
  '2026-01-15T12:00:00.123456Z',
  '2026-03-29T00:59:59.999999Z',
  '2026-03-29T01:00:00Z',
  '2026-07-01T22:30:00Z',
  '2026-10-24T23:59:59Z',
  '2026-10-25T02:00:00Z',
]

/** Runs whose start is text that ends in Z, with created_at of a server in Berlin a moment later. */
async function make(): Promise<void> {
  await database.sql('drop schema public cascade; create schema public')
  await loadLegacy(database, { data: false })
  for (const moment of MOMENTS)
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, created_at, updated_at)
       values ('w', 'u', 'Sales', 'm', $1::timestamp, $1::timestamptz at time zone 'Europe/Berlin' + interval '3 ms',
         $1::timestamptz at time zone 'Europe/Berlin')`,
      [moment],
    )
}

it('times in mixed zones stop adoption before the first change, with the offsets and the option', async () => {
  await make()
  const before = await everythingOf(database)
  for (const more of [[], ['--dry-run']]) {
    const { code, stderr, stdout } = await up(undefined, more)
    expect([code, stdout]).toEqual([4, ''])
    expect(stderr).toBe(
      'error: cannot create the wfstore schema in public: workflow_executions.created_at is whole hours away from start_time (+1 h, +2 h) in 6 of 6 rows: the columns have different time zones; nothing was changed; to fix this: name the zone of each, such as wfstore migrate up --legacy-tz created_at=Europe/Berlin,updated_at=Europe/Berlin,start_time=UTC\n',
    )
  }
  expect((await up('Europe/Berlin')).code).toBe(4)
  expect(await everythingOf(database)).toBe(before)
})

it.each([
  ['created_at=Europe/Berlin,updated_at=Europe/Berlin,start_time=UTC'],
  ['Europe/Berlin,start_time=UTC,end_time=UTC'],
  ['workflow_executions.created_at=Europe/Berlin, updated_at=Europe/Berlin, created_at=Asia/Tokyo'],
])('zones by column read every moment exactly, across both clock changes: %s', async (zones) => {
  await make()
  const { code, stderr } = await up(zones)
  expect(code).toBe(0)
  expect(stderr).toContain('their times are read in the time zone ')
  const rows = await database.sql(
    `select to_char(start_time at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as start,
            to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as updated,
            extract(epoch from created_at - start_time)::text as later
     from workflow_executions order by start_time`,
  )
  const exact = MOMENTS.map((moment) => {
    const [time, digits = ''] = moment.slice(0, -1).replace('T', ' ').split('.')
    return `${time}.${digits.padEnd(6, '0')}`
  })
  expect(rows).toEqual(exact.map((start) => ({ start, updated: start, later: '0.003000' })))
  expect((await runCli(['migrate', 'verify'], { env: { DATABASE_URL: database.url } })).code).toBe(
    0,
  )
})

it('a difference that is meant is accepted by naming one of the two columns', async () => {
  await make()
  expect((await up('start_time=UTC')).code).toBe(0)
  expect(
    await database.sql(
      `select distinct extract(epoch from created_at - start_time)::text as later from workflow_executions order by 1`,
    ),
  ).toEqual([{ later: '3600.003000' }, { later: '7200.003000' }])
})

it('whole hours in a few rows, or other differences, are chance', async () => {
  await make()
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, created_at)
     select 'w', 'u', 'Sales', 'm', now() + n * interval '7 minutes' from generate_series(1, 2) as n`,
  )
  expect((await up(undefined, ['--dry-run'])).code).toBe(0)
  await make()
  await database.sql(
    `delete from workflow_executions where start_time < '2026-03-01' or start_time > '2026-10-25'`,
  )
  expect((await up(undefined, ['--dry-run'])).code).toBe(0)
})

it.each([
  ['last_execution_time=UTC', 'last_execution_time is not a timestamp column of the old tables'],
  ['created=UTC', 'created is not a timestamp column of the old tables'],
  [
    'audit_logs.start_time=UTC',
    'audit_logs.start_time is not a timestamp column of the old tables',
  ],
  ['created_at=UTC,created_at=UTC', 'column created_at has two time zones'],
  ['UTC,Europe/Berlin', 'UTC and Europe/Berlin are two time zones for the same columns'],
  ['created_at=CET', 'time zone "CET" is not a time zone'],
  ['created_at=', 'time zone "" is not a time zone'],
  ['created_at=Europe/Atlantis', 'time zone "Europe/Atlantis" is not a time zone'],
])('--legacy-tz %s is wrong usage', async (zones, message) => {
  await make()
  const { code, stderr } = await up(zones)
  expect([code, stderr.split(';')[0]]).toEqual([2, `error: ${message}`])
})
