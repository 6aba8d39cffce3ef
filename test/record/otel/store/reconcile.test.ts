import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../../../src/index.ts'
import { executionIdOf, stepIdOf } from '../../../../src/record/otel/store/ids.ts'
import { receiveFacts, type TracedFacts } from '../../../../src/record/otel/store/receive.ts'
import { falseBooks } from '../../../support/batches.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { addPrices, counted, settle, totals, view } from './settled.ts'
import { callSpan, of, openAccess, rootSpan, spanId, trace } from './spans.ts'

let database: TestDatabase
let access: ReturnType<typeof openAccess>
let store: Store

beforeAll(async () => {
  database = await createMigrated('reconcile')
  access = openAccess(database)
  store = openStore({ databaseUrl: database.url })
  await addPrices(database)
})
beforeEach(() =>
  database.sql(
    'truncate workflow_executions, audit_logs, billing_records cascade; truncate wfstore_bill_lines, wfstore_traces, wfstore_spans; truncate wfstore_periods',
  ),
)
afterEach(async () => {
  expect(await falseBooks(database)).toEqual([])
})
afterAll(async () => {
  await store.close()
  await access.close()
  await database.drop()
})

const ID = executionIdOf(trace(1))
const receive = (...spans: TracedFacts[]) => receiveFacts(access.inTransaction, spans)
const steps = async () =>
  (
    await database.sql(
      'select step_id, step_name, tokens_used::int as tokens, status from workflow_steps order by execution_id, step_number',
    )
  ).map(({ step_id, ...row }) => row)
const run = async () => {
  const [row] = await database.sql(
    `select workflow_name as name, status, error_message as error, total_tokens::int as tokens, user_id as "user",
       steps_completed as completed, steps_failed as failed, to_json(end_time at time zone 'UTC') #>> '{}' || '000Z' as end from workflow_executions where execution_id = $1`,
    [ID],
  )
  return row
}
const bills = () =>
  database.sql(
    `select tokens_total::int as tokens, corrects is not null as corrects, billing_period as period from billing_records order by timestamp, tokens_total`,
  )
const states = () =>
  database.sql(
    `select state, due_at is not null as due, error, (select jsonb_agg(f ->> 'code') from jsonb_array_elements(findings) f) as findings
     from wfstore_traces order by trace_id`,
  )

describe('while spans arrive', () => {
  it('a run is running from its first span, with the sums of its steps', async () => {
    await receive(...of(1, callSpan(1), callSpan(2, { status: 'failed', errorMessage: 'no' })))
    await view(access)
    expect(await run()).toMatchObject({
      name: 'unknown',
      status: 'running',
      tokens: 220,
      completed: 1,
      failed: 1,
    })
    await receive(...of(1, callSpan(3), rootSpan({ userId: 'maria' })))
    await database.sql('update wfstore_traces set due_at = now()')
    await view(access)
    expect(await run()).toMatchObject({
      name: 'weather',
      user: 'maria',
      status: 'running',
      tokens: 330,
    })
    expect(await bills()).toEqual([])
    expect(await states()).toMatchObject([{ state: 'running', due: true }])
    await settle(access)
  })

  it('a step whose span is seen to be a part of another one disappears', async () => {
    // The outer span of the same call arrives after the inner one.
    await receive(...of(1, callSpan(2, { parentSpanId: spanId(1) })))
    await view(access)
    expect(await run()).toMatchObject({ tokens: 110 })
    await receive(...of(1, callSpan(1), rootSpan()))
    await database.sql('update wfstore_traces set due_at = now()')
    await view(access)
    expect(await run()).toMatchObject({ tokens: 110, completed: 1 })
    await settle(access)
    expect(await bills()).toMatchObject([{ tokens: 110 }])
  })

  it('a view that changes nothing writes no step', async () => {
    await receive(...of(1, callSpan(1), callSpan(2)))
    await view(access)
    const rows = () => database.sql('select xmin::text, step_id from workflow_steps order by 2')
    const before = await rows()
    await receive(...of(1, callSpan(1)))
    await database.sql('update wfstore_traces set due_at = now()')
    expect(await view(access)).toBe(1)
    expect(await rows()).toEqual(before)
    await settle(access)
  })

  it('spans without a call are no run, and go when nothing more arrives', async () => {
    await receive(...of(1, rootSpan({ kind: 'other' })))
    await view(access)
    expect(await states()).toMatchObject([{ state: 'received', due: true }])
    await settle(access)
    expect([await states(), await database.sql('select from wfstore_spans'), await run()]).toEqual([
      [],
      [],
      undefined,
    ])
  })
})

describe('when nothing more is expected', () => {
  it('a run ends like its root, with its bill and audit entries', async () => {
    const { usage: _, responseId: __, ...tool } = callSpan(3, { kind: 'tool', toolName: 'search' })
    await receive(...of(1, callSpan(1), tool, rootSpan({ status: 'failed', errorMessage: 'no' })))
    expect(await settle(access)).toEqual({ traces: 1, ended: 1, failed: 0 })
    expect(await run()).toMatchObject({
      status: 'failed',
      error: 'no',
      tokens: 110,
      end: '2026-11-20T12:01:40000Z',
    })
    expect(await bills()).toMatchObject([{ tokens: 110, corrects: false }])
    const entries = await database.sql(
      `select action_type, tool_name, metadata - 'tokens' as metadata from audit_logs order by timestamp, action_type`,
    )
    const place = { traceId: trace(1), attempt: 0, content: 'left out' }
    expect(entries).toMatchObject([
      { action_type: 'workflow_start' },
      { action_type: 'step_end', metadata: { ...place, spanId: spanId(1), status: 'success' } },
      { action_type: 'step_end', metadata: { ...place, spanId: spanId(3) } },
      { action_type: 'tool_call', tool_name: 'search', metadata: { ...place, spanId: spanId(3) } },
      { action_type: 'workflow_end' },
    ])
    expect(await states()).toEqual([{ state: 'ended', due: false, error: null, findings: null }])
  })

  it('runs that end together have a bill of their own, also one whose totals were changed', async () => {
    await receive(...[1, 2, 3].flatMap((n) => of(n, callSpan(n), rootSpan())))
    await view(access)
    await database.sql(`begin; set local wfstore.keeps_totals = 'on';
      update workflow_executions set total_tokens = 7, total_cost = 7 where execution_id = '${ID}'; commit`)
    expect(await settle(access)).toEqual({ traces: 3, ended: 3, failed: 0 })
    expect((await bills()).map(({ tokens }) => tokens)).toEqual([110, 110, 110])
    const ended = await database.sql(
      `select count(distinct execution_id)::int as runs, count(*)::int as entries from audit_logs where action_type = 'workflow_end'`,
    )
    expect(ended).toEqual([{ runs: 3, entries: 3 }])
  })

  it('a run without a root ends as failed; its root can still come', async () => {
    await receive(...of(1, callSpan(1)))
    await settle(access)
    expect(await run()).toMatchObject({ status: 'failed', error: 'its root span did not arrive' })
    expect(await states()).toMatchObject([{ state: 'abandoned', findings: ['no_root'] }])
    await receive(...of(1, rootSpan()))
    await settle(access)
    expect(await run()).toMatchObject({
      name: 'weather',
      status: 'success',
      error: null,
      tokens: 110,
    })
    expect(await states()).toMatchObject([{ state: 'ended', findings: null }])
    expect(await bills()).toMatchObject([{ tokens: 110 }])
  })

  it('a run of another trace is its parent', async () => {
    await receive(...of(1, callSpan(1), rootSpan({ linkedTraceId: trace(7) })))
    await settle(access)
    const [row] = await database.sql('select parent_execution_id from workflow_executions')
    expect(row).toEqual({ parent_execution_id: executionIdOf(trace(7)) })
  })

  it('a trace that cannot be written stops no other, and is tried again', async () => {
    await database.sql(
      `alter table workflow_steps add constraint refused check (step_name <> 'bad')`,
    )
    await receive(
      ...[1, 2, 3].flatMap((n) => of(n, callSpan(n, n === 2 ? { name: 'bad' } : {}), rootSpan())),
    )
    expect(await settle(access)).toEqual({ traces: 3, ended: 2, failed: 1 })
    expect(await states()).toMatchObject([
      { state: 'ended', error: null },
      { state: 'received', due: true, error: expect.stringContaining('refused') },
      { state: 'ended', error: null },
    ])
    expect(await view(access)).toBe(0)
    await database.sql('alter table workflow_steps drop constraint refused')
    expect(await settle(access)).toEqual({ traces: 1, ended: 1, failed: 0 })
    expect(await totals(database)).toMatchObject({ bills: 330 })
  })

  it('the spans of a run that a trigger leaves out stay, and are tried again', async () => {
    await database.sql(`
      create function leave_out() returns trigger language plpgsql as 'begin return null; end';
      create trigger leave_out before insert on workflow_executions for each row
        when (new.user_id = 'bad') execute function leave_out()`)
    const root = (n: number) => rootSpan(n === 2 ? { userId: 'bad' } : {})
    await receive(...[1, 2].flatMap((n) => of(n, callSpan(n), root(n))))
    expect(await settle(access)).toEqual({ traces: 2, ended: 1, failed: 1 })
    expect(await states()).toMatchObject([
      { state: 'ended', error: null },
      { state: 'received', due: true, error: expect.stringContaining('a trigger leaves it out') },
    ])
    await database.sql('drop function leave_out cascade')
    expect(await settle(access)).toEqual({ traces: 1, ended: 1, failed: 0 })
    expect(await totals(database)).toMatchObject({ bills: 220 })
  })

  it('a trace whose stored facts cannot be read stops no other', async () => {
    await receive(...[1, 2].flatMap((n) => of(n, callSpan(n), rootSpan())))
    await database.sql(`update wfstore_spans set facts = '[]' where trace_id = $1`, [ID])
    expect(await settle(access)).toMatchObject({ ended: 1 })
    expect(await totals(database)).toMatchObject({ bills: 110 })
  })
})

describe('after the end', () => {
  const late = () => receive(...of(1, callSpan(2, { status: 'failed' }), callSpan(3)))

  it('a span adds a step, and its tokens to the open bill', async () => {
    await receive(...of(1, callSpan(1), rootSpan()))
    await settle(access)
    await late()
    await settle(access)
    expect(await run()).toMatchObject({ tokens: 330, completed: 2, failed: 1, status: 'success' })
    expect(await bills()).toMatchObject([{ tokens: 330, corrects: false }])
    const before = await counted(database)
    await receive(...of(1, callSpan(1), callSpan(2, { status: 'failed' }), callSpan(3), rootSpan()))
    await settle(access)
    expect(await counted(database)).toEqual(before)
  })

  it.each(['paid', 'closed'])('of a bill that is %s there is a correction', async (settled) => {
    await receive(...of(1, callSpan(1), rootSpan()))
    await settle(access)
    if (settled === 'paid') await database.sql('update billing_records set paid = true')
    else {
      await database.sql(`update billing_records set billing_period = '2020-01'`)
      await database.sql(`select wfstore_close('2020-01')`)
    }
    await late()
    await settle(access)
    expect(await run()).toMatchObject({ tokens: 330 })
    expect(await bills()).toMatchObject([
      { tokens: 110, corrects: false },
      { tokens: 110, corrects: true },
      { tokens: 110, corrects: true },
    ])
    const [entry] = await database.sql(`select metadata from audit_logs where step_id = $1`, [
      stepIdOf(ID, spanId(2)),
    ])
    expect(entry).toMatchObject({
      metadata: { spanId: spanId(2), content: 'left out', status: 'failed' },
    })
  })

  it('a span of a call that is counted adds nothing, also if it is the richer one', async () => {
    await receive(...of(1, callSpan(2, { parentSpanId: spanId(1) }), rootSpan()))
    await settle(access)
    await receive(...of(1, callSpan(1, { responseId: 'resp_2_of_a_model' })))
    await settle(access)
    expect(await totals(database)).toMatchObject({ bills: 110, executions: 110, steps: 110 })
  })

  it('the start of a run that a person has cancelled stays, and what comes later is added', async () => {
    await receive(...of(1, callSpan(1)))
    await view(access)
    expect(await store.executions.cancel([ID], { reason: 'no' })).toMatchObject({
      closed: [{ executionId: ID }],
    })
    await receive(...of(1, callSpan(3), rootSpan()))
    await settle(access)
    expect(await run()).toMatchObject({
      status: 'cancelled',
      error: 'no',
      tokens: 220,
      name: 'unknown',
    })
    expect(await bills()).toMatchObject([{ tokens: 220 }])
    expect(await states()).toMatchObject([{ state: 'ended', due: false }])
  })

  it('a run that is stuck can be failed', async () => {
    await receive(...of(1, callSpan(1)))
    await view(access)
    await store.executions.failStuck({ olderThanMs: 0 })
    await settle(access)
    expect(await run()).toMatchObject({ status: 'failed', tokens: 110 })
    expect(await bills()).toMatchObject([{ tokens: 110 }])
  })
})

describe('a run that an engine records itself', () => {
  it('has no steps of its spans', async () => {
    const engine = await store.startExecution({
      executionId: ID,
      workflowName: 'own',
      userId: 'u',
      mode: 'm',
      modelId: 'x',
    })
    await receive(...of(1, callSpan(1), rootSpan()))
    await settle(access)
    const step = await engine.startStep({ stepNumber: 1, stepName: 'own' })
    await step.finish({ status: 'success', tokens: { input: 5 } })
    await engine.finish({ status: 'success' })
    await receive(...of(1, callSpan(2)))
    await settle(access)
    expect(await run()).toMatchObject({ name: 'own', tokens: 5 })
    expect(await steps()).toEqual([{ step_name: 'own', tokens: 5, status: 'success' }])
    expect(await states()).toMatchObject([{ state: 'recorded', due: false }])
  })

  it('is left to the engine if it starts the run after the first span has arrived', async () => {
    await receive(...of(1, callSpan(1), rootSpan()))
    await store.startExecution({
      executionId: ID,
      workflowName: 'own',
      userId: 'u',
      mode: 'm',
      modelId: 'x',
    })
    await settle(access)
    expect(await run()).toMatchObject({ name: 'own', tokens: 0, status: 'running' })
    expect(await states()).toMatchObject([{ state: 'recorded' }])
  })
})
