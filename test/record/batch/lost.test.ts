import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest'
import { runOn } from '../../../src/db/query/query.ts'
import { type Batch, openBatch } from '../../../src/record/batch/batch.ts'
import type { BatchStep } from '../../../src/record/batch/rows.ts'
import type { ExecutionRecorder } from '../../../src/record/recorder/types.ts'
import { uuidv7 } from '../../../src/uuid.ts'
import { connections, falseBooks, startRuns, waitingEngine } from '../../support/batches.ts'
import { bundle } from '../../support/bundle.ts'
import type { TestDatabase } from '../../support/database.ts'
import { startProxy, type Verdict } from '../../support/failpoint.ts'
import { dataFolder } from '../../support/folder.ts'
import { withClient } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { onLayout } from '../../support/on-layout.ts'

const NEVER = 600_000

let database: TestDatabase
let folder: string
let producer: string

beforeAll(async () => {
  folder = dataFolder('batch')
  producer = join(folder, 'producer.mjs')
  database = await createMigrated('batch_lost')
  writeFileSync(producer, await bundle(`import './producer.ts'`, import.meta.dirname))
})
afterEach(async () => {
  expect(await falseBooks(database)).toEqual([])
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database.drop()
})

function connect(url = database.url) {
  const made = connections(url)
  onTestFinished(made.close)
  return made
}

const step = ({ executionId }: ExecutionRecorder, stepNumber = 1) => ({
  ...{ executionId, stepNumber, stepName: 'think', status: 'success' as const, cost: '0.25' },
})
const count = async (table: string, { executionId }: ExecutionRecorder) => {
  const [row] = await database.sql(
    `select count(*)::int as rows from ${table} where execution_id = $1`,
    [executionId],
  )
  return row?.rows
}

/** The ids that a producer says are acknowledged. */
async function* acknowledged(child: ChildProcess): AsyncGenerator<string> {
  if (child.stdout) yield* createInterface({ input: child.stdout })
}

it.each([1, 2, 3])('every acknowledged row exists after the engine is killed, %#', async () => {
  const runs = await startRuns(connect().run, 3)
  const ids = runs.map(({ executionId }) => executionId)
  const child = spawn(process.execPath, [producer, database.url, 'always', ...ids])
  const gone = once(child, 'close')
  const wanted = randomInt(1, 2000)
  const printed: string[] = []
  for await (const id of acknowledged(child)) {
    if (printed.push(id) === wanted) child.kill('SIGKILL')
  }
  expect(await gone).toEqual([null, 'SIGKILL'])
  expect(printed.length, `killed at ${wanted}`).toBeGreaterThanOrEqual(wanted)
  // A line that was cut by the kill is no id.
  const whole = printed.filter((id) => id.length === 36)
  const found = await database.sql(
    `select id::text from (select log_id as id from audit_logs union all select step_id from workflow_steps) as rows
     where id::text = any($1)`,
    [whole],
  )
  expect(found.map(({ id }) => id).sort()).toEqual([...whole].sort())
})

it('a process that ends without close first writes the rows of its batch', async () => {
  const [run] = (await startRuns(connect().run, 1)) as [ExecutionRecorder]
  const child = spawn(process.execPath, [producer, database.url, 'once', run.executionId])
  expect(await once(child, 'close')).toEqual([0, null])
  expect(await count('audit_logs', run)).toBe(2)
})

const cuts: [when: string, before: Verdict, after: Verdict][] = [
  ['before the server has the statement', 'cut', undefined],
  ['after its commit, before the answer', undefined, 'cut'],
]
it.each(cuts)(
  'a connection lost %s loses nothing and writes nothing twice',
  async (_, before, after) => {
    const [run] = (await startRuns(connect().run, 1)) as [ExecutionRecorder]
    const { executionId } = run
    let cut = 0
    const once = (verdict: Verdict) => async (statement: { text: string }) =>
      verdict && /^(with given|select wfstore_at)/.test(statement.text) && cut++ === 0
        ? verdict
        : undefined
    const proxy = await startProxy(database.url, { before: once(before), after: once(after) })
    onTestFinished(proxy.close)
    const batch = openBatch(connect(proxy.url).run, { flushMs: NEVER })
    const given = [
      batch.audit({ executionId, action: 'note' }),
      batch.step(step(run)),
      batch.step({ ...step(run), stepId: uuidv7(1) }),
    ]
    await batch.close()
    await Promise.all(given)
    expect(cut).toBeGreaterThan(0)
    expect([await count('workflow_steps', run), await count('audit_logs', run)]).toEqual([2, 4])
  },
)

it('a statement that is cancelled while it waits for a lock is written once', async () => {
  const [run] = (await startRuns(connect().run, 1)) as [ExecutionRecorder]
  const engine = connect()
  await withClient(database, async (other) => {
    await other.query('begin')
    await other.query('select from workflow_executions where execution_id = $1 for update', [
      run.executionId,
    ])
    const batch = openBatch(engine.run, { flushMs: NEVER })
    const given = [
      batch.step(step(run)),
      batch.audit({ executionId: run.executionId, action: 'note' }),
    ]
    const written = batch.close()
    await database.sql('select pg_terminate_backend($1::int, 60000)', [
      await waitingEngine(database),
    ])
    await other.query('rollback')
    await written
    await Promise.all(given)
  })
  expect([await count('workflow_steps', run), await count('audit_logs', run)]).toEqual([1, 3])
})

it('a step that is written while its run is being finished is on the bill, once', async () => {
  const engine = connect()
  await withClient(database, async (other) => {
    const elsewhere = onLayout(runOn(other))
    const [run] = (await startRuns(elsewhere, 1)) as [ExecutionRecorder]
    await other.query('begin')
    await run.finish({ status: 'success' })
    const batch = openBatch(engine.run, { flushMs: NEVER })
    const given = batch.step({ ...step(run), tokens: { input: 7, cacheRead: 1 } })
    const written = batch.close()
    await waitingEngine(database)
    await other.query('commit')
    await written
    await given
    const [bill] = await database.sql(
      'select cost::text, tokens_total::int as tokens from billing_records where execution_id = $1',
      [run.executionId],
    )
    expect(bill).toEqual({ cost: '0.25', tokens: 8 })
  })
})

it('a batch locks its runs in the order of their ids, for steps in any order', async () => {
  const engine = connect()
  const runs = await startRuns(engine.run, 4)
  const [lowest, ...others] = runs as [ExecutionRecorder, ...ExecutionRecorder[]]
  for (const given of [runs, [...runs].reverse()]) {
    await withClient(database, async (holder) => {
      await holder.query('begin')
      await holder.query('select from workflow_executions where execution_id = $1 for update', [
        lowest.executionId,
      ])
      const batch = openBatch(engine.run, { flushMs: NEVER })
      for (const run of given) void batch.step(step(run))
      const written = batch.close()
      await waitingEngine(database)
      // A session that holds a higher one and waits for a lower one could deadlock: it holds none.
      for (const { executionId } of others) {
        const free = await database.sql(
          'select from workflow_executions where execution_id = $1 for update skip locked',
          [executionId],
        )
        expect(free).toHaveLength(1)
      }
      await holder.query('rollback')
      await written
    })
  }
})

type Operation =
  | { kind: 'step'; batch: number; run: number; cents: number; tokens: number; ok: boolean }
  | { kind: 'repeat'; batch: number; step: number }
  | { kind: 'flush'; batch: number }
  | { kind: 'finish'; run: number }
  | { kind: 'kill' }

const nth = fc.nat(2)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      ...{ kind: fc.constant('step' as const), batch: nth, run: nth },
      ...{ cents: fc.nat(1_000_000), tokens: fc.nat(1000), ok: fc.boolean() },
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('repeat' as const), batch: nth, step: fc.nat(30) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flush' as const), batch: nth }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('finish' as const), run: nth }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'kill' as const }) },
)

it('totals and bills are the sums of the steps for any order of batches, ends and lost connections', {
  tags: 'slow',
}, async () => {
  const engine = connect()
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 5, maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3, maxLength: 3 }),
      async (operations, sizes) => {
        const runs = await startRuns(engine.run, 3)
        const batches = sizes.map((maxRows) => openBatch(engine.run, { flushMs: NEVER, maxRows }))
        const steps: BatchStep[] = []
        const under: Promise<unknown>[] = []
        const give = (batch: number, one: BatchStep) => {
          const insist = (error: { code?: string }): Promise<void> =>
            error.code === 'unreachable' ? again(one).catch(insist) : Promise.reject(error)
          under.push((batches[batch] as Batch).step(one).catch(insist))
        }
        const again = async (one: BatchStep) => {
          const batch = openBatch(engine.run)
          await Promise.all([batch.step(one), batch.close()])
        }
        for (const one of operations) {
          if (one.kind === 'step') {
            const { run, cents, tokens, ok } = one
            steps.push({
              ...step(runs[run] as ExecutionRecorder, steps.length),
              ...{ stepId: uuidv7(steps.length), cost: `0.${String(cents).padStart(12, '0')}` },
              ...{ tokens: { input: tokens, cacheRead: 1 }, status: ok ? 'success' : 'failed' },
            })
            give(one.batch, steps.at(-1) as BatchStep)
          } else if (one.kind === 'repeat') {
            const known = steps[one.step]
            if (known) give(one.batch, known)
          } else if (one.kind === 'flush') {
            const flushed = (batches[one.batch] as Batch).flush().catch(() => {})
            if (one.batch === 0) await flushed
          } else if (one.kind === 'finish') {
            under.push(finish(runs[one.run] as ExecutionRecorder))
          } else await endConnections()
        }
        await Promise.allSettled(batches.map((batch) => batch.close()))
        await Promise.all(under)
        await Promise.all(runs.map(finish))
        expect(await falseBooks(database)).toEqual([])
        for (const run of runs) {
          const own = steps.filter(({ executionId }) => executionId === run.executionId)
          expect(await count('workflow_steps', run)).toBe(own.length)
        }
      },
    ),
    { numRuns: 25 },
  )
})

const finish = (run: ExecutionRecorder): Promise<void> =>
  run
    .finish({ status: 'success' })
    .catch((error) => (error.code === 'unreachable' ? finish(run) : Promise.reject(error)))

const endConnections = () =>
  database.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'engine' order by random() limit 2`,
  )
