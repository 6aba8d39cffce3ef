import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../src/index.ts'
import { runCli } from '../support/cli.ts'
import { dataFolder } from '../support/folder.ts'
import { createReplication, type Replication } from '../support/standby.ts'
import { everyFunction, prepare } from './every-call.ts'

let servers: Replication
const stores: Store[] = []
beforeAll(async () => {
  servers = await createReplication('reports', async (server) => {
    await runCli(['migrate', 'up', '--database-url', server.url()])
  })
})
afterAll(async () => {
  for (const store of stores) await store.close()
  await servers?.drop()
})

/** A store with the replica, and what it says about each read. */
function open(options: Partial<StoreOptions> = {}): { store: Store; notes: string[] } {
  const notes: string[] = []
  const { primary, standby } = servers
  const urls = { databaseUrl: primary.url(), reportsUrl: standby.url() }
  const notice = (line: string) => notes.push(line)
  const store = openStore({ ...urls, notice, ...options } as StoreOptions)
  stores.push(store)
  return { store, notes }
}

const RUN = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
const FROM_REPLICA = /^read from the replica .*, \d+ s behind$/

it('reports and lists are read from the replica; what has an id, writes and follows from the primary', async () => {
  await servers.primary.sql("select pg_logical_emit_message(true, 'test', '')")
  await servers.caughtUp()
  const { store, notes } = open({ maxLagMs: Number.POSITIVE_INFINITY })
  await servers.standby.sql('select pg_wal_replay_pause()')
  try {
    const { executionId } = await store.executions.create(RUN)
    expect((await store.executions.get(executionId)).userId).toBe('u')
    expect(notes).toEqual([])
    expect((await store.executions.list()).rows).toEqual([])
    expect((await store.getStats()).totalExecutions).toBe(0)
    expect(notes).toEqual([
      expect.stringMatching(FROM_REPLICA),
      expect.stringMatching(FROM_REPLICA),
    ])
  } finally {
    await servers.standby.sql('select pg_wal_replay_resume()')
  }
  await servers.caughtUp()
  expect((await store.executions.list()).rows).toHaveLength(1)
})

it('each function that reads from the replica is a report or a list', async () => {
  const { store } = open()
  const other = openStore({ databaseUrl: servers.primary.url() })
  stores.push(other)
  const given = await prepare(other, dataFolder('reports'))
  const names = (await everyFunction({ ...given, store })).filter(
    (name) => !/^(run|step|batch|follow)\./.test(name),
  )
  const read = names.filter(
    (name) =>
      name !== 'steps.list' &&
      /\.(list|running|groups|current|lines|periods|summary|reconcile|differences|focus|check|simulate)$|^(getStats|tools|cost|stats|export)$/.test(
        name,
      ),
  )
  const calls: Record<string, unknown[]> = {
    'billing.summary': [{ period: '2026-01' }],
    'billing.reconcile': [{ period: '2026-01' }],
    'billing.differences': [{ period: '2026-01' }],
    'billing.focus': [{ period: '2026-01' }],
    cost: [{ by: 'user' }],
    getStats: ['u'],
    'prices.check': [{ since: '2026-01-01T00:00:00Z' }],
    'prices.simulate': [
      { models: { m: 'n' }, since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' },
    ],
  }
  await servers.caughtUp()
  for (const name of read) {
    const { store: one, notes } = open()
    const path = name.split('.')
    const fn = path.reduce((at, key) => (at as never)[key], one as unknown) as (
      ...args: unknown[]
    ) => unknown
    const result = await fn(...(calls[name] ?? [{}]))
    if (typeof result === 'object' && result !== null && Symbol.asyncIterator in result)
      for await (const _ of result as AsyncIterable<unknown>);
    expect([name, notes.length > 0]).toEqual([name, true])
  }
  expect(read.length).toBe(24)
})

it('the primary answers for a replica that is behind, away or no standby, and it is not asked again at once', async () => {
  const behind = open({ reportsUrl: servers.primary.url() })
  expect((await behind.store.getStats()).totalExecutions).toBeGreaterThan(0)
  expect(behind.notes).toEqual([
    expect.stringMatching(/^read from the primary: .* it is not a standby/),
  ])
  const away = open({ reportsUrl: 'postgresql://127.0.0.1:1/wf' })
  await away.store.getStats()
  await away.store.cost({ by: 'user' })
  expect(away.notes).toEqual([
    expect.stringMatching(/^read from the primary: the replica \S+ cannot be used/),
    away.notes[0],
  ])
})

it('an export is read from the replica, and from the primary if it is away', async () => {
  const lines = async (store: Store) => {
    let text = ''
    for await (const chunk of store.export()) text += chunk.toString()
    return text
  }
  await servers.caughtUp()
  const near = open()
  const away = open({ reportsUrl: 'postgresql://127.0.0.1:1/wf' })
  expect(await lines(near.store)).toBe(await lines(away.store))
  expect(near.notes).toEqual([expect.stringMatching(FROM_REPLICA)])
  expect(away.notes).toEqual([expect.stringMatching(/^read from the primary/)])
})

it('pools of the application have a reportsPool', async () => {
  const [pool, reportsPool] = [servers.primary, servers.standby].map(
    (server) => new pg.Pool({ connectionString: server.url() }),
  ) as [pg.Pool, pg.Pool]
  const notes: string[] = []
  const store = openStore({ pool, reportsPool, notice: (line) => notes.push(line) })
  expect((await store.getStats()).totalExecutions).toBeGreaterThan(0)
  expect(notes).toEqual([
    expect.stringMatching(/^read from the replica of reportsPool, \d+ s behind$/),
  ])
  await store.close()
  await pool.end()
  await reportsPool.end()
})

it('wrong options are refused at once', () => {
  const url = 'postgresql://localhost/wf'
  for (const [options, message] of [
    [{ databaseUrl: url, maxLagMs: -1 }, 'maxLagMs is not a number of milliseconds'],
    [{ databaseUrl: url, maxLagMs: '30s' }, 'maxLagMs is not a number of milliseconds'],
    [{ databaseUrl: url, reportsUrl: 'mysql://x' }, 'reportsUrl is not'],
    [{ databaseUrl: url, reportsPool: {} }, 'reportsPool requires pool'],
    [{ pool: {}, reportsPool: 1 }, 'reportsPool is not a Pool'],
    [{ pool: {}, reportsUrl: url }, 'reportsUrl cannot be used with pool'],
  ] as const)
    expect(() => openStore(options as StoreOptions)).toThrow(message)
})
