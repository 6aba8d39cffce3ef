import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { executionIdOf, stepIdOf } from '../../../../src/record/otel/store/ids.ts'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { CAPTURES, expectedOf, spansOfCapture } from '../captures.ts'
import { addPrices, costOf, settle, take, totals, view } from './settled.ts'
import { openAccess } from './spans.ts'

let database: TestDatabase
let access: ReturnType<typeof openAccess>

beforeAll(async () => {
  database = await createMigrated('otel_captures')
  access = openAccess(database)
  await addPrices(database)
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

it.each(CAPTURES)(
  '%s: runs, steps, bills and their lines have the tokens of the model server',
  async (capture) => {
    const { runs, tracesWithoutTokens = [] } = expectedOf(capture)
    const spans = await spansOfCapture(capture)
    expect(await take(access, spans)).toMatchObject({ rejected: { count: 0 } })
    await view(access)
    expect(await settle(access)).toMatchObject({ failed: 0 })
    const total = runs.reduce((sum, run) => sum + run.totals.total, 0)
    expect(await totals(database)).toMatchObject({
      steps: total,
      executions: total,
      bills: total,
      lines: total,
    })
    const cost = String(
      runs
        .flatMap(({ totalsByModel }) => Object.entries(totalsByModel))
        .reduce((sum, [model, tokens]) => sum + costOf(model, tokens), 0),
    )
    expect(await totals(database)).toMatchObject({
      step_cost: cost,
      cost,
      bill_cost: cost,
      line_cost: cost,
    })
    for (const run of runs) {
      const id = executionIdOf(run.traceId)
      const [execution] = await database.sql(
        `select workflow_name, status, error_message, total_tokens::int, session_id, user_id,
         to_json(start_time at time zone 'UTC') #>> '{}' || 'Z' as start from workflow_executions where execution_id = $1`,
        [id],
      )
      expect(execution).toMatchObject({
        total_tokens: run.totals.total,
        status: run.status,
        session_id: run.sessionId,
        user_id: run.userId ?? 'unknown',
        ...(run.name === null || run.rootMissing ? {} : { workflow_name: run.name }),
      })
      expect(new Date(execution?.start as string)).toEqual(new Date(run.start))
      const steps = await database.sql(
        `select step_id, status, tokens_used::int as tokens, tokens_input::int as input, tokens_output::int as output, coalesce(tokens_cache_read, 0)::int as read
       from workflow_steps where execution_id = $1`,
        [id],
      )
      expect(steps).toHaveLength(run.steps.length)
      for (const { spanIds, tokens, status } of run.steps) {
        const step = steps.find(({ step_id }) =>
          spanIds.some((span) => stepIdOf(id, span) === step_id),
        )
        expect(step).toMatchObject({
          ...(status === null ? {} : { status }),
          ...(tokens ? { input: tokens.input, output: tokens.output } : {}),
        })
      }
      const lines = await database.sql(
        `select l.model_id, sum(l.quantity) filter (where l.meter <> 'request')::int as total,
         coalesce(sum(l.quantity) filter (where l.meter = 'input'), 0)::int as input, coalesce(sum(l.quantity) filter (where l.meter = 'cache_read'), 0)::int as read
       from wfstore_bill_lines l join billing_records b using (execution_id, billing_id) where b.execution_id = $1 group by 1`,
        [id],
      )
      const byModel = Object.fromEntries(
        lines.filter((row) => row.total).map(({ model_id, total }) => [model_id, total]),
      )
      const expected = Object.entries(run.totalsByModel).filter(([, { total }]) => total > 0)
      expect(byModel).toEqual(
        Object.fromEntries(expected.map(([model, { total }]) => [model, total])),
      )
    }
    const without = await database.sql(
      'select total_tokens::int as tokens from workflow_executions where execution_id = any ($1::uuid[])',
      [tracesWithoutTokens.map(executionIdOf)],
    )
    for (const { tokens } of without) expect(tokens).toBe(0)
    const [open] = await database.sql(
      `select (select count(*)::int from workflow_executions where status = 'running') as running,
       (select count(*)::int from wfstore_traces where due_at is not null or error is not null) as due`,
    )
    expect(open).toEqual({ running: 0, due: 0 })
  },
)

it('the runs of all captures match their steps and their bills', async () => {
  for (const capture of CAPTURES) await take(access, await spansOfCapture(capture))
  await settle(access)
  const verify = await runCli(['migrate', 'verify', '--database-url', database.url])
  expect(verify).toMatchObject({ code: 0 })
  const doctor = await runCli(['doctor', '--full', '--json', '--database-url', database.url])
  const findings = JSON.parse(doctor.stdout)
  const wrong = findings.filter(
    ({ state, check }: { state: string; check: string }) =>
      state !== 'ok' && ['totals', 'lines', 'values'].includes(check),
  )
  expect(wrong).toEqual([])
})
