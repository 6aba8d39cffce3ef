// @module-tag slow
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { type Failpoint, type Hooks, startProxy } from '../../support/failpoint.ts'
import { schemaOf, untilBlocked } from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'
import { ALL_NAMED, LATER, LATER_NAMED } from '../../support/migrations.ts'
import { OLD_INSERTS, type OldWriter, startOldWriter } from '../../support/old-writer.ts'
import { startProgram } from '../../support/process.ts'

let fresh: string
beforeAll(async () => {
  fresh = await freshSchema()
})

const LOCK_TIMEOUT_MS = 300
const KEYS = {
  workflow_executions: 'execution_id',
  workflow_steps: 'step_id',
  audit_logs: 'log_id',
  observability_metrics: 'metric_id',
  billing_records: 'billing_id',
}

async function makeLegacy(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  onTestFinished(() => database.drop())
  await loadLegacy(database)
  await database.sql('drop table migrations_log')
  return database
}

async function connect(database: TestDatabase): Promise<pg.Client> {
  const client = await database.connect()
  onTestFinished(() => client.end())
  return client
}

async function startProxyFor(database: TestDatabase, hooks: Hooks): Promise<Failpoint> {
  const proxy = await startProxy(database.url, hooks)
  onTestFinished(proxy.close)
  return proxy
}

const start = (proxy: Failpoint) =>
  startProgram(
    ...['migrate', 'up', '--yes'],
    ...['--lock-timeout', `${LOCK_TIMEOUT_MS}`, '--database-url', proxy.url],
  )

const pidOf = async (client: pg.Client): Promise<number> =>
  (await client.query('select pg_backend_pid() as pid')).rows[0].pid

/** Exactly the rows that the server acknowledged to the writer exist, each once. */
async function expectAllOf(database: TestDatabase, writer: OldWriter): Promise<void> {
  const written = [...writer.written].sort()
  for (const [table, key] of Object.entries(KEYS)) {
    const mine = table === 'workflow_steps' ? `step_name = 'live'` : `user_id = 'live'`
    const rows = await database.sql(
      `select ${key}::text as id from ${table} where ${mine} order by 1`,
    )
    expect([table, rows.map(({ id }) => id)]).toEqual([table, written])
  }
}

it('an adoption that cannot lock the tables lets their writers pass, for any duration of the other lock', async () => {
  const database = await makeLegacy('live_adoption')
  const holder = await connect(database)
  await holder.query("set application_name = 'a long report'")
  await holder.query('begin')
  await holder.query('select count(*) from workflow_executions')

  let failed = 0
  const timeouts: Record<'ordinary' | 'concurrent', Set<number>> = {
    ordinary: new Set(),
    concurrent: new Set(),
  }
  const proxy = await startProxyFor(database, {
    before: async ({ text }, ask) => {
      if (/^rollback/i.test(text)) failed++
      if (!/^(lock|alter|drop|create index|reindex)\b/i.test(text)) return undefined
      // Writers do not wait for this lock.
      if (text.endsWith('in share update exclusive mode')) return undefined
      const timeout = await ask(`select setting from pg_settings where name = 'lock_timeout'`)
      timeouts[/\bconcurrently\b/i.test(text) ? 'concurrent' : 'ordinary'].add(Number(timeout))
      return undefined
    },
  })
  const writer = await startOldWriter(database)
  await writer.more(5)
  const up = start(proxy)
  await up.said(`the tables are in use, trying again: pid ${await pidOf(holder)} (a long report)`)
  // The holder has not ended: behind a statement that waits for it without limit no insert would ever come back.
  // It gives up after eight tries, so both must have happened before.
  const tries = failed
  await writer.more(20)
  while (failed < tries + 3) await writer.more(1)
  await holder.query('commit')

  expect(await up.ended).toMatchObject({
    code: 0,
    stdout: `adopted the database; applied ${ALL_NAMED}\n`,
  })
  await writer.more(5)
  await writer.stop()
  await expectAllOf(database, writer)
  expect(await schemaOf(database)).toBe(fresh)
  for (const timeout of timeouts.ordinary) {
    expect(timeout).toBeGreaterThan(0)
    expect(timeout).toBeLessThanOrEqual(LOCK_TIMEOUT_MS)
  }
  expect(timeouts.ordinary.size).toBeGreaterThan(0)
  // An index build that times out leaves an invalid index behind.
  expect([...timeouts.concurrent]).toEqual([0])
})

it('no writer is cancelled by a deadlock with the adoption', async () => {
  const database = await makeLegacy('live_deadlock')
  const [run] = await database.sql('select execution_id as id from workflow_executions limit 1')
  await database.sql(OLD_INSERTS.workflow_steps, [run?.id, run?.id, '2026-11-23'])
  const inserts = Object.values(OLD_INSERTS)
  // One at a time, and several in one transaction.
  const transactions = [...inserts.map((text) => [text]), inserts, inserts.toReversed()]
  const writers = await Promise.all(transactions.map(() => connect(database)))
  const pids = await Promise.all(writers.map(pidOf))
  const written: Promise<unknown>[] = []
  const write = async (client: pg.Client, texts: string[]) => {
    await client.query('begin')
    for (const text of texts) await client.query(text, [run?.id, randomUUID(), '2026-11-23'])
    await client.query('commit')
  }
  const proxy = await startProxyFor(database, {
    before: async () => {
      if (written.length > 0) return undefined
      const [locked] = await database.sql(
        `select count(distinct relation)::int as tables from pg_locks
         where granted and mode = 'AccessExclusiveLock' and relation = any($1::regclass[])`,
        [Object.keys(KEYS)],
      )
      // It has a table and goes for the others: writers come in between, and each gets as far as it can.
      if (locked?.tables !== 1) return undefined
      for (const [place, client] of writers.entries()) {
        const work = write(client, transactions[place] as string[])
        written.push(work)
        await Promise.race([untilBlocked(database, pids[place] as number), work.catch(() => {})])
      }
      return undefined
    },
  })
  const up = startProgram('migrate', 'up', '--yes', '--database-url', proxy.url)
  expect(await up.ended).toMatchObject({ code: 0 })
  expect(await Promise.allSettled(written)).toEqual(
    written.map(() => ({ status: 'fulfilled', value: undefined })),
  )
})

it('while an index build waits for a long transaction, writers continue', async () => {
  const database = await makeLegacy('live_build')
  const holder = await connect(database)
  let waiting = (): void => {}
  const begun = new Promise<void>((resolve) => {
    waiting = resolve
  })
  const timeouts: (string | null)[] = []
  const proxy = await startProxyFor(database, {
    before: async ({ text }, ask) => {
      if (!text.startsWith('create index concurrently')) return undefined
      if (timeouts.length === 0) {
        await holder.query('begin')
        await holder.query(`update workflow_executions set metadata = '{}' where false`)
        waiting()
      }
      timeouts.push(await ask('show lock_timeout'))
      return undefined
    },
  })
  const writer = await startOldWriter(database)
  const up = start(proxy)
  await begun
  const [session] = await database.sql(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'wfstore migrate up'`,
  )
  await untilBlocked(database, session?.pid as number)
  await writer.more(20)
  expect(timeouts).toEqual(['0'])
  await holder.query('rollback')
  expect(await up.ended).toMatchObject({ code: 0 })
  await writer.stop()
  expect(new Set(timeouts)).toEqual(new Set(['0']))
  await expectAllOf(database, writer)
  expect(await schemaOf(database)).toBe(fresh)
})

it('up does not wait for transactions that have read its history', async () => {
  const database = await makeLegacy('live_history')
  const first = startProgram('migrate', 'up', '1', '--yes', '--database-url', database.url)
  expect((await first.ended).code).toBe(0)
  const reader = await connect(database)
  await reader.query('begin')
  await reader.query('select from wfstore_migrations')
  const second = startProgram('migrate', 'up', '--database-url', database.url)
  expect(await second.ended).toMatchObject({
    code: 0,
    stdout: `applied ${LATER_NAMED}\n`,
  })
  await reader.query('commit')
})

it('down, which drops the tables, lets their writers pass too', async () => {
  const database = await makeLegacy('live_down')
  const wfstore = (...argv: string[]) =>
    startProgram('migrate', ...argv, '--database-url', database.url)
  expect((await wfstore('up', '--yes').ended).code).toBe(0)
  expect((await wfstore('down', `${LATER.length}`, '--yes', '--force').ended).code).toBe(0)
  const holder = await connect(database)
  await holder.query('begin')
  await holder.query('select count(*) from workflow_executions')
  const writer = await startOldWriter(database)
  const down = wfstore('down', '--yes', '--force', '--lock-timeout', `${LOCK_TIMEOUT_MS}`)
  await down.said(`the tables are in use, trying again: pid ${await pidOf(holder)} (`)
  await writer.more(20)
  await writer.stop()
  await expectAllOf(database, writer)
  await holder.query('commit')
  expect(await down.ended).toMatchObject({ code: 0, stdout: 'reverted 001_tables\n' })
  expect(await schemaOf(database)).not.toContain('table workflow_executions')
})
