import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Rows } from '../../../src/queries/table/rows.ts'
import type { Store } from '../../../src/store/types.ts'
import { citusUrl } from '../../support/citus.ts'
import { createTestStore, RUN, type TestStore, UNKNOWN } from './rows-support.ts'

let test: TestStore
let store: Store

beforeAll(async () => {
  test = await createTestStore('rows')
  store = test.store
})
afterAll(() => test.close())

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

type AnyRows = Rows<Record<string, unknown>, object, object, object>

interface Case {
  table: string
  rows: (store: Store) => AnyRows
  id: string
  /** Every field that can be given. */
  full: Record<string, unknown>
  /** What a row of it says where that is not what was given. */
  told: Record<string, unknown>
  least: Record<string, unknown>
  defaults: Record<string, unknown>
  patch: Record<string, unknown>
  /** A row of it says this of the patch. */
  patched: Record<string, unknown>
}

const TIMES = {
  startTime: '2026-03-01T10:00:00.123456+02:00',
  endTime: new Date('2026-03-01T08:00:01.623Z'),
}
const TIMES_TOLD = {
  startTime: '2026-03-01T08:00:00.123456Z',
  endTime: '2026-03-01T08:00:01.623000Z',
}
const TOKENS = {
  tokensInput: 60,
  tokensOutput: 40,
  tokensCacheRead: 0,
  tokensCacheWrite: null,
  tokensReasoning: 7,
}

const cases: Case[] = [
  {
    table: 'workflow_executions',
    rows: (store) => store.executions as unknown as AnyRows,
    id: 'executionId',
    full: {
      ...RUN,
      ...TIMES,
      workflowType: 'batch',
      status: 'partial',
      totalCost: '123456.123456789012',
      totalTokens: 9_000_000_000,
      stepsTotal: 3,
      stepsCompleted: 2,
      stepsFailed: 1,
      errorMessage: 'one of "three" failed',
      metadata: { a: [1, null, 'ä'] },
    },
    told: { ...TIMES_TOLD, durationMs: 1499.544 },
    least: RUN,
    defaults: {
      workflowType: 'autonomous',
      status: 'running',
      startTime: expect.any(String),
      endTime: null,
      durationMs: null,
      totalCost: '0',
      totalTokens: 0,
      stepsTotal: 0,
      errorMessage: null,
      metadata: {},
    },
    patch: { status: 'success', errorMessage: null, totalCost: 0.1 },
    patched: { status: 'success', errorMessage: null, totalCost: '0.1' },
  },
  {
    table: 'audit_logs',
    rows: (store) => store.audit as unknown as AnyRows,
    id: 'logId',
    full: {
      executionId: UNKNOWN,
      stepId: UNKNOWN,
      timestamp: new Date('2026-03-01T08:00:00Z'),
      userId: 'u',
      actionType: 'tool_call',
      actionDetails: '',
      toolName: 'crm',
      toolInput: { q: 'x' },
      toolOutput: [1],
      tokensUsed: 12,
      cost: 12345.000000000002,
      modelId: 'x',
      success: false,
      errorMessage: 'no',
      metadata: { text: 'ä' },
    },
    told: { timestamp: '2026-03-01T08:00:00.000000Z', cost: '12345.000000000002' },
    least: { userId: 'u', actionType: 'a', actionDetails: 'd' },
    defaults: { executionId: null, success: true, tokensUsed: 0, cost: '0', metadata: {} },
    patch: { success: true, toolName: null, stepId: null },
    patched: { success: true, toolName: null, stepId: null },
  },
  {
    table: 'observability_metrics',
    rows: (store) => store.metrics as unknown as AnyRows,
    id: 'metricId',
    full: {
      timestamp: '2026-03-01T08:00:00Z',
      userId: 'u',
      metricType: 'drift',
      metricValue: '-0.000000000000000001',
      aggregationPeriod: 'day',
      dimensions: { model: 'x' },
    },
    told: { timestamp: '2026-03-01T08:00:00.000000Z' },
    least: { userId: 'u', metricType: 't', metricValue: 1e-7 },
    defaults: { metricValue: '0.0000001', aggregationPeriod: 'hour', dimensions: {} },
    patch: { metricValue: 3, dimensions: null },
    patched: { metricValue: '3', dimensions: null },
  },
  {
    table: 'billing_records',
    rows: (store) => store.billing as unknown as AnyRows,
    id: 'billingId',
    full: {
      ...TOKENS,
      userId: 'u',
      executionId: UNKNOWN,
      timestamp: '2026-03-01T08:00:00Z',
      modelId: 'x',
      tokensTotal: 100,
      cost: '98765432109876543210.123456789012',
      billingPeriod: '2026-03',
      paid: true,
      paymentId: 'p',
      metadata: {},
    },
    told: { timestamp: '2026-03-01T08:00:00.000000Z', metadata: {} },
    least: { userId: 'u', modelId: 'x', billingPeriod: '2026-03' },
    defaults: { executionId: null, paid: false, cost: '0', tokensTotal: 0, tokensInput: null },
    patch: { paid: false, paymentId: null, tokensInput: null },
    patched: { paid: false, paymentId: null, tokensInput: null },
  },
]

describe.each(cases)('$table', ({ table, rows, id, full, told, least, defaults, ...change }) => {
  let made: Record<string, unknown>
  let key: string

  beforeEach(async () => {
    await test.database.sql(`delete from ${table}`)
    made = await rows(store).create(full)
    key = made[id] as string
  })

  it('create returns the row with every field as given, and a UUIDv7', () => {
    expect(key).toMatch(UUID_V7)
    expect(made).toMatchObject({ ...full, ...told })
  })

  it('create with only the required fields returns the defaults of the table', async () => {
    const row = await rows(store).create({ ...least, metadata: undefined, [id]: undefined })
    expect(row).toMatchObject({ ...least, ...defaults })
  })

  it('get returns what create returned', async () => {
    expect(await rows(store).get(key)).toMatchObject(made)
  })

  it('list contains it', async () => {
    expect(await rows(store).list()).toEqual({ rows: [made], nextCursor: null, hasMore: false })
  })

  it('create repeated with the same id and content adds nothing and returns the row', async () => {
    expect(await rows(store).create({ ...full, [id]: key.toUpperCase() })).toEqual(made)
    expect(await test.database.sql(`select 1 from ${table}`)).toHaveLength(1)
  })

  it('create repeated with any other value is a conflict that names the field and changes nothing', async () => {
    const others: Record<string, unknown> = {
      ...{ ...RUN, workflowName: 'w2', userId: 'u2', mode: 'm2', modelId: 'x2' },
      ...{ workflowType: 'z', actionType: 'z', actionDetails: 'z', toolName: 'z', paymentId: 'z' },
      ...{ metricType: 'z', aggregationPeriod: 'z', billingPeriod: '2026-04', errorMessage: null },
      ...{ status: 'failed', success: true, paid: false, startTime: '2026-03-01T08:00:00Z' },
      ...{ endTime: '2026-03-01T09:00:00Z', timestamp: '2026-03-01T08:00:00.000001Z' },
      ...{ executionId: UNKNOWN.replace('0', '1'), stepId: null, tokensCacheWrite: 5 },
      ...{ metadata: { z: 1 }, dimensions: { z: 1 } },
    }
    // Citus does not look for the id on the shards of other runs.
    const elsewhere = citusUrl !== undefined && id !== 'executionId' ? 'executionId' : undefined
    for (const name of Object.keys(full).filter((one) => one !== elsewhere)) {
      const value = full[name]
      const other = name in others ? others[name] : typeof value === 'number' ? 5 : '7'
      await expect(
        rows(store).create({ ...full, [name]: other, [id]: key }),
        name,
      ).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`is already recorded with ${name} `),
      })
    }
    expect(await rows(store).get(key)).toMatchObject(made)
  })

  it('update changes the given fields and no other', async () => {
    const after = await rows(store).update(key, { ...change.patch, userId: undefined })
    expect(after).toEqual({ ...made, ...change.patched, ...changed(after) })
    expect(await rows(store).get(key)).toMatchObject(after)
    expect(await rows(store).update(key, {})).toEqual(after)
    const back = await rows(store).update(key, full)
    expect(back).toEqual({ ...made, ...changed(back) })
  })

  it('delete removes the row; it cannot be read, changed or deleted again', async () => {
    expect(await rows(store).delete(key)).toBeUndefined()
    expect(await test.database.sql(`select 1 from ${table}`)).toEqual([])
    for (const gone of [
      () => rows(store).get(key),
      () => rows(store).update(key, { userId: 'u' }),
      () => rows(store).update(key, {}),
      () => rows(store).delete(key),
    ]) {
      await expect(gone()).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringContaining('does not exist'),
      })
    }
  })
})

/** What the server says of a change. */
const changed = ({ updatedAt }: Record<string, unknown>) =>
  updatedAt === undefined ? {} : { updatedAt }

it('deleting a run deletes its steps; its audit entries and bills stay and still name it', async () => {
  const { executionId } = await store.executions.create(RUN)
  const { stepId } = await store.steps.create({ executionId, stepNumber: 1, stepName: 's' })
  const { logId } = await store.audit.create({
    ...{ executionId, stepId, userId: 'u', actionType: 'a', actionDetails: 'd' },
  })
  const { billingId } = await store.billing.create({
    ...{ executionId, userId: 'u', modelId: 'x', billingPeriod: '2026-03' },
  })
  await store.executions.delete(executionId)
  await expect(store.steps.get(stepId)).rejects.toMatchObject({ code: 'not_found' })
  expect(await store.audit.get(logId)).toMatchObject({ executionId, stepId })
  expect(await store.billing.get(billingId)).toMatchObject({ executionId })
})

it('a bill for a closed month goes into an open one, and repeating it returns that bill', async () => {
  await test.database.sql(`insert into wfstore_periods (billing_period) values ('2026-02')`)
  await test.database.sql(`select wfstore_close('2026-02')`)
  const bill = { billingId: UNKNOWN, userId: 'u', modelId: 'x', billingPeriod: '2026-02' }
  const made = await store.billing.create(bill)
  expect(made.billingPeriod).not.toBe('2026-02')
  expect(await store.billing.create(bill)).toEqual(made)
  await expect(store.billing.create({ ...bill, billingPeriod: '2026-01' })).rejects.toMatchObject({
    code: 'conflict',
  })
})

it('two concurrent creates of one id return the same row', async () => {
  const metric = { metricId: UNKNOWN, userId: 'u', metricType: 't', metricValue: 1 }
  const made = await Promise.all(Array.from({ length: 8 }, () => store.metrics.create(metric)))
  expect(new Set(made.map((row) => JSON.stringify(row))).size).toBe(1)
})

it('sums above 10,000 dollars are exact to all 12 places', async () => {
  const costs = ['10000.000000000001', 123456.1, 0.1 + 0.2, '99999999999999.999999999999']
  for (const cost of costs)
    await store.billing.create({ cost, userId: 'sums', modelId: 'x', billingPeriod: '2026-03' })
  const { rows } = await store.billing.list({ userId: 'sums' })
  expect(rows.map(({ cost }) => cost).sort()).toEqual([
    '0.3',
    '10000.000000000001',
    '123456.1',
    '99999999999999.999999999999',
  ])
  expect(
    await test.database.sql(
      `select sum(cost)::text as sum from billing_records where user_id = 'sums'`,
    ),
  ).toEqual([{ sum: '100000000133456.400000000000' }])
})
