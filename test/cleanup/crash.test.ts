// @module-tag slow
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { type Endpoint, startEmbedded } from '../../src/db/embedded/server.ts'
import { migrateUp } from '../../src/db/migrate/up.ts'
import { cleanUp, connectTo, embeddedIn, isAlive, quick } from '../db/embedded/support.ts'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { type Hooks, type Statement, startProxy } from '../support/failpoint.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated, migrateOptions } from '../support/migrated.ts'
import { type Program, startProgram } from '../support/process.ts'
import { clean, cleanupsIn, SILENT } from './cleanup-support.ts'
import {
  BATCH_SIZE,
  CUTOFF,
  expectWanted,
  reseed,
  seed,
  stateOf,
  totalsIn,
  type Wanted,
} from './crash-support.ts'

const OPTIONS = { allowAll: true, before: CUTOFF, batchSize: BATCH_SIZE, pauseMs: 0 }

const there = { timeout: 60_000, interval: 10 }

let database: TestDatabase
let wanted: Wanted
beforeAll(async () => {
  database = await createMigrated('cleanup_crash')
  await seed(database)
  const totals = await totalsIn(database)
  await clean(database, OPTIONS)
  wanted = await stateOf(database)
  expect(wanted).toMatchObject({ totals, removed: { execution: 6, step: 12, audit: 6, metric: 4 } })
})
afterAll(() => database.drop())
afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

/** What the row of a dead cleanup may say, by the next one, which is done. */
async function expectRows(): Promise<void> {
  const outcomes = (await cleanupsIn(database)).map(({ outcome }) => outcome)
  expect(['done', 'interrupted,done', 'done,done']).toContain(String(outcomes))
}

/** Texts of the statements of a cleanup in this process, which `hooks` may stop. */
async function throughProxy(hooks: Hooks): Promise<void> {
  const proxy = await startProxy(database.url, hooks)
  const client = new pg.Client({ connectionString: proxy.url })
  client.on('error', () => {})
  await client.connect()
  await cleanup(client, OPTIONS).catch((error) => {
    expect(error).toMatchObject({ code: 'unreachable' })
  })
  await proxy.close()
}

it('after a lost connection or a terminated session at any statement, the next cleanup ends as if undisturbed', async () => {
  // A slow batch would be followed by smaller ones, and statements would have other numbers.
  vi.useFakeTimers({ toFake: ['performance'] })
  await reseed(database)
  const statements: string[] = []
  await throughProxy({
    before: async ({ text }) => {
      statements.push(text)
      return undefined
    },
  })
  await expectWanted(database, wanted, 'through a proxy')
  const times = new Map<string, number>()
  // The shards have many statements of the same kind.
  for (let at = 1; at <= statements.length; at += citusUrl ? 7 : 1) {
    const sent = statements[at - 1] as string
    const nth = (times.get(sent) ?? 0) + 1
    times.set(sent, nth)
    // Once each way is enough for what every batch begins with, and changes nothing.
    const silent = SILENT.test(sent)
    if (silent && nth > 2) continue
    await reseed(database)
    const reached: string[] = []
    const isAt = ({ number, text }: Statement) => {
      if (number === at) reached.push(text)
      return number === at
    }
    await throughProxy(
      (silent ? nth : at) % 2 === 0
        ? // The server has done it, and the program knows nothing of it.
          { after: async (statement) => (isAt(statement) ? 'cut' : undefined) }
        : {
            before: async (statement, ask) => {
              if (!isAt(statement)) return undefined
              const pid = await ask('select pg_backend_pid()')
              await database.sql('select pg_terminate_backend($1::int, 10000)', [pid])
              return undefined
            },
          },
    )
    expect(reached).toEqual([sent])
    const note = `${at}: ${reached}`
    expect(await totalsIn(database), note).toEqual(wanted.totals)
    await clean(database, OPTIONS)
    await expectWanted(database, wanted, note)
    await expectRows()
  }
  // The least that several batches of three tables are.
  expect(statements.length).toBeGreaterThan(50)
})

it('after SIGKILL before or after a statement of each kind, the lock is free at once and the next run finishes', async () => {
  const argv = [
    'cleanup',
    '--before',
    CUTOFF,
    '--batch-size',
    String(BATCH_SIZE),
    '--pause',
    '0ms',
    '--quiet',
  ]
  /** Kills at the statements that have this text, the n-th of them. */
  const kills: [place: 'before' | 'after', text: string, nth: number][] = [
    ['after', 'insert into wfstore_cleanups', 1],
    ['before', 'commit', 2],
    ['after', 'with gone', 1],
    ['after', 'commit', 3],
    ['before', 'with apart', 1],
    ['after', 'with kept', 2],
    ['after', 'update wfstore_cleanups set outcome = $1', 1],
  ]
  for (const [place, text, nth] of kills) {
    // No two of these runs are of the same quarter of an hour and on the same shard.
    if (citusUrl && text === 'with apart') continue
    await reseed(database)
    let seen = 0
    const kill = async (statement: Statement): Promise<'cut' | undefined> => {
      if (!statement.text.trimStart().startsWith(text) || ++seen !== nth) return undefined
      await program.kill()
      return 'cut'
    }
    const proxy = await startProxy(database.url, { [place]: kill })
    const program: Program = startProgram(...argv, '--database-url', proxy.url)
    expect(await program.ended, text).toMatchObject({ code: null, stdout: '' })
    expect(await totalsIn(database), text).toEqual(wanted.totals)
    const next = await startProgram(...argv, '--database-url', database.url).ended
    expect(next).toMatchObject({ code: 0, stderr: '' })
    await proxy.close()
    await expectWanted(database, wanted, `${place} ${text}`)
    const outcomes = (await cleanupsIn(database)).map(({ outcome }) => outcome)
    expect(outcomes, text).toEqual([text.startsWith('update') ? 'done' : 'interrupted', 'done'])
  }
})

it('an immediate stop of the server reverts batches whose commit was not on disk, and no total changes', async () => {
  const dir = embeddedIn()
  // Commits that do not wait are on the disk only after one that does.
  const options = {
    ...quick,
    settings: { fsync: 'off', wal_writer_delay: '10s', autovacuum: 'off' },
  }
  let server: Endpoint = await startEmbedded(dir, options)
  const on = (): TestDatabase => {
    const connect = () => connectTo(server)
    const sql: TestDatabase['sql'] = async (text, values) => {
      const client = await connect()
      try {
        return (await client.query(text, values)).rows
      } finally {
        await client.end()
      }
    }
    return { name: '', url: '', sql, connect, drop: async () => {} }
  }
  await withClient(on(), (client) => migrateUp(client, migrateOptions))
  await seed(on())
  await clean(on(), OPTIONS)
  const own = await stateOf(on())
  let takenBack = 0
  for (const [text, nth] of [
    ['commit', 2],
    ['with kept', 2],
    ['update wfstore_cleanups set outcome = $1', 1],
  ] as const) {
    await reseed(on())
    let seen = 0
    const client = await on().connect()
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>
    const stopping = async (...given: unknown[]) => {
      const [first] = given
      const sent = typeof first === 'string' ? first : (first as { text: string }).text
      const result = await query(...given)
      if (sent.startsWith(text) && ++seen === nth) {
        process.kill(server.pid, 'SIGQUIT')
        await expect.poll(() => isAlive(server.pid), there).toBe(false)
      }
      return result
    }
    client.query = stopping as typeof client.query
    let told = 0
    const progress = ({
      execution,
      step,
      audit,
    }: {
      execution: number
      step: number
      audit: number
    }) => {
      told = execution + step + audit
    }
    const cleaning = cleanup(client, { ...OPTIONS, progress })
    // After its last statement a cleanup of so few rows needs the server no more.
    if (text.startsWith('update')) await cleaning
    else await expect(cleaning).rejects.toMatchObject({ code: 'unreachable' })
    server = await startEmbedded(dir, options)
    const after = await stateOf(on())
    const { execution, step, audit } = after.removed
    takenBack += told - (execution + step + audit)
    expect(after.totals).toEqual(own.totals)
    // At its end a cleanup has waited for the disk.
    if (text.startsWith('update')) expect(after).toEqual(own)
    await clean(on(), OPTIONS)
    await expectWanted(on(), own, text)
  }
  expect(takenBack).toBeGreaterThan(0)
})
