import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '../../../../src/index.ts'
import { executionIdOf } from '../../../../src/record/otel/store/ids.ts'
import { receiveFacts, type TracedFacts } from '../../../../src/record/otel/store/receive.ts'
import { settleThese } from '../../../../src/record/otel/store/settle.ts'
import type { Facts } from '../../../../src/record/otel/types.ts'
import { falseBooks } from '../../../support/batches.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { AT_ONCE, settle, totals, view } from './settled.ts'
import { at, callSpan, of, openAccess, rootSpan, spanId, trace } from './spans.ts'

let database: TestDatabase
let access: ReturnType<typeof openAccess>

beforeAll(async () => {
  database = await createMigrated('otel_twice')
  access = openAccess(database)
})
beforeEach(() =>
  database.sql(
    'truncate workflow_executions, audit_logs, billing_records cascade; truncate wfstore_bill_lines, wfstore_traces, wfstore_spans',
  ),
)
afterEach(async () => {
  expect(await falseBooks(database)).toEqual([])
})
afterAll(async () => {
  await access.close()
  await database.drop()
})

const receive = (...spans: TracedFacts[]) => receiveFacts(access.inTransaction, spans)
const LONG = 'chatcmpl-Bx71sJk2hLq09wTfYvUeRrN'
const SHORT = 'chatcmpl-123'

/** A trace with one call and its root. */
const call = (number: number, more: Partial<Facts>) =>
  of(number, callSpan(1, { responseId: LONG, ...more }), rootSpan())
const usage = (input: number) => ({
  ...{ input, output: 10, cacheRead: null, cacheWrite: null, reasoning: null },
})
/** The tokens of the runs of the traces 1, 2, …, and what they are billed together. */
const tokens = async () => {
  const rows = await database.sql(
    'select total_tokens::int as tokens from workflow_executions order by execution_id',
  )
  const sums = await totals(database)
  return [rows.map(({ tokens }) => tokens), sums?.bills]
}
const findings = () =>
  database.sql(
    `select trace_id, f ->> 'code' as code, f ->> 'spanId' as span from wfstore_traces, jsonb_array_elements(findings) f order by 1`,
  )

describe('a call that two traces report', () => {
  it('counts in the one whose span ended first, in any order of arrival', async () => {
    await receive(...call(1, { end: at(3) }), ...call(2, {}))
    await settle(access)
    expect(await tokens()).toEqual([[0, 110], 110])
    expect(await findings()).toEqual([
      { trace_id: executionIdOf(trace(1)), code: 'counted_elsewhere', span: spanId(1) },
    ])
  })

  it('counts where tokens are reported', async () => {
    const { usage: _, ...without } = callSpan(1, { responseId: LONG })
    await receive(...of(1, without, rootSpan()), ...call(2, { end: at(3) }))
    await settle(access)
    expect(await tokens()).toEqual([[0, 110], 110])
  })

  it('stays where it has been billed', async () => {
    await receive(...call(1, { end: at(3) }))
    await settle(access)
    await receive(...call(2, {}))
    await settle(access)
    expect(await tokens()).toEqual([[110, 0], 110])
  })

  it('counts once while both runs are running', async () => {
    await receive(...call(1, { end: at(3) }), ...call(2, {}))
    await view(access)
    expect((await tokens())[0]).toEqual([0, 110])
    await settle(access)
    expect(await tokens()).toEqual([[0, 110], 110])
  })

  it('leaves a running run that shows it soon after another one counts it', async () => {
    await receive(...of(1, callSpan(1, { responseId: LONG, end: at(3) })))
    await view(access)
    await receive(...call(2, {}))
    await settleThese(access.inTransaction, AT_ONCE, [executionIdOf(trace(2))])
    const [first] = await database.sql(
      `select due_at <= now() + interval '1 second' as soon from wfstore_traces where trace_id = $1`,
      [executionIdOf(trace(1))],
    )
    expect(first).toEqual({ soon: true })
    await database.sql('update wfstore_traces set due_at = now() where due_at is not null')
    await view(access)
    expect(await tokens()).toEqual([[0, 110], 110])
    await settle(access)
  })

  it('stays in a run that was cancelled while it was running', async () => {
    await receive(...of(1, callSpan(1, { responseId: LONG, end: at(3) })))
    await view(access)
    const store = openStore({ databaseUrl: database.url })
    await store.executions.cancel([executionIdOf(trace(1))])
    await store.close()
    await receive(...call(2, {}))
    await settleThese(access.inTransaction, AT_ONCE, [executionIdOf(trace(2))])
    expect(await tokens()).toEqual([[110, 0], 110])
    await settle(access)
  })

  it('counts once if one of them arrives after the end of its run', async () => {
    await receive(...of(1, callSpan(5), rootSpan()), ...call(2, {}))
    await settle(access)
    await receive(...call(1, {}))
    await settle(access)
    expect(await tokens()).toEqual([[110, 110], 220])
  })

  it.each([
    ['both runs have', [1, 2, 3]],
    ['one of the runs has', [1, 3]],
  ])('counts once if %s ended before, and both are written at once', async (_, numbers) => {
    await receive(...numbers.flatMap((n) => of(n, callSpan(5, { responseId: `${n}` }), rootSpan())))
    await settle(access)
    await receive(...call(1, {}), ...call(2, { end: at(3) }))
    await settle(access)
    expect((await totals(database))?.bills).toBe(110 * numbers.length + 110)
  })

  it('counts once if its id arrives late, from another instrumentation of the run that counts it', async () => {
    const { responseId: _, ...without } = callSpan(1, { scope: 'a' })
    await receive(...of(1, without, rootSpan()))
    await settle(access)
    await receive(
      ...of(1, callSpan(5, { ...without, spanId: spanId(5), scope: 'b', responseId: LONG })),
    )
    await settle(access)
    expect(await tokens()).toEqual([[110], 110])
    await receive(...call(2, {}))
    await settle(access)
    expect(await tokens()).toEqual([[110, 0], 110])
  })

  it('with other totals and models it is the same one if the id is long', async () => {
    await receive(
      ...call(1, {}),
      ...call(2, { usage: usage(7), requestModel: 'x', responseModel: 'y', end: at(3) }),
    )
    await settle(access)
    expect(await tokens()).toEqual([[110, 0], 110])
  })

  it('counts once if a stored response is read again later', async () => {
    await receive(...call(1, {}), ...call(2, { start: at(5000), end: at(5001) }))
    await settle(access)
    expect(await tokens()).toEqual([[110, 0], 110])
  })

  it('is counted where the engine records the run itself', async () => {
    await database.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id) values ($1, 'w', 'u', 'm', 'x')`,
      [executionIdOf(trace(1))],
    )
    await receive(...call(1, { end: at(3) }), ...call(2, {}))
    await settle(access)
    expect((await tokens())[0]).toEqual([0, 0])
  })

  it('counts once if a run ends while another one adds it after its end, in another process', async () => {
    await receive(...of(1, callSpan(5), rootSpan()))
    await settle(access)
    await receive(...call(1, {}), ...call(2, { end: at(3) }))
    const [holder, other] = [await database.connect(), openAccess(database)]
    // The first process has read what the second one counts, and waits for the bill of its run.
    await holder.query('begin; update billing_records set paid = paid')
    const adds = settleThese(access.inTransaction, AT_ONCE, [executionIdOf(trace(1))])
    await waiting(1)
    const ends = settleThese(other.inTransaction, AT_ONCE, [executionIdOf(trace(2))])
    await Promise.race([ends, waiting(2)])
    await holder.query('rollback')
    await Promise.all([adds, ends])
    expect(await tokens()).toEqual([[220, 0], 220])
    await holder.end()
    await other.close()
  })
})

const LOCKED = `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
/** In a distributed store a session of another node waits for it. */
const WAITING = `(${LOCKED})${
  process.env.WFSTORE_TEST_CITUS_URL === undefined
    ? ''
    : ` + (select sum(result::int)::int from run_command_on_workers($$${LOCKED}$$))`
}`

/** Resolves when this many sessions wait for a lock. */
async function waiting(sessions: number): Promise<void> {
  for (;;) {
    const [row] = await database.sql(`select ${WAITING} as sessions`)
    if (row?.sessions === sessions) return
  }
}

it('a trace that another process has locked is written when it is free', async () => {
  await receive(...call(1, {}))
  const holder = await database.connect()
  await holder.query('begin; update wfstore_traces set state = state')
  const options = { ...AT_ONCE, abandonMs: 3_600_000 }
  const settles = settleThese(access.inTransaction, options, [executionIdOf(trace(1))])
  await Promise.race([settles, waiting(1)])
  await holder.query('rollback')
  await settles
  expect(await tokens()).toEqual([[110], 110])
  await holder.end()
})

describe('an id that a server uses again', () => {
  it.each<[string, Partial<Facts>]>([
    ['at another time', { start: at(50), end: at(51) }],
    ['with other totals', { usage: usage(7) }],
    ['of another model', { requestModel: 'x', responseModel: 'y' }],
  ])('%s is another call', async (_, more) => {
    await receive(...call(1, { responseId: SHORT }), ...call(2, { responseId: SHORT, ...more }))
    await settle(access)
    const [, billed] = await tokens()
    expect(billed).toBe(110 + (more.usage ? 17 : 110))
  })

  it('is the same call if nothing differs', async () => {
    await receive(...call(1, { responseId: SHORT }), ...call(2, { responseId: SHORT, end: at(3) }))
    await settle(access)
    expect(await tokens()).toEqual([[110, 0], 110])
  })

  it('a longer id than an index holds is compared too', async () => {
    const responseId = 'x'.repeat(10_000)
    await receive(
      ...call(1, { responseId }),
      ...call(2, { responseId: `${responseId}y` }),
      ...call(3, { responseId }),
    )
    await settle(access)
    expect(await tokens()).toEqual([[110, 110, 0], 220])
  })
})
