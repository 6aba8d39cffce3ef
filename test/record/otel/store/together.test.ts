import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store } from '../../../../src/index.ts'
import { executionIdOf } from '../../../../src/record/otel/store/ids.ts'
import { startReconciling } from '../../../../src/record/otel/store/loop.ts'
import { receiveFacts } from '../../../../src/record/otel/store/receive.ts'
import { falseBooks } from '../../../support/batches.ts'
import { waitingOnNodes } from '../../../support/citus.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createAdoptedFull, createMigrated } from '../../../support/migrated.ts'
import { AT_ONCE, addPrices, LATER, settle, totals } from './settled.ts'
import { callSpan, of, openAccess, rootSpan, spanId, trace } from './spans.ts'

let database: TestDatabase
let store: Store
let processes: ReturnType<typeof openAccess>[]

beforeAll(async () => {
  database = await createMigrated('otel_together')
  await addPrices(database)
  store = openStore({ databaseUrl: database.url })
  processes = [1, 2, 3].map(() => openAccess(database))
})
afterAll(async () => {
  await store.close()
  for (const { close } of processes) await close()
  await database.drop()
})

const range = (length: number) => Array.from({ length }, (_, place) => place)

it('processes that receive interleaved traces, write, cancel and clean up at once do not deadlock, and the totals stay', {
  tags: 'slow',
}, async () => {
  const errors: unknown[] = []
  const loops = processes.map(({ inTransaction }) =>
    startReconciling(inTransaction, AT_ONCE, (error) => errors.push(error)),
  )
  const traces = 40
  let cancelled = 0
  const sending = processes.map(async ({ inTransaction }, process) => {
    for (const round of range(30)) {
      // Each batch has spans of several traces, in another order in each process.
      const numbers = range(8).map((n) => ((n + round) * (2 * process + 3)) % traces)
      const spans = numbers.flatMap((number) => [
        ...of(number, callSpan(round, { responseId: `resp_of_a_call_${number}_${round}` })),
        ...(round % 7 === 0 ? of(number, rootSpan()) : []),
      ])
      await receiveFacts(inTransaction, spans)
      loops[process]?.wake()
      if (round % 5 === process) {
        const ids = range(3).map((n) => executionIdOf(trace(n + 1)))
        await store.executions.cancel(ids).then(
          ({ closed }) => {
            cancelled += closed.length
          },
          // A run that does not exist yet.
          (error) => expect(error).toMatchObject({ code: 'not_found' }),
        )
        await store.cleanup({ before: '2026-11-20T11:00:00Z' }).catch((error) => {
          // Another process is cleaning up.
          expect(error).toMatchObject({ code: 'locked' })
        })
      }
    }
  })
  await Promise.all(sending)
  await Promise.all(loops.map(({ stop }) => stop()))
  for (const own of processes) await settle(own)
  expect(errors).toEqual([])
  const [row] = await database.sql(
    `select (select count(*)::int from wfstore_spans where facts ->> 'kind' = 'model') as spans,
       (select count(*)::int from workflow_steps) as steps, (select count(*)::int from wfstore_traces where error is not null or due_at is not null) as open,
       (select deadlocks::int from pg_stat_database where datname = current_database()) as deadlocks`,
  )
  expect(row).toEqual({ spans: row?.spans, steps: row?.spans, open: 0, deadlocks: 0 })
  const tokens = 110 * (row?.spans as number)
  expect(await totals(database)).toMatchObject({
    steps: tokens,
    executions: tokens,
    bills: tokens,
    lines: tokens,
  })
  expect(await falseBooks(database)).toEqual([])
  expect(cancelled).toBeGreaterThanOrEqual(0)
})

it('a cleanup while late spans arrive removes the run with its spans; totals stay, and later spans are refused', async () => {
  for (const table of [
    'workflow_executions',
    'audit_logs',
    'billing_records',
    'wfstore_bill_lines',
    'wfstore_traces',
    'wfstore_spans',
  ])
    await database.sql(`truncate ${table} cascade`)
  const [own] = processes
  if (!own) throw new Error('no process')
  await receiveFacts(own.inTransaction, [
    ...of(1, callSpan(1), rootSpan()),
    ...of(2, callSpan(2), rootSpan()),
  ])
  await settle(own)
  const before = await store.getStats()
  const client = await database.connect()
  // The cleanup waits for a transaction that has received a late span.
  await client.query('begin')
  await client.query('update wfstore_traces set last_arrival = now() where trace_id = $1', [
    executionIdOf(trace(1)),
  ])
  const cleaning = store.cleanup({ before: '2026-11-25T00:00:00Z', allowAll: true })
  await Promise.race([cleaning, isWaiting()])
  await client.query('commit')
  await client.end()
  expect(await cleaning).toMatchObject({ removed: { execution: 2, step: 2 } })
  expect(await store.getStats()).toEqual(before)
  expect(await database.sql('select from wfstore_traces')).toEqual([])
  expect(await database.sql('select from wfstore_spans')).toEqual([])
  expect(await receiveFacts(own.inTransaction, of(1, callSpan(9)))).toMatchObject({
    accepted: 0,
    rejected: { count: 1 },
  })
})

async function isWaiting(): Promise<void> {
  for (;;) {
    const rows = await database.sql(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    if (rows.length > 0 || (await waitingOnNodes(database.sql)).length > 0) return
  }
}

it('the loop writes what is due at once when it is woken, ends runs, and stops after its transaction', async () => {
  const [own] = processes
  if (!own) throw new Error('no process')
  const loop = startReconciling(own.inTransaction, LATER, (error) => {
    throw error
  })
  await receiveFacts(own.inTransaction, of(5, callSpan(1)))
  loop.wake()
  for (;;) {
    const rows = await database.sql('select from workflow_executions where execution_id = $1', [
      executionIdOf(trace(5)),
    ])
    if (rows.length > 0) break
  }
  await loop.stop()
  await receiveFacts(own.inTransaction, of(6, callSpan(1)))
  loop.wake()
  await loop.stop()
  const after = await database.sql('select from workflow_executions where execution_id = $1', [
    executionIdOf(trace(6)),
  ])
  expect(after).toEqual([])
})

it('in a database of the old application its triggers count nothing twice', async () => {
  const adopted = await createAdoptedFull('otel_adopted')
  await addPrices(adopted)
  const before = await totals(adopted)
  const url = new URL(adopted.url)
  const own = openAccess({ url: url.href })
  await receiveFacts(own.inTransaction, of(1, callSpan(1), callSpan(2)))
  await settle(own)
  await receiveFacts(own.inTransaction, of(1, callSpan(3), rootSpan({ spanId: spanId(77) })))
  await settle(own)
  const after = await totals(adopted)
  for (const place of ['steps', 'executions', 'bills', 'lines'] as const)
    expect((after?.[place] as number) - (before?.[place] as number), place).toBe(330)
  const [run] = await adopted.sql(
    'select total_tokens::int as tokens, steps_completed as steps from workflow_executions where execution_id = $1',
    [executionIdOf(trace(1))],
  )
  expect(run).toEqual({ tokens: 330, steps: 3 })
  await own.close()
  await adopted.drop()
})
