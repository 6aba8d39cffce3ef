import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../../src/index.ts'
import { createTestStore, RUN, type TestStore, UNKNOWN, unasked } from './rows-support.ts'

/** Its database fails the test when it is asked. */
const store = openStore({ pool: unasked })
const AUDIT = { userId: 'u', actionType: 'a', actionDetails: 'd' }
const METRIC = { userId: 'u', metricType: 't', metricValue: 1 }
const BILL = { userId: 'u', modelId: 'x', billingPeriod: '2026-03' }
const STEP = { executionId: UNKNOWN, stepNumber: 1, stepName: 's' }

/** Each field that is wrong, of each table that has it: given to create, and as a patch. */
const wrong: [table: string, field: string, values: unknown[]][] = [
  ['executions', 'status', ['done', 'pending', '', null, 1, 'Running']],
  ['steps', 'status', ['done', 'partial', '', null]],
  ['executions', 'totalCost', amounts()],
  ['steps', 'cost', amounts()],
  ['audit', 'cost', amounts()],
  ['billing', 'cost', amounts()],
  ['executions', 'totalTokens', counts()],
  ['steps', 'tokensUsed', counts()],
  ['steps', 'tokensInput', counts().slice(1)],
  ['steps', 'tokensReasoning', counts().slice(1)],
  ['audit', 'tokensUsed', counts()],
  ['billing', 'tokensTotal', counts()],
  ['billing', 'tokensCacheRead', counts().slice(1)],
  ['executions', 'stepsTotal', [...counts(), 2 ** 31]],
  ['steps', 'stepNumber', [...counts(), 2 ** 31]],
  ['steps', 'retryCount', [...counts(), 2 ** 31]],
  ['steps', 'durationMs', [-1, 0.5, Number.NaN, '1']],
  ['metrics', 'metricValue', [null, Number.NaN, Number.POSITIVE_INFINITY, '', 'x', '1e3', ' 1']],
  ['executions', 'startTime', times()],
  ['executions', 'endTime', times().slice(1)],
  ['steps', 'startTime', times().slice(1)],
  ['audit', 'timestamp', times()],
  ['metrics', 'timestamp', times()],
  ['billing', 'timestamp', times()],
  ['executions', 'userId', texts()],
  ['executions', 'workflowName', texts()],
  ['executions', 'errorMessage', ['a\0b', 1, {}]],
  ['audit', 'actionType', texts()],
  ['metrics', 'metricType', texts()],
  ['billing', 'modelId', texts()],
  ['audit', 'executionId', ['x', '', 1, UNKNOWN.slice(1)]],
  ['billing', 'executionId', ['x', '', 1]],
  ['audit', 'success', ['true', 1, null]],
  ['billing', 'paid', ['false', 0, null]],
  ['billing', 'billingPeriod', ['2026-13', '2026', '2026-3', '', null, 202603]],
  ['executions', 'metadata', [circular(), 1n, 'a\0', { 'a\0': 1 }, { '\ud800': 1 }, () => {}]],
]

function amounts() {
  return [
    ...[null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -1e-9, 1e13, 1n],
    ...['', '-1', 'NaN', 'Infinity', '1e3', '1,5', ' 1', '0x10', '1.', {}, []],
  ]
}
function counts() {
  return [null, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', 1n]
}
function times() {
  return [
    ...[null, 'now', '', '2026-03-01', '2026-03-01T08:00:00', '2026-02-30T08:00:00Z', 0],
    ...['0000-01-01T00:00:00Z', '2026-03-01T08:00:00+2', '2026-03-01T24:00:00Z', 'infinity'],
    ...[new Date(Number.NaN), new Date(8.64e15), '9999-12-31T23:59:59-01:00'],
  ]
}
function texts() {
  return ['', 'a\0b', null, 1, {}, ['a']]
}
function circular() {
  const value: Record<string, unknown> = {}
  value.self = value
  return value
}

const least = { executions: RUN, steps: STEP, audit: AUDIT, metrics: METRIC, billing: BILL }
type Tables = keyof typeof least
const rows = (table: string) =>
  store[table as Tables] as unknown as {
    create: (row: object) => Promise<unknown>
    update: (id: string, patch: object) => Promise<unknown>
    get: (id: string) => Promise<unknown>
    delete: (id: string) => Promise<unknown>
    list: (options: object) => Promise<unknown>
  }
/** Both ids of a step, so its run is not looked up. */
const key = (table: string) =>
  (table === 'steps' ? { executionId: UNKNOWN, stepId: UNKNOWN } : UNKNOWN) as string

describe.each(wrong)('%s: %s', (table, field, values) => {
  it.each(values.map((value) => [value]))(
    '%o is refused before anything is sent',
    async (value) => {
      const refused = { code: 'usage', message: expect.stringContaining(field) }
      const row = { ...least[table as Tables], startTime: '2026-03-01T08:00:00Z', [field]: value }
      if (table !== 'executions' && table !== 'steps')
        delete (row as { startTime?: string }).startTime
      await expect(rows(table).create(row)).rejects.toMatchObject(refused)
      await expect(rows(table).update(key(table), { [field]: value })).rejects.toMatchObject(
        refused,
      )
    },
  )
})

describe.each(Object.keys(least) as Tables[])('%s', (table) => {
  it('refuses an unknown field, to create and to change', async () => {
    const refused = { code: 'usage', message: expect.stringContaining('field colour of ') }
    const row = { ...least[table], colour: 'red' }
    await expect(rows(table).create(row)).rejects.toMatchObject(refused)
    await expect(rows(table).update(key(table), { colour: 1 })).rejects.toMatchObject(refused)
  })

  it('refuses to create a row without a required field', async () => {
    for (const name of Object.keys(least[table])) {
      const row = { ...least[table], [name]: undefined }
      await expect(rows(table).create(row), name).rejects.toMatchObject({
        code: 'usage',
        message: `${name} is missing`,
      })
    }
  })

  it('refuses an invalid id', async () => {
    for (const id of ['', 'x', `${UNKNOWN}0`, 1, undefined] as string[]) {
      for (const call of [rows(table).get, rows(table).delete]) {
        await expect(Promise.resolve().then(() => call(id))).rejects.toMatchObject({
          code: 'usage',
        })
      }
      await expect(rows(table).update(id, { userId: 'u' })).rejects.toMatchObject({ code: 'usage' })
    }
  })

  it('refuses an unknown filter, a limit below 1 and an invalid cursor', async () => {
    const base = table === 'steps' ? { executionId: UNKNOWN } : {}
    for (const bad of [
      { colour: 'red' },
      { limit: 0 },
      { limit: -1 },
      { limit: 1.5 },
      { limit: Number.POSITIVE_INFINITY },
      { limit: '10' },
      { cursor: 'x' },
      { cursor: '' },
      { executionId: 'x' },
      { since: 'yesterday' },
      { since: null },
      { until: new Date(Number.NaN) },
      { since: '2026-03-01T00:00:00.000001Z', until: '2026-03-01T00:00:00.000001Z' },
      { status: ['done'] },
      { status: 'done' },
      { status: [] },
      { userId: [] },
      { userId: ['u', ''] },
      { executionId: [UNKNOWN, 'x'] },
      { executionId: [] },
      { success: 'false' },
      { paid: 0 },
      { userId: '' },
      { userId: null },
    ]) {
      const list = rows(table).list({ ...base, ...bad })
      await expect(list, JSON.stringify(bad)).rejects.toMatchObject({ code: 'usage' })
    }
  })

  it('keeps its id: a patch cannot change it', async () => {
    const [id] = { executions: ['executionId'], steps: ['stepId'], audit: ['logId'] }[
      table as 'audit'
    ] ?? [table === 'metrics' ? 'metricId' : 'billingId']
    const patch = { [id as string]: UNKNOWN.replace('0', '1') }
    await expect(rows(table).update(key(table), patch)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('cannot be changed'),
    })
  })
})

it('steps are listed only with their run', async () => {
  await expect(store.steps.list({} as { executionId: string })).rejects.toMatchObject({
    code: 'usage',
    message: 'executionId is missing',
  })
})

it('an end before its start is refused before anything is sent, to the microsecond and across zones', async () => {
  for (const [startTime, endTime] of [
    ['2026-03-01T08:00:00Z', '2026-03-01T07:59:59Z'],
    ['2026-03-01T08:00:00.000002Z', '2026-03-01T08:00:00.000001Z'],
    ['2026-03-01T08:00:00Z', '2026-03-01T09:00:00+02:00'],
  ]) {
    const times = { startTime, endTime } as { startTime: string; endTime: string }
    const refused = { code: 'usage', message: expect.stringMatching(/^endTime .* is before start/) }
    await expect(store.executions.create({ ...RUN, ...times })).rejects.toMatchObject(refused)
    await expect(store.executions.update(UNKNOWN, times)).rejects.toMatchObject(refused)
    await expect(store.steps.create({ ...STEP, ...times })).rejects.toMatchObject(refused)
  }
  await expect(
    store.executions.create({ ...RUN, endTime: '2026-03-01T08:00:00Z' }),
  ).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('startTime') })
})

it('getStats of an invalid user is refused before anything is sent', async () => {
  for (const user of [null, 1, 'a\0'] as string[])
    await expect(store.getStats(user)).rejects.toMatchObject({ code: 'usage' })
})

describe('on a database', () => {
  let test: TestStore
  let real: Store
  beforeAll(async () => {
    test = await createTestStore('refusals')
    real = test.store
  })
  afterAll(() => test.close())

  it("an end before the row's start, or a start after its end, is refused with the same error and changes nothing", async () => {
    const times = { startTime: '2026-03-01T08:00:00.000001Z', endTime: '2026-03-01T09:00:00Z' }
    const run = await real.executions.create({ ...RUN, ...times })
    const step = await real.steps.create({ ...STEP, executionId: run.executionId, ...times })
    for (const [patch, message] of [
      [
        { endTime: '2026-03-01T08:00:00Z', userId: 'other', stepName: 'other' },
        'endTime 2026-03-01T08:00:00.000000Z is before startTime 2026-03-01T08:00:00.000001Z',
      ],
      [
        { startTime: '2026-03-01T10:00:00Z', userId: 'other', stepName: 'other' },
        'endTime 2026-03-01T09:00:00.000000Z is before startTime 2026-03-01T10:00:00.000000Z',
      ],
    ] as const) {
      const { stepName, ...ofRun } = patch
      const { userId, ...ofStep } = patch
      const refused = { code: 'usage', message }
      await expect(real.executions.update(run.executionId, ofRun)).rejects.toMatchObject(refused)
      await expect(real.steps.update(step.stepId, ofStep)).rejects.toMatchObject(refused)
    }
    expect(await real.executions.get(run.executionId)).toMatchObject(run)
    expect(await real.steps.get(step.stepId)).toEqual(step)
  })

  it('names that are the same text when they are sent are one filter: no row is read twice', async () => {
    const run = await real.executions.create({ ...RUN, userId: '\ufffd' })
    const { rows } = await real.executions.list({ userId: ['\ud800', '\ud801', '\ufffd'] })
    expect(rows.map(({ executionId }) => executionId)).toEqual([run.executionId])
  })

  it.each([5, 0, false, {}, '', 'x'])(
    'cursor %j is refused: it is not the first page',
    async (cursor) => {
      await expect(real.executions.list({ cursor: cursor as string })).rejects.toMatchObject({
        code: 'usage',
        message: 'the cursor is damaged',
      })
    },
  )

  it('an end at the start, a removed end and the end of a step without a start are accepted', async () => {
    const run = await real.executions.create({ ...RUN, startTime: '2026-03-01T08:00:00Z' })
    const { executionId } = run
    const end = { endTime: '2026-03-01T08:00:00Z' }
    expect(await real.executions.update(executionId, end)).toMatchObject({ durationMs: 0 })
    expect(await real.executions.update(executionId, { endTime: null })).toMatchObject({
      ...{ endTime: null, durationMs: null },
    })
    const step = await real.steps.create({ ...STEP, executionId })
    expect(await real.steps.update(step.stepId, end)).toMatchObject({ startTime: null })
  })

  it('any text is returned as given, except halves of surrogate pairs, which become U+FFFD', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), async (text) => {
        fc.pre(!text.includes('\0'))
        const made = await real.audit.create({ ...AUDIT, actionDetails: text, metadata: { text } })
        expect(made.actionDetails).toBe(wellFormed(text))
        expect(made.metadata).toEqual({ text: wellFormed(text) })
      }),
      { numRuns: 50 },
    )
  })

  it('any decimal is returned as the same amount', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^\d{1,30}(\.\d{1,30})?$/), async (cost) => {
        const { cost: stored } = await real.billing.create({ ...BILL, cost })
        expect(digits(stored)).toBe(digits(cost))
      }),
      { numRuns: 50 },
    )
  })
})

/** UTF-8 has no halves of surrogate pairs. */
const wellFormed = (text: string) => Buffer.from(text).toString()

const digits = (amount: string) =>
  (amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount).replace(/^0+(?=\d)/, '')
