// @module-tag slow
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { addEntry, addRun, atStatements, clean, cleanupsIn, uuid } from './cleanup-support.ts'
import { clearAll, expectLedger, keepLedger } from './ledger.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('cleanup_locks')
  await keepLedger(database)
})
beforeEach(() => clearAll(database))
afterAll(() => database.drop())

const CUTOFF = '2025-01-01T00:00:00Z'
/** Five old runs of a step and an entry each, and five metrics. */
async function fill(): Promise<void> {
  for (let number = 1; number <= 5; number++) {
    const start = `2024-01-0${number}T00:00:00Z`
    await addRun(database.sql, { id: uuid(number), label: 'w', start, end: start, steps: 1 })
    await addEntry(database.sql, { id: uuid(10 + number), run: uuid(number), at: start })
    await database.sql(
      `insert into observability_metrics (metric_id, timestamp, user_id, metric_type, metric_value) values ($1, $2, 'u', 't', 1)`,
      [uuid(20 + number), start],
    )
  }
}
const idsIn = async (column: string, table: string) =>
  (await database.sql(`select ${column} as id from ${table} order by 1`)).map(({ id }) => id)

describe('a row that another session has locked', () => {
  it('is skipped and reported, and removed by the next cleanup', async () => {
    const batchSize = 1
    await fill()
    const holder = await database.connect()
    onTestFinished(() => holder.end())
    await holder.query('begin')
    for (const [table, id, number] of [
      ['workflow_executions', 'execution_id', 5],
      ['audit_logs', 'log_id', 11],
      ['observability_metrics', 'metric_id', 23],
    ] as const)
      await holder.query(`select from ${table} where ${id} = $1 for update`, [uuid(number)])
    const first = await clean(database, { before: CUTOFF, batchSize })
    expect(first).toMatchObject({
      outcome: 'done',
      removed: { execution: 4, step: 4, audit: 3, metric: 4 },
      // The entry of the run that is locked stays with it.
      kept: {
        execution: { locked: 1 },
        audit: { runKept: 1, locked: 1 },
        metric: { locked: 1 },
      },
    })
    expect(await idsIn('execution_id', 'workflow_executions')).toEqual([uuid(5)])
    expect(await idsIn('log_id', 'audit_logs')).toEqual([uuid(11), uuid(15)])
    expect(await idsIn('metric_id', 'observability_metrics')).toEqual([uuid(23)])
    await expectLedger(database, 'while it is locked')
    await holder.query('commit')
    const next = await clean(database, { before: CUTOFF, batchSize })
    expect(next.removed).toEqual({ execution: 1, step: 1, audit: 2, metric: 1 })
    await expectLedger(database, 'when it is gone')
  })

  it('keeps no other row of its batch: batches become smaller until only that row is left', async () => {
    await fill()
    const holder = await database.connect()
    onTestFinished(() => holder.end())
    await holder.query('begin')
    await holder.query('select from workflow_steps where execution_id = $1 for key share', [
      uuid(3),
    ])
    expect(await clean(database, { before: CUTOFF, batchSize: 4 })).toMatchObject({
      removed: { execution: 4, step: 4, audit: 4, metric: 5 },
      kept: { execution: { locked: 1 } },
    })
    await holder.query('commit')
    await expectLedger(database, 'with one left')
    expect(await idsIn('execution_id', 'workflow_executions')).toEqual([uuid(3)])
  })

  it('does not delay a cleanup at its time limit, or one that is interrupted', async () => {
    await fill()
    const holder = await database.connect()
    onTestFinished(() => holder.end())
    await holder.query('begin')
    await holder.query('select from workflow_executions for update')
    const aborter = new AbortController()
    const client = atStatements(await database.connect(), async (_, text) => {
      if (text.startsWith('with gone')) aborter.abort()
    })
    onTestFinished(() => client.end())
    const result = await cleanup(client, { allowAll: true, before: CUTOFF, signal: aborter.signal })
    expect(result).toMatchObject({
      outcome: 'stopped',
      removed: { execution: 0, step: 0, audit: 0, metric: 0 },
      kept: { execution: { locked: 0 } },
      left: { execution: 5, step: 5, audit: 5, metric: 5 },
      batches: 0,
    })
  })

  it('is not every row of a locked table in turn: then the cleanup fails as locked', async () => {
    await fill()
    const holder = await database.connect()
    onTestFinished(() => holder.end())
    await holder.query('begin; lock table workflow_executions in share mode')
    await expect(clean(database, { before: CUTOFF, batchSize: 1 })).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringMatching(
        /^table workflow_executions is locked by another session: pid \d+ \(.*\), in a transaction since \S+ \(user \w+; last query: begin …\)$/,
      ),
    })
    await holder.query('commit')
    expect(await clean(database, { before: CUTOFF })).toMatchObject({ removed: { execution: 5 } })
    expect((await cleanupsIn(database)).map(({ outcome }) => outcome)).toEqual(['failed', 'done'])
  })
})

describe('two cleanups at once', () => {
  it('the second is refused, and its error names the first', async () => {
    await fill()
    let refused: unknown
    const first = await database.connect()
    onTestFinished(() => first.end())
    const { rows } = await first.query('select pg_backend_pid() as pid')
    const client = atStatements(first, async (_, text) => {
      if (refused || !text.startsWith('with gone')) return
      refused = await clean(database, { before: CUTOFF }).catch((error) => error)
    })
    expect(await cleanup(client, { allowAll: true, before: CUTOFF })).toMatchObject({
      removed: { execution: 5 },
    })
    expect(refused).toMatchObject({
      code: 'locked',
      message: expect.stringContaining(
        `another process is cleaning up this schema: pid ${rows[0].pid} `,
      ),
    })
    await expectLedger(database, 'after both')
    expect(await cleanupsIn(database)).toMatchObject([{ outcome: 'done' }])
  })

  it('of two schemas do not block each other', async () => {
    const other = await database.connect()
    onTestFinished(() => other.end())
    await other.query(`select pg_advisory_lock(hashtextextended('wfstore cleanup elsewhere', 0))`)
    expect(await clean(database, { before: CUTOFF })).toMatchObject({ outcome: 'done' })
  })
})

describe('a cleanup ends between two batches', () => {
  it.each([
    ['at once where it has no time at all', 0],
    ['after one where the time is over then', 3],
  ])('%s: the remaining rows are reported, and the next one finishes', async (_, gone) => {
    await fill()
    const aborter = new AbortController()
    const limits =
      gone === 0
        ? { maxDurationMs: 0 }
        : { signal: aborter.signal, progress: () => aborter.abort() }
    const left = { execution: 5 - gone, step: 5 - gone, audit: 5, metric: 5 }
    expect(await clean(database, { before: CUTOFF, batchSize: 3, ...limits })).toMatchObject({
      outcome: 'stopped',
      removed: { execution: gone, step: gone, audit: 0, metric: 0 },
      left,
    })
    await expectLedger(database, 'stopped')
    expect(await clean(database, { before: CUTOFF, batchSize: 3 })).toMatchObject({
      outcome: 'done',
      removed: left,
      left: null,
    })
    await expectLedger(database, 'finished')
    expect((await cleanupsIn(database)).map(({ outcome }) => outcome)).toEqual(['stopped', 'done'])
  })
})
