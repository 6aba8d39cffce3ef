import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Queryable } from '../../../src/db/query/connection.ts'
import { inspectEncryption, inspectServer } from '../../../src/queries/doctor/server.ts'
import type { Subject } from '../../../src/queries/doctor/subject.ts'
import type { TestDatabase } from '../../support/database.ts'
import { untilBlocked } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { applyFix, detailsOf, findingOf } from './support.ts'

let store: TestDatabase

beforeAll(async () => {
  store = await createMigrated('doctor_server')
})
afterAll(() => store.drop())

describe('the server', () => {
  it('is named with version, latency and time since its start', async () => {
    const server = await findingOf(store, 'server')
    const [row] = await store.sql('show server_version')
    const version = String(row?.server_version).split(' ')[0]
    expect(server.finding).toMatch(
      /^PostgreSQL [\d.]+, answers in [\d.]+m?s, up (\d+ms|[\d.]+s|\d+. \d+.)$/,
    )
    expect(server.finding).toContain(`PostgreSQL ${version},`)
    expect(detailsOf(server)).toMatchObject({ standby: false, readOnly: false })
  })

  const said = (row: Record<string, string>): Queryable => ({
    query: async ({ text }) => ({ rows: text.includes('server_version') ? [row] : [{}] }),
  })
  const answer = { version: '18.4', major: '18', uptime_ms: '5', name: 'd', encoding: 'UTF8' }
  const subject = { command: (words: string) => `wfstore ${words}` } as Subject

  it.each(['14', '19'])(
    'of a version that wfstore is not tested on (%s) is a warning',
    async (major) => {
      const row = { ...answer, major, standby: 'f', read_only: 'f' }
      const { state, finding } = await inspectServer(said(row), subject)
      expect([state, finding]).toEqual([
        'warning',
        expect.stringContaining('tested with PostgreSQL 15 to 18'),
      ])
    },
  )

  it('that is a standby is a warning that asks for the primary', async () => {
    const row = { ...answer, standby: 't', read_only: 'f' }
    expect(await inspectServer(said(row), subject)).toMatchObject({
      state: 'warning',
      finding: expect.stringContaining('a standby: reports work, commands that write fail'),
      fix: 'wfstore doctor --database-url URL_OF_THE_PRIMARY',
    })
  })

  it('with a read-only database is a warning, and its fix works', async () => {
    await store.sql(`alter database ${store.name} set default_transaction_read_only = on`)
    const server = await findingOf(store, 'server')
    expect([server.state, server.finding]).toEqual([
      'warning',
      expect.stringContaining('the database is read-only'),
    ])
    await applyFix(store, server)
    expect((await findingOf(store, 'server')).state).toBe('ok')
  })

  it('read-only for one role only is ok', async () => {
    const role = `${store.name}_role`
    await store.sql(`create role ${role} login`)
    const only = `alter role ${role} in database ${store.name}`
    await store.sql(`${only} set default_transaction_read_only = on`)
    expect((await findingOf(store, 'server', { role })).state).toBe('ok')
    await store.sql(`drop role ${role}`)
  })

  const connection = (row: Record<string, string | null>): Queryable => ({
    query: async () => ({ rows: [row] }),
  })
  it('without TLS is a warning over the network and ok on this machine', async () => {
    const plain = { encrypted: 'f', protocol: null, cipher: null }
    const far = { ...plain, client: '10.1.2.3', local: 'f' }
    expect(await inspectEncryption(connection({ ...far, offered: 't' }))).toMatchObject({
      state: 'warning',
      fix: 'add sslmode=require to the URL, or set PGSSLMODE=require',
    })
    expect((await inspectEncryption(connection({ ...far, offered: 'f' }))).fix).toContain(
      'alter system set ssl = on',
    )
    const near = { ...plain, client: '127.0.0.1', local: 't', offered: 'f' }
    expect((await inspectEncryption(connection(near))).state).toBe('ok')
    const tls = { encrypted: 't', protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }
    expect(await inspectEncryption(connection({ ...far, ...tls, offered: 't' }))).toMatchObject({
      state: 'ok',
      finding: 'encrypted with TLSv1.3, TLS_AES_256_GCM_SHA384',
    })
  })

  it('with few free connections is a warning with a query that shows who uses them', async () => {
    const full = await findingOf(store, 'connections', { limits: { connectionShare: 0.001 } })
    expect(full.state).toBe('warning')
    expect(full.finding).toMatch(/^\d+ of \d+ connections are in use$/)
    await applyFix(store, full)
  })
})

describe('sessions', () => {
  it('a transaction that is open for long is a warning, and its fix ends it', async () => {
    const idle = await store.connect()
    const { rows } = await idle
      .query('begin; select pg_backend_pid() as pid')
      .then((results) => (results as unknown as { rows: { pid: number }[] }[])[1] ?? { rows: [] })
    const pid = rows[0]?.pid
    const open = await findingOf(store, 'transactions', { limits: { transactionMs: 0 } })
    expect(open.state).toBe('warning')
    expect(open.finding).toContain(`pid ${pid} (no application_name, idle in transaction) for `)
    expect(open.fix).toBe(`select pg_terminate_backend(${pid})`)
    const ended = new Promise((resolve) => idle.once('end', resolve))
    await applyFix(store, open)
    await ended
    expect((await findingOf(store, 'transactions', { limits: { transactionMs: 0 } })).state).toBe(
      'ok',
    )
  })

  it('waiting sessions and the one that blocks them are named, and ending that one frees the others', async () => {
    await store.sql(`alter database ${store.name} set deadlock_timeout = '1ms'`)
    const id = '00000000-0000-4000-8000-000000000009'
    await store.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id) values ($1, 'w', 'u', 'm', 'x')`,
      [id],
    )
    const [holder, first, second] = [
      await store.connect(),
      await store.connect(),
      await store.connect(),
    ]
    const pids: number[] = []
    for (const client of [holder, first, second])
      pids.push((await client.query('select pg_backend_pid() as pid')).rows[0].pid)
    const update = `update workflow_executions set mode = 'n' where execution_id = '${id}'`
    await holder.query(`set application_name = 'forgetful'; begin; ${update}`)
    const waiting = [first.query(update)]
    await untilBlocked(store, pids[1] as number)
    waiting.push(second.query(update))
    await untilBlocked(store, pids[2] as number)
    let long = 0
    while (long < 2) {
      const [row] = await store.sql(
        `select count(*)::int as long from pg_locks where not granted and clock_timestamp() - waitstart > '1ms' and pid = any($1)`,
        [pids],
      )
      long = Number(row?.long)
    }
    const locks = await findingOf(store, 'locks')
    expect(locks.state).toBe('warning')
    expect(locks.finding).toMatch(/^2 sessions wait for a lock: pid \d+ \(no application_name/)
    expect(locks.finding).toContain(
      `blocked by pid ${pids[0]} (forgetful, idle in transaction); pid ${pids[2]}`,
    )
    expect(locks.fix).toBe(`select pg_terminate_backend(${pids[0]})`)
    await applyFix(store, locks)
    await Promise.all(waiting)
    expect((await findingOf(store, 'locks')).state).toBe('ok')
    await store.sql(
      `alter database ${store.name} reset deadlock_timeout; delete from workflow_executions`,
    )
    for (const client of [first, second]) await client.end()
  })
})
