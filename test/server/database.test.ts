import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lazyPool } from '../../src/db/connect/pool.ts'
import { urlTarget } from '../../src/db/connect/target.ts'
import * as d from '../../src/db/query/decode.ts'
import { type DatabaseOptions, siteDatabase } from '../../src/server/database.ts'
import type { SiteConnection, SiteDatabase } from '../../src/server/site.ts'
import { createDatabase, openPool, type TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { startPooler } from '../support/pooler.ts'

let database: TestDatabase
const ends: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  database = await createMigrated('site_database')
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  await database.drop()
})

const never = new AbortController().signal

/** On connections that only the server uses. */
function own(options: DatabaseOptions = {}, url = database.url): SiteDatabase {
  const target = urlTarget(url, 'the test', {})
  const pool = lazyPool(async () => target)
  ends.push(pool.close)
  return siteDatabase(pool, { own: true, ...options })
}

/** On a pool of an application. */
function foreign(config: pg.PoolConfig = {}, options: DatabaseOptions = {}) {
  const pool = openPool({ connectionString: database.url, ...config })
  ends.push(() => pool.end())
  return { pool, site: siteDatabase(pool, options) }
}

const setting =
  (name: string) =>
  async ({ run }: SiteConnection) => {
    const [row] = await run(`select current_setting('${name}') as value`, { value: d.text() })
    return row?.value
  }
const LOCKED = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
async function until(condition: string): Promise<void> {
  while ((await database.sql(condition)).length === 0);
}

/** A statement that waits for a lock, which `free` releases. */
async function lock() {
  const locker = await database.connect()
  ends.push(() => locker.end())
  await locker.query('select pg_advisory_lock(1)')
  return {
    waits: ({ run }: SiteConnection) => run('select pg_advisory_xact_lock(1)', {}),
    free: () => locker.query('select pg_advisory_unlock(1)'),
  }
}

it.each(['own', 'foreign'] as const)(
  'a reading request cannot write, on %s connections',
  async (kind) => {
    const site = kind === 'own' ? own() : foreign().site
    const write = ({ run }: SiteConnection) => run('delete from audit_logs', {})
    await expect(site.read(never, write)).rejects.toMatchObject({ sqlState: '25006' })
    // The same session.
    await site.write(never, write)
    await expect(site.read(never, write)).rejects.toMatchObject({ sqlState: '25006' })
  },
)

it('an application gets its sessions back as they were, also after an error or with an open transaction', async () => {
  const { pool, site } = foreign({
    max: 2,
    options: '-c statement_timeout=777s -c TimeZone=Asia/Tokyo',
  })
  const all = async () => {
    const clients = [await pool.connect(), await pool.connect()] as (pg.PoolClient & {
      processID: number
    })[]
    clients.sort((a, b) => a.processID - b.processID)
    const rows = await Promise.all(
      clients.map((client) =>
        client.query(
          `select name, setting, source from pg_settings where name <> 'transaction_read_only' order by name`,
        ),
      ),
    )
    for (const client of clients) client.release()
    return rows.map((result) => result.rows)
  }
  await pool.query(`set "DateStyle" = 'German'; set extra_float_digits = 0; set row_security = on`)
  const before = await all()
  expect(await site.read(never, setting('TimeZone'))).toBe('UTC')
  expect(await site.read(never, setting('DateStyle'))).toMatch('ISO')
  expect(await site.read(never, setting('statement_timeout'))).toBe('30s')
  await expect(site.read(never, ({ run }) => run('select 1/0', {}))).rejects.toThrow('zero')
  await site.read(never, async ({ client }) => {
    await client.query(`begin; set local work_mem = '1MB'; set extra_float_digits = 2`)
  })
  expect(await site.write(never, setting('statement_timeout'))).toBe('777s')
  expect(await all()).toEqual(before)
})

it('a request that hangs up cancels its statement', async () => {
  const { waits } = await lock()
  const { pool, site } = foreign({ max: 1 })
  for (const each of [own(), site]) {
    const gone = new AbortController()
    const answer = each.read(gone.signal, waits)
    await until(LOCKED)
    gone.abort(new Error('gone'))
    await expect(answer).rejects.toThrow('gone')
    while ((await database.sql(LOCKED)).length > 0);
    expect(await each.read(never, setting('statement_timeout'))).toBe('30s')
  }
  expect(pool.totalCount).toBe(1)
})

it('a request whose client has left needs no connection', async () => {
  const gone = AbortSignal.abort(new Error('gone'))
  await expect(own().read(gone, setting('TimeZone'))).rejects.toThrow('gone')
  expect(
    await database.sql(
      `select from pg_stat_activity where datname = current_database() and application_name like 'wfstore%'`,
    ),
  ).toEqual([])
})

it('a statement that takes too long is cancelled, and the error says so; a write may take longer', async () => {
  const { waits, free } = await lock()
  const site = own({ statementTimeoutMs: 50 })
  await expect(site.read(never, waits)).rejects.toMatchObject({
    code: 'failed',
    sqlState: '57014',
    message: 'the query takes longer than 0.05 s',
  })
  const written = site.write(never, waits)
  await until(LOCKED)
  await free()
  await written
})

it('at most a number of requests use the database; more wait in order, and the rest is refused', async () => {
  const { waits, free } = await lock()
  const site = own({ queries: 2, waiting: 2 })
  await site.name()
  const running = [site.read(never, waits), site.read(never, waits)]
  const ended: number[] = []
  const waiting = [0, 1].map((number) => site.read(never, async () => ended.push(number)))
  await expect(site.read(never, waits)).rejects.toMatchObject({ code: 'locked' })
  await until(`${LOCKED} offset 1`)
  expect(ended).toEqual([])
  await free()
  await Promise.all([...running, ...waiting])
  expect(ended).toEqual([0, 1])
})

it('a request that waits leaves its place when its client leaves, or when it has waited too long', async () => {
  const { waits, free } = await lock()
  const site = own({ queries: 1, waiting: 1, waitMs: 50 })
  await site.name()
  const running = site.read(never, waits)
  const gone = new AbortController()
  const first = site.read(gone.signal, waits)
  gone.abort(new Error('gone'))
  await expect(first).rejects.toThrow('gone')
  await expect(site.read(never, waits)).rejects.toMatchObject({ code: 'locked' })
  await free()
  await running
  expect(await site.read(never, setting('TimeZone'))).toBe('UTC')
})

it('the schema is checked until it is right, and again when a statement does not find it', async () => {
  const empty = await createDatabase('no_schema')
  ends.push(empty.drop)
  const site = own({}, empty.url)
  const read = () => site.read(never, ({ run }) => run('select from wfstore_cleanups', {}))
  await expect(read()).rejects.toMatchObject({ code: 'schema_missing' })
  const good = own()
  await good.name()
  await database.sql('alter schema public rename to elsewhere; create schema public')
  await expect(
    good.read(never, ({ run }) => run('select from wfstore_cleanups', {})),
  ).rejects.toThrow('does not exist')
  await expect(good.read(never, async () => {})).rejects.toMatchObject({ code: 'schema_missing' })
  await database.sql('drop schema public; alter schema elsewhere rename to public')
  await good.read(never, ({ run }) => run('select from wfstore_cleanups', {}))
})

it('sessions that a pooler shares are refused before a setting is changed', async () => {
  const pooler = await startPooler(database.url, { mode: 'transaction', startupOptions: 'drop' })
  ends.push(pooler.close)
  const { site } = foreign({ connectionString: pooler.url })
  await expect(site.read(never, async () => {})).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining('a direct connection is required'),
  })
})

it('a connection that is lost is replaced', async () => {
  const site = own()
  await site.name()
  const lost = site.read(never, async ({ run }) => {
    await run('select pg_terminate_backend(pg_backend_pid())', {})
  })
  await expect(lost).rejects.toMatchObject({ code: 'unreachable' })
  expect(await site.read(never, setting('default_transaction_read_only'))).toBe('on')
})

it('a server prepares what it reads by id once the tables are large; a refused name costs nothing outside a transaction', async () => {
  await database.sql(
    `with run as (
       insert into workflow_executions (workflow_name, user_id, mode, model_id)
       select 'w', 'u', 'm', 'm' from generate_series(1, 5000) returning execution_id
     ), step as (
       insert into workflow_steps (execution_id, step_number, step_name) select execution_id, 1, 's' from run
     ), entry as (
       insert into audit_logs (execution_id, user_id, action_type, action_details) select execution_id, 'u', 't', 'd' from run
     )
     insert into billing_records (user_id, execution_id, model_id, billing_period) select 'u', execution_id, 'm', '2024-12' from run`,
  )
  const prepared = async ({ run }: SiteConnection) => {
    const [row] = await run('select count(*) as count from pg_prepared_statements', {
      count: d.count(),
    })
    return row?.count
  }
  const one = { text: 'select $1::int as one', values: [1] }
  const read = async ({ byId }: SiteConnection) => (await byId(one, { one: d.count() }))[0]?.one
  const { site: application } = foreign({ max: 2 }, { queries: 1 })
  const site = own({ queries: 1 })
  for (let n = 0; n < 25; n++) {
    expect(await site.read(never, read)).toBe(1)
    await application.read(never, read)
  }
  expect(await site.read(never, prepared)).toBe(1)
  expect(await application.read(never, prepared)).toBe(0)
  await site.read(never, async (connection) => {
    await connection.run('deallocate all', {})
    expect(await read(connection)).toBe(1)
    expect(await read(connection)).toBe(1)
    expect(await prepared(connection)).toBe(0)
  })
})
