import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { openStore } from '../../../../src/index.ts'
import { executionIdOf, stepIdOf } from '../../../../src/record/otel/store/ids.ts'
import { receiveFacts, type TracedFacts } from '../../../../src/record/otel/store/receive.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { settle, totals } from './settled.ts'
import { at, callSpan, modelSpan, of, openAccess, rootSpan, spanId, trace } from './spans.ts'

let database: TestDatabase
let access: ReturnType<typeof openAccess>

beforeAll(async () => {
  database = await createMigrated('receive')
  access = openAccess(database)
})
beforeEach(() =>
  database.sql(
    'truncate workflow_executions, audit_logs, billing_records cascade; truncate wfstore_bill_lines, wfstore_traces, wfstore_spans',
  ),
)
afterAll(async () => {
  await access.close()
  await database.drop()
})

const receive = (...spans: TracedFacts[]) => receiveFacts(access.inTransaction, spans)
const kept = () => database.sql('select trace_id, span_id, facts from wfstore_spans order by 1, 2')
const traces = () => database.sql('select trace_id, state from wfstore_traces order by 1')

it('an execution has the 16 bytes of its trace id, and a step the UUIDv5 of its span', () => {
  expect(executionIdOf('71EE4901638779874780c2ab21c3d60b')).toBe(
    '71ee4901-6387-7987-4780-c2ab21c3d60b',
  )
  // By Python: uuid.uuid5(uuid.UUID('71ee4901638779874780c2ab21c3d60b'), '48ccd175c99ad55b')
  expect(stepIdOf('71ee4901-6387-7987-4780-c2ab21c3d60b', '48ccd175c99ad55b')).toBe(
    '9a6a6b50-cf3f-59ee-bffa-4c8a29f01e6f',
  )
  expect(() => executionIdOf('0'.repeat(32))).toThrow('traceId is not a trace id')
})

it('spans are kept once, however often they arrive', async () => {
  const spans = [...of(1, modelSpan(1), modelSpan(2)), ...of(2, modelSpan(3))]
  expect(await receive(...spans, ...spans)).toEqual({
    accepted: 6,
    rejected: { count: 0, reasons: {} },
  })
  const first = await kept()
  expect(first).toHaveLength(3)
  await receive(...spans.reverse())
  expect(await kept()).toEqual(first)
  expect(await traces()).toEqual(
    [1, 2].map((number) => ({ trace_id: executionIdOf(trace(number)), state: 'received' })),
  )
})

it('of a span that arrives with other contents the same one is kept in every order', async () => {
  const versions = [
    modelSpan(1),
    modelSpan(1, { end: at(9) }),
    modelSpan(1, { end: at(9), name: 'another' }),
    modelSpan(1, { end: at(5) }),
  ]
  const results = []
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [2, 0, 3, 1],
  ]) {
    await database.sql('truncate wfstore_traces, wfstore_spans')
    for (const place of order) await receive(...of(1, versions[place] ?? modelSpan(1)))
    results.push(await kept())
    await database.sql('truncate wfstore_traces, wfstore_spans')
    await receive(...order.flatMap((place) => of(1, versions[place] ?? modelSpan(1))))
    results.push(await kept())
  }
  expect(new Set(results.map((rows) => JSON.stringify(rows))).size).toBe(1)
  expect(results[0]).toMatchObject([{ facts: { end: at(9) } }])
})

it('the longer the spans of a running run arrive, the less often it is written, at least once a minute', async () => {
  const pauses = []
  for (const [state, age] of [
    ['received', '0'],
    ['running', '1 second'],
    ['running', '200 seconds'],
    ['running', '1 day'],
    ['ended', '1 day'],
  ]) {
    await database.sql('truncate wfstore_traces')
    await receive(...of(1, modelSpan(1)))
    await database.sql(
      `update wfstore_traces set due_at = null, state = '${state}', first_arrival = now() - interval '${age}'`,
    )
    await receive(...of(1, modelSpan(2)))
    const [row] = await database.sql(
      'select round(extract(epoch from due_at - last_arrival))::integer as pause from wfstore_traces',
    )
    pauses.push(row?.pause)
  }
  expect(pauses).toEqual([1, 1, 20, 60, 1])
})

it('spans that are not valid are counted and named, and the others are kept', async () => {
  const usage = { input: -1, output: 1, cacheRead: null, cacheWrite: null, reasoning: null }
  const bad: TracedFacts[] = [
    { traceId: '0'.repeat(32), facts: modelSpan(1) },
    { traceId: 'xyz', facts: modelSpan(1) },
    { traceId: trace(1), facts: modelSpan(2, { spanId: '12' }) },
    { traceId: trace(1), facts: modelSpan(3, { start: '1970-01-01T00:00:00.000000Z' }) },
    { traceId: trace(1), facts: modelSpan(4, { end: '2026-02-30T00:00:00.000000Z' }) },
    { traceId: trace(1), facts: modelSpan(5, { usage }) },
    { traceId: trace(1), facts: modelSpan(6, { cost: '-1' }) },
  ]
  expect(await receive(...bad, ...of(1, modelSpan(7)))).toEqual({
    accepted: 1,
    rejected: {
      count: 7,
      reasons: {
        'the trace id or the span id is not valid': 3,
        'the start or the end is not a valid time': 2,
        'a number of tokens is not a whole number from 0': 1,
        'the cost is not an amount of US dollars': 1,
      },
    },
  })
  expect((await kept()).map((row) => row.span_id)).toEqual([spanId(7)])
})

it('characters that PostgreSQL does not keep are replaced', async () => {
  await receive(...of(1, modelSpan(1, { name: 'a\0b\ud83dc \\u0000 \\\0', responseId: '\0' })))
  const [row] = await database.sql('select facts, response_id from wfstore_spans')
  expect(row).toMatchObject({
    facts: { name: 'a\ufffdb\ufffdc \\u0000 \\\ufffd' },
    response_id: '\ufffd',
  })
})

it('the spans of a run that was removed are refused, and no new run begins', async () => {
  const executionId = executionIdOf(trace(1))
  const store = openStore({ databaseUrl: database.url })
  const run = await store.startExecution({
    executionId,
    workflowName: 'w',
    userId: 'u',
    mode: 'm',
    modelId: 'x',
  })
  await run.finish({ status: 'success' })
  await store.close()
  await database.sql('delete from workflow_executions')
  expect(await receive(...of(1, modelSpan(1), modelSpan(2)), ...of(2, modelSpan(3)))).toEqual({
    accepted: 1,
    rejected: { count: 2, reasons: { 'a cleanup has removed the run': 2 } },
  })
  expect(await traces()).toEqual([{ trace_id: executionIdOf(trace(2)), state: 'received' }])
  expect(await kept()).toHaveLength(1)
})

it('the spans of a traced run that was restored or imported are refused: which of them it counts is not known', async () => {
  await receive(...of(1, callSpan(1), rootSpan()))
  await settle(access)
  // As in another database, into which the run was imported.
  await database.sql('truncate wfstore_traces, wfstore_spans')
  expect(await receive(...of(1, callSpan(1), callSpan(2), rootSpan()))).toEqual({
    accepted: 0,
    rejected: { count: 3, reasons: { 'the run was restored or imported': 3 } },
  })
  await settle(access)
  expect(await totals(database)).toMatchObject({ bills: 110, executions: 110, steps: 110 })
  expect(await traces()).toEqual([])
})

it('the trace of a run that an engine records itself is marked', async () => {
  const store = openStore({ databaseUrl: database.url })
  await store.startExecution({
    executionId: executionIdOf(trace(1)),
    workflowName: 'w',
    userId: 'u',
    mode: 'm',
    modelId: 'x',
  })
  await store.close()
  await receive(...of(1, modelSpan(1)))
  expect(await traces()).toMatchObject([{ state: 'recorded' }])
})

it('traces and spans are removed with their runs', async () => {
  await receive(...of(1, modelSpan(1)), ...of(2, modelSpan(2)))
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
     select trace_id, 'w', 'u', 'm', 'x' from wfstore_traces`,
  )
  await database.sql('delete from workflow_executions where execution_id = $1', [
    executionIdOf(trace(1)),
  ])
  expect(await traces()).toMatchObject([{ trace_id: executionIdOf(trace(2)) }])
  expect(await kept()).toHaveLength(1)
  await database.sql('truncate workflow_executions cascade')
  expect([await traces(), await kept()]).toEqual([[], []])
})

it('processes that receive the same traces in other orders wait for each other and do not deadlock', async () => {
  const others = [openAccess(database), openAccess(database)]
  const numbers = Array.from({ length: 60 }, (_, number) => number)
  const send = (own: ReturnType<typeof openAccess>, order: number[]) =>
    Promise.all(
      order.map((number) =>
        receiveFacts(own.inTransaction, [
          ...of((number * 7) % 10, modelSpan(number)),
          ...of((number * 3) % 10, modelSpan(number)),
          ...of(number % 10, modelSpan(number)),
        ]),
      ),
    )
  const before = await deadlocks()
  await Promise.all([
    send(access, numbers),
    ...others.map((own) => send(own, [...numbers].reverse())),
  ])
  const [counted] = await database.sql('select count(*)::int as spans from wfstore_spans')
  const pairs = numbers.flatMap((number) =>
    [(number * 7) % 10, (number * 3) % 10, number % 10].map((t) => `${t} ${number}`),
  )
  expect(counted).toEqual({ spans: new Set(pairs).size })
  for (const other of others) await other.close()
  expect(await deadlocks()).toEqual(before)
})

const deadlocks = () =>
  database.sql('select deadlocks from pg_stat_database where datname = current_database()')
