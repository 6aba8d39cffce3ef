import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page } from '../../../src/queries/table/page.ts'
import type { Store } from '../../../src/store/types.ts'
import { createTestStore, type TestStore } from './rows-support.ts'

let test: TestStore
let store: Store

beforeAll(async () => {
  test = await createTestStore('lists')
  store = test.store
})
afterAll(() => test.close())

const [RUN_A, RUN_B, STEP_A] = ['a', 'b', 'c'].map(
  (digit) => `${digit.repeat(8)}-0000-7000-8000-000000000000`,
) as [string, string, string]

interface Seed {
  /** Microseconds after a fixed instant. */
  at: number
  run: string
  step: string | null
  user: string
  word: string
  yes: boolean
  status: string
}

/** Few values, so that ties and rows of every filter are common. */
const seed: fc.Arbitrary<Seed> = fc.record({
  at: fc.integer({ min: 0, max: 3 }),
  run: fc.constantFrom(RUN_A, RUN_B),
  step: fc.constantFrom(STEP_A, null),
  user: fc.constantFrom('a', 'b'),
  word: fc.constantFrom('x', 'y'),
  yes: fc.boolean(),
  status: fc.constantFrom('running', 'success', 'failed'),
})

const SEEDS = `json_to_recordset($1) as r (at int, run uuid, step uuid, "user" text, word text, yes boolean, status text)`
const AT = `timestamptz '2026-01-01T00:00:00.000001Z' + r.at * interval '1 microsecond'`
const at = (micros: number) => `2026-01-01T00:00:00.00000${micros + 1}Z`

type Filter = Record<string, unknown>

interface Listed {
  name: string
  table: string
  insert: string
  id: string
  idField: string
  order: string
  list: (options: Filter) => Promise<Page<object>>
  /** Each filter, and the same by hand. */
  filters: [filter: Filter, where: string][]
}

const TIMES: [Filter, string][] = [
  [{ since: at(1) }, `$time >= '${at(1)}'`],
  [{ until: at(2) }, `$time < '${at(2)}'`],
  [{ since: at(1), until: at(3) }, `$time >= '${at(1)}' and $time < '${at(3)}'`],
  [{ since: new Date('2026-01-01T00:00:00Z') }, 'true'],
  [{ since: { text: '1h', at: at(2) } }, `$time >= '${at(2)}'`],
  [{ since: '2026-01-01T01:00:00.000003+01:00' }, `$time >= '${at(2)}'`],
]
const times = (column: string) =>
  TIMES.map(([filter, where]): [Filter, string] => [filter, where.replaceAll('$time', column)])

const lists: Listed[] = [
  {
    name: 'executions',
    table: 'workflow_executions',
    insert: `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time)
             select r.word, r.user, r.word, r.word, r.status, ${AT} from ${SEEDS}`,
    id: 'execution_id',
    idField: 'executionId',
    order: 'start_time desc, execution_id desc',
    list: (options) => store.executions.list(options),
    filters: [
      [{}, 'true'],
      [{ userId: 'a' }, `user_id = 'a'`],
      [{ status: ['failed'] }, `status = 'failed'`],
      [{ status: ['failed', 'success'] }, `status <> 'running'`],
      [{ status: 'failed' }, `status = 'failed'`],
      [
        { userId: ['a', 'c'], status: ['failed', 'success'] },
        `user_id = 'a' and status <> 'running'`,
      ],
      [{ workflowName: ['x', 'y'], userId: ['a', 'b'], status: 'success' }, `status = 'success'`],
      [{ mode: 'x', modelId: 'x', workflowName: 'x' }, `mode = 'x'`],
      [{ modelId: 'y', userId: 'b' }, `model_id = 'y' and user_id = 'b'`],
      ...times('start_time'),
    ],
  },
  {
    name: 'steps',
    table: 'workflow_steps',
    insert: `with run as (insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
               values ('${RUN_A}', 'w', 'u', 'm', 'x'), ('${RUN_B}', 'w', 'u', 'm', 'x') on conflict do nothing)
             insert into workflow_steps (execution_id, step_number, step_name, tool_name, status)
             select r.run, r.at, 's', r.word, r.status from ${SEEDS}`,
    id: 'step_id',
    idField: 'stepId',
    order: 'step_number, step_id',
    list: (options) => store.steps.list({ executionId: RUN_A, ...options }),
    filters: [
      [{}, `execution_id = '${RUN_A}'`],
      [{ status: ['failed'] }, `execution_id = '${RUN_A}' and status = 'failed'`],
      [{ toolName: ['x', 'z'] }, `execution_id = '${RUN_A}' and tool_name = 'x'`],
      [{ status: ['failed', 'success'] }, `execution_id = '${RUN_A}' and status <> 'running'`],
      [{ executionId: RUN_B, toolName: 'y' }, `execution_id = '${RUN_B}' and tool_name = 'y'`],
    ],
  },
  {
    name: 'audit',
    table: 'audit_logs',
    insert: `insert into audit_logs (execution_id, step_id, timestamp, user_id, action_type, action_details, tool_name, model_id, success)
             select r.run, r.step, ${AT}, r.user, r.word, 'd', r.word, r.word, r.yes from ${SEEDS}`,
    id: 'log_id',
    idField: 'logId',
    order: 'timestamp desc, log_id desc',
    list: (options) => store.audit.list(options),
    filters: [
      [{}, 'true'],
      [{ executionId: RUN_A.toUpperCase() }, `execution_id = '${RUN_A}'`],
      [{ stepId: STEP_A }, `step_id = '${STEP_A}'`],
      [{ executionId: [RUN_A, STEP_A], userId: ['a', 'b'] }, `execution_id = '${RUN_A}'`],
      [{ userId: 'a' }, `user_id = 'a'`],
      [{ actionType: 'x' }, `action_type = 'x'`],
      [{ toolName: 'y' }, `tool_name = 'y'`],
      [{ modelId: 'y' }, `model_id = 'y'`],
      [{ success: false }, 'success = false'],
      [{ success: true, userId: 'b' }, `success = true and user_id = 'b'`],
      ...times('timestamp'),
    ],
  },
  {
    name: 'metrics',
    table: 'observability_metrics',
    insert: `insert into observability_metrics (timestamp, user_id, metric_type, metric_value, aggregation_period)
             select ${AT}, r.user, r.word, 1, r.status from ${SEEDS}`,
    id: 'metric_id',
    idField: 'metricId',
    order: 'timestamp desc, metric_id desc',
    list: (options) => store.metrics.list(options),
    filters: [
      [{}, 'true'],
      [{ userId: 'a' }, `user_id = 'a'`],
      [{ metricType: 'x', userId: 'b' }, `metric_type = 'x' and user_id = 'b'`],
      [{ aggregationPeriod: 'failed' }, `aggregation_period = 'failed'`],
      [{ userId: ['a', 'b'], metricType: ['y', 'z'] }, `metric_type = 'y'`],
      ...times('timestamp'),
    ],
  },
  {
    name: 'billing',
    table: 'billing_records',
    insert: `insert into billing_records (execution_id, timestamp, user_id, model_id, billing_period, paid)
             select r.run, ${AT}, r.user, r.word, case r.status when 'failed' then '2026-01' else '2026-02' end, r.yes from ${SEEDS}`,
    id: 'billing_id',
    idField: 'billingId',
    order: 'timestamp desc, billing_id desc',
    list: (options) => store.billing.list(options),
    filters: [
      [{}, 'true'],
      [{ userId: 'a' }, `user_id = 'a'`],
      [{ executionId: RUN_B }, `execution_id = '${RUN_B}'`],
      [{ billingPeriod: '2026-01' }, `billing_period = '2026-01'`],
      [{ billingPeriod: '2026-01', userId: 'a' }, `billing_period = '2026-01' and user_id = 'a'`],
      [{ modelId: 'y' }, `model_id = 'y'`],
      [{ userId: ['a', 'b'], modelId: ['y', 'z'] }, `model_id = 'y'`],
      [{ paid: true }, 'paid = true'],
      [{ paid: false }, 'paid = false'],
      ...times('timestamp'),
    ],
  },
]

describe.each(lists)('$name', ({ table, insert, id, idField, order, list, filters }) => {
  const fill = async (rows: Seed[]) => {
    await test.database.sql(`delete from ${table}`)
    await test.database.sql(insert, [JSON.stringify(rows)])
  }
  const expected = async (where: string) =>
    (await test.database.sql(`select ${id} from ${table} where ${where} order by ${order}`)).map(
      (row) => row[id],
    )
  const walk = async (filter: Filter, limit: number) => {
    const ids: unknown[] = []
    let cursor: string | null = null
    do {
      const page: Page<object> = await list({ ...filter, limit, cursor })
      expect(page.rows.length).toBeLessThanOrEqual(limit)
      ids.push(...page.rows.map((row) => (row as Filter)[idField]))
      cursor = page.nextCursor
    } while (cursor !== null)
    return ids
  }

  it('pages of any size and filter return every row once and in order, also with ties', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(seed, { maxLength: 20 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(...filters),
        async (rows, limit, [filter, where]) => {
          await fill(rows)
          expect(await walk(filter, limit)).toEqual(await expected(where))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('each filter returns the rows that it names and no other', async () => {
    const words = ['x', 'y']
    const rows = [0, 1, 2, 3].flatMap((at) =>
      words.flatMap((word) =>
        ['a', 'b'].flatMap((user) =>
          ['running', 'success', 'failed'].map((status): Seed => {
            const odd = (at + status.length) % 2 === 1
            return {
              ...{ at, word, user, status, yes: odd !== (word === 'x') },
              ...{ run: user === 'a' ? RUN_A : RUN_B, step: odd ? STEP_A : null },
            }
          }),
        ),
      ),
    )
    await fill(rows)
    const all = await expected('true')
    for (const [filter, where] of filters) {
      const wanted = await expected(where)
      expect(await walk(filter, 50), JSON.stringify(filter)).toEqual(wanted)
      if (where !== 'true' && where !== 'false') expect(wanted.length).toBeGreaterThan(0)
      if (where !== 'true') expect(wanted.length).toBeLessThan(all.length)
    }
  })

  it('a page has 50 rows by default, and a cursor of other filters is refused', async () => {
    const row = { run: RUN_A, step: null, user: 'a', word: 'x', yes: true, status: 'failed' }
    await fill(Array.from({ length: 51 }, (_, index) => ({ ...row, at: index % 3 })))
    const first = await list({})
    expect(first.rows).toHaveLength(50)
    expect((await list({ cursor: first.nextCursor })).rows).toHaveLength(1)
    const other = filters.at(1)?.[0] as Filter
    await expect(list({ ...other, cursor: first.nextCursor })).rejects.toMatchObject({
      code: 'usage',
      message: 'the cursor belongs to another query, or is damaged',
    })
  })
})

it('executions are found by their id and by the tool of one of their steps', async () => {
  const run = { workflowName: 'w', userId: 'tools', mode: 'm', modelId: 'x' }
  const [first, second] = [await store.executions.create(run), await store.executions.create(run)]
  const step = { stepNumber: 1, stepName: 's', toolName: 'crm' }
  await store.steps.create({ ...step, executionId: first.executionId })
  await store.steps.create({ ...step, executionId: second.executionId, toolName: 'mail' })
  for (const filter of [{ toolName: 'crm' }, { executionId: first.executionId }])
    expect((await store.executions.list(filter)).rows).toEqual([first])
})

it('a cursor of one list is refused by another', async () => {
  for (const userId of ['u', 'u'])
    await store.audit.create({ userId, actionType: 'a', actionDetails: 'd' })
  const { nextCursor } = await store.audit.list({ limit: 1, userId: 'u' })
  expect(nextCursor).not.toBeNull()
  for (const list of [store.billing.list, store.metrics.list, store.executions.list])
    await expect(list({ userId: 'u', cursor: nextCursor })).rejects.toMatchObject({
      message: 'the cursor belongs to another query, or is damaged',
    })
})

it('a cursor accepts a Date and the text of the same instant', async () => {
  for (const userId of ['v', 'v'])
    await store.audit.create({ userId, actionType: 'a', actionDetails: 'd' })
  const since = new Date(Date.now() - 3_600_000)
  const { nextCursor } = await store.audit.list({ limit: 1, userId: 'v', since })
  const next = { userId: 'v', since: since.toISOString(), cursor: nextCursor }
  expect((await store.audit.list(next)).rows).toHaveLength(1)
})
