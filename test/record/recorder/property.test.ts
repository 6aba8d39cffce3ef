// @module-tag slow
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { query } from '../../../src/db/query/query.ts'
import type { WfstoreError } from '../../../src/error.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import type { StepRecorder } from '../../../src/record/recorder/steps.ts'
import type { ExecutionRecorder } from '../../../src/record/recorder/types.ts'
import { uuidv7 } from '../../../src/uuid.ts'
import { openPool, type TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { onLayout } from '../../support/on-layout.ts'

let database: TestDatabase
let pool: pg.Pool
let killer: pg.Pool
const run = onLayout((statement, shape) => query(pool, statement, shape))

beforeAll(async () => {
  database = await createMigrated('interleaved')
  pool = openPool({ connectionString: database.url, max: 20, application_name: 'engine' })
  killer = openPool({ connectionString: database.url, max: 1 })
})
afterAll(async () => {
  await killer.end()
  await pool.end()
  await database.drop()
})

const OF = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'gpt-4o' }

/** What one worker of an engine does with a step of a run. */
type Operation =
  | { kind: 'finish'; status: 'success' | 'failed' | 'skipped'; cents: number; tokens: number }
  | { kind: 'retry'; cents: number; tokens: number }
  | { kind: 'toolCall' }
  | { kind: 'end'; status: 'success' | 'failed' | 'cancelled' }
  | { kind: 'kill' }

const amount = fc.integer({ min: 0, max: 1_000_000 })
const operation: fc.Arbitrary<{ step: number; operation: Operation }> = fc.record({
  step: fc.nat(3),
  operation: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('finish' as const),
        status: fc.constantFrom('success' as const, 'failed' as const, 'skipped' as const),
        cents: amount,
        tokens: fc.nat(1000),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('retry' as const),
        cents: amount,
        tokens: fc.nat(1000),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'toolCall' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        status: fc.constantFrom('success' as const, 'failed' as const, 'cancelled' as const),
      }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'kill' as const }) },
  ),
})

/** To the twelfth place, so that sums in floating point would show. */
const cost = (cents: number) => `0.${String(cents).padStart(12, '0')}`

async function perform(
  execution: ExecutionRecorder,
  step: StepRecorder,
  what: Operation,
): Promise<void> {
  switch (what.kind) {
    case 'finish':
      return step.finish({
        status: what.status,
        cost: cost(what.cents),
        tokens: { input: what.tokens, cacheRead: 1 },
      })
    case 'retry':
      return step.retry({ cost: cost(what.cents), tokens: { output: what.tokens } })
    case 'toolCall':
      await step.toolCall({ toolName: 'T' })
      return
    case 'end':
      return execution.finish({ status: what.status })
    case 'kill':
      await killer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'engine'
         order by random() limit 3`,
      )
  }
}

/** Once more with the same handle, as a job that does not know whether it was done. */
async function insist(work: () => Promise<void>): Promise<'done' | 'refused'> {
  for (let tried = 0; ; tried++) {
    try {
      await work()
      return 'done'
    } catch (error) {
      const { code } = error as WfstoreError
      if (code === 'conflict') return 'refused'
      // More of them than the recorder itself tries again were ended.
      if (code === 'unreachable' && tried < 50) continue
      throw error
    }
  }
}

const BOOKS = `
select e.status, e.total_cost = coalesce(s.cost, 0) as cost, e.total_tokens = coalesce(s.tokens, 0) as tokens,
  e.steps_completed = coalesce(s.done, 0) as completed, e.steps_failed = coalesce(s.failed, 0) as failed,
  b.bills = (e.status <> 'running')::int as bills,
  e.status = 'running' or (b.cost = e.total_cost and b.tokens = e.total_tokens
    and b.input = coalesce(s.input, 0) and b.output = coalesce(s.output, 0) and b.cache = coalesce(s.cache, 0)) as billed,
  s.used = s.classes as classes,
  a.starts = s.steps as starts, a.begins = 1 as begins, a.ends = (e.status <> 'running')::int as ends,
  a.retries = s.retries as retries, a.cost = coalesce(s.cost, 0) as entries
from workflow_executions e
left join lateral (select sum(cost) as cost, sum(tokens_used) as tokens, count(*) as steps, sum(retry_count) as retries,
    count(*) filter (where status = 'success') as done, count(*) filter (where status = 'failed') as failed,
    sum(tokens_input) as input, sum(tokens_output) as output, sum(tokens_cache_read) as cache, sum(tokens_used) as used,
    sum(coalesce(tokens_input, 0) + coalesce(tokens_output, 0) + coalesce(tokens_cache_read, 0)) as classes
  from workflow_steps where execution_id = e.execution_id) s on true
left join lateral (select count(*) as bills, sum(cost) as cost, sum(tokens_total) as tokens, coalesce(sum(tokens_input), 0) as input,
    coalesce(sum(tokens_output), 0) as output, coalesce(sum(tokens_cache_read), 0) as cache
  from billing_records where execution_id = e.execution_id) b on true
left join lateral (select count(*) filter (where action_type = 'step_start') as starts,
    count(*) filter (where action_type = 'workflow_start') as begins, count(*) filter (where action_type = 'workflow_end') as ends,
    count(*) filter (where action_type = 'step_retry') as retries,
    coalesce(sum(cost) filter (where action_type in ('step_end', 'step_retry')), 0) as cost
  from audit_logs where execution_id = e.execution_id) a on true
where e.execution_id = $1`

it('for any order of calls and lost connections, totals are the sums of the steps, with one bill and each entry once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 8, maxLength: 40 }), async (operations) => {
      const executionId = uuidv7(Date.now())
      const begin = () => startExecution(run, { ...OF, executionId })
      let execution = await begin()
      const stepIds = [0, 1, 2, 3].map(() => uuidv7(Date.now()))
      const steps: StepRecorder[] = []
      for (const [stepNumber, stepId] of stepIds.entries()) {
        steps.push(await execution.startStep({ stepNumber, stepName: 's', stepId }))
      }
      let toolCalls = 0
      const outcomes = await Promise.all(
        operations.map(({ step, operation: what }) =>
          insist(() => perform(execution, steps[step] as StepRecorder, what)).then((outcome) => {
            if (what.kind === 'toolCall') toolCalls++
            return { what, outcome }
          }),
        ),
      )
      const [books] = await database.sql(BOOKS, [executionId])
      const { status, ...balanced } = books ?? {}
      expect(balanced).toEqual(
        Object.fromEntries(Object.keys(balanced).map((name) => [name, true])),
      )
      const [calls] = await database.sql(
        "select count(*)::int as calls from audit_logs where execution_id = $1 and action_type = 'tool_call'",
        [executionId],
      )
      expect(calls?.calls).toBe(toolCalls)
      const ends = outcomes.filter(({ what }) => what.kind === 'end')
      for (const { what, outcome } of ends) {
        expect([what, outcome]).toEqual([
          what,
          what.kind === 'end' && what.status === status ? 'done' : 'refused',
        ])
      }
      if (ends.length > 0) expect(status).not.toBe('running')

      // A repeat of any call, by a process that knows only the ids, changes nothing.
      const before = await database.sql(BOOKS, [executionId])
      execution = await begin()
      if (status !== 'running') await execution.finish({ status: status as 'success' })
      expect(await database.sql(BOOKS, [executionId])).toEqual(before)
    }),
    { numRuns: 60 },
  )
})
