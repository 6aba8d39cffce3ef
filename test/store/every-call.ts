import type { ExecutionRecorder, Store } from '../../src/index.ts'

/** What the calls are about: rows that exist, and the folder of this test. */
export interface Given {
  store: Store
  executionId: string
  stepId: string
  logId: string
  billingId: string
  metricId: string
  run: ExecutionRecorder
  folder: string
}

/** A call of the library: its function and valid arguments. */
export type Call = [fn: (...args: never[]) => unknown, ...args: unknown[]]

const RUN = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
const SCOPE = { period: '2026-01' }
const tokens = { input: 1, output: 2 }
const closing = { reason: 'r', closedBy: { osUser: 'maria' }, dryRun: true }
const page = { limit: 1 }
const lines = async function* () {
  yield ''
}

/** Every function of a store, a run, a step, a batch and a follower, in an order in which all succeed. */
export async function everyCall(given: Given): Promise<Record<string, Call>> {
  const { store, executionId, stepId, logId, billingId, metricId, run, folder } = given
  const { executions, steps, audit, metrics, billing, errors, cleanups } = store
  const step = await run.startStep({ stepNumber: 7, stepName: 's' })
  const batch = store.batch()
  const follow = audit.follow()
  const key = { executionId, stepId }
  const archives = `${folder}/archives`
  const bill = { userId: 'u', modelId: 'x', billingPeriod: '2026-01', metadata: { a: 1 } }
  return {
    'executions.create': [executions.create, { ...RUN, metadata: { a: 1 } }],
    'executions.get': [executions.get, executionId],
    'executions.list': [executions.list, { userId: 'u', status: ['running'], ...page }],
    'executions.tree': [executions.tree, executionId, { limit: 10 }],
    'executions.running': [executions.running, { userId: 'u', ...page }],
    'executions.findIds': [executions.findIds, [executionId], { removed: true }],
    'executions.update': [executions.update, executionId, { errorMessage: null }],
    'executions.cancel': [executions.cancel, [executionId], closing],
    'executions.failStuck': [executions.failStuck, { olderThanMs: 60_000, ...closing }],
    'steps.create': [steps.create, { executionId, stepNumber: 8, stepName: 's' }],
    'steps.get': [steps.get, key],
    'steps.list': [steps.list, { executionId, ...page }],
    'steps.update': [steps.update, key, { errorMessage: null }],
    'steps.delete': [steps.delete, key],
    'audit.create': [audit.create, { userId: 'u', actionType: 'a', actionDetails: 'd' }],
    'audit.get': [audit.get, logId],
    'audit.find': [audit.find, logId],
    'audit.list': [audit.list, { userId: 'u', ...page }],
    'audit.update': [audit.update, logId, { toolName: 't' }],
    'audit.delete': [audit.delete, logId],
    'audit.follow': [audit.follow, { userId: 'u' }],
    'metrics.create': [metrics.create, { userId: 'u', metricType: 't', metricValue: 1 }],
    'metrics.get': [metrics.get, metricId],
    'metrics.list': [metrics.list, { userId: 'u', ...page }],
    'metrics.update': [metrics.update, metricId, { metricValue: 2 }],
    'metrics.delete': [metrics.delete, metricId],
    'metrics.rollup': [metrics.rollup, { period: 'day' }],
    'metrics.current': [metrics.current, { period: 'day', userId: 'u' }],
    'billing.create': [billing.create, bill],
    'billing.get': [billing.get, billingId],
    'billing.list': [billing.list, { userId: 'u', ...page }],
    'billing.update': [billing.update, billingId, { paid: false }],
    'billing.correct': [billing.correct, { billingId, cost: 1, reason: 'r', dryRun: true }],
    'billing.delete': [billing.delete, billingId],
    'billing.period': [billing.period, '2026-01'],
    'billing.periods': [billing.periods],
    'billing.summary': [billing.summary, { ...SCOPE, by: 'model' }],
    'billing.lines': [billing.lines, { userId: 'u', ...page }],
    'billing.reconcile': [billing.reconcile, SCOPE],
    'billing.differences': [billing.differences, SCOPE],
    'billing.pay': [billing.pay, { ...SCOPE, paymentId: 'p', dryRun: true }],
    'billing.closePeriod': [billing.closePeriod, { ...SCOPE, allowEmpty: true, dryRun: true }],
    'billing.zone': [billing.zone],
    'settings.get': [store.settings.get],
    'settings.set': [store.settings.set, { costTags: ['team'] }],
    'billing.setZone': [billing.setZone, 'UTC'],
    'billing.focus': [billing.focus, { ...SCOPE, provider: 'p' }],
    'prices.list': [store.prices.list, { model: 'm' }],
    'prices.set': [store.prices.set, { model: 'm', input: '1' }],
    'prices.import': [store.prices.import, [{ model: 'm', input: '1' }], { author: 'a' }],
    'prices.apply': [store.prices.apply, { since: '2026-01-01T00:00:00Z', dryRun: true }],
    'prices.recalculate': [
      store.prices.recalculate,
      { since: '2026-01-01T00:00:00Z', reason: 'r', dryRun: true },
    ],
    'prices.check': [store.prices.check, { since: '2026-01-01T00:00:00Z' }],
    'prices.simulate': [
      store.prices.simulate,
      { models: { m: 'n' }, since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' },
    ],
    getStats: [store.getStats, 'u'],
    'errors.list': [errors.list, { userId: 'u', ...page }],
    'errors.groups': [errors.groups, { userId: 'u', ...page }],
    tools: [store.tools, { userId: 'u' }],
    cost: [store.cost, { by: 'user', timeZone: 'UTC' }],
    stats: [store.stats, { userId: 'u', timeZone: 'UTC' }],
    startExecution: [store.startExecution, { ...RUN, metadata: { a: 1 } }],
    run: [store.run, RUN, () => {}],
    batch: [store.batch, { maxRows: 5 }],
    ingest: [
      store.ingest,
      Buffer.from('{"resourceSpans":[]}'),
      { encoding: 'json', content: { limit: 9 } },
    ],
    'traces.settle': [store.traces.settle, { quietMs: 0 }],
    'traces.check': [store.traces.check, { userId: 'u', ...page }],
    export: [store.export, { userId: 'u' }],
    import: [store.import, lines(), { skipInvalid: true }],
    'cleanups.list': [cleanups.list, page],
    'cleanups.count': [cleanups.count, { days: 90 }],
    cleanup: [store.cleanup, { days: 90, keepLast: 1 }],
    restore: [store.restore, archives, { dryRun: true }],
    'run.heartbeat': [run.heartbeat],
    'run.decision': [run.decision, { details: 'd' }],
    'run.toolCall': [run.toolCall, { toolName: 't', metadata: { a: 1 } }],
    'run.startStep': [run.startStep, { stepNumber: 9, stepName: 's' }],
    'run.step': [run.step, { stepNumber: 10, stepName: 's' }, () => {}],
    'step.toolCall': [step.toolCall, { toolName: 't' }],
    'step.decision': [step.decision, { details: 'd' }],
    'step.retry': [step.retry, { cost: 1, tokens }],
    'step.finish': [step.finish, { status: 'success', cost: 1, tokens }],
    'batch.audit': [batch.audit, { executionId, action: 'a', metadata: { a: 1 } }],
    'batch.step': [
      batch.step,
      { executionId, stepNumber: 11, stepName: 's', status: 'success', tokens },
    ],
    'batch.flush': [batch.flush],
    'batch.close': [batch.close],
    'follow.start': [follow.start, 1],
    'follow.poll': [follow.poll],
    'follow.isBlind': [follow.isBlind],
    'run.finish': [run.finish, { status: 'success' }],
    'run.cancel': [(await store.startExecution(RUN)).cancel, 'r'],
    'executions.delete': [executions.delete, executionId],
    close: [store.close],
  }
}

/** All functions of what an application gets, by the names of `everyCall`. */
export async function everyFunction({ store, run }: Given): Promise<string[]> {
  const step = await run.startStep({ stepNumber: 1, stepName: 's' })
  const walk = (prefix: string, value: object): string[] =>
    Object.entries(value).flatMap(([name, inner]) =>
      typeof inner === 'function'
        ? [prefix + name]
        : typeof inner === 'object' && inner !== null
          ? walk(`${prefix}${name}.`, inner)
          : [],
    )
  return [
    ...walk('', store),
    ...walk('run.', run),
    ...walk('step.', step),
    ...walk('batch.', store.batch()),
    ...walk('follow.', store.audit.follow()),
  ]
}

/** Rows for the calls. */
export async function prepare(store: Store, folder: string): Promise<Given> {
  const { executionId } = await store.executions.create(RUN)
  const { stepId } = await store.steps.create({ executionId, stepNumber: 1, stepName: 's' })
  const entry = { executionId, userId: 'u', actionType: 'a', actionDetails: 'd' }
  const { logId } = await store.audit.create(entry)
  const bill = { userId: 'u', modelId: 'x', billingPeriod: '2026-02', executionId }
  const { billingId } = await store.billing.create(bill)
  const metric = { userId: 'u', metricType: 't', metricValue: 1 }
  const { metricId } = await store.metrics.create(metric)
  const run = await store.startExecution(RUN)
  return { store, executionId, stepId, logId, billingId, metricId, run, folder }
}

/** Waits for the result of a call, and reads what it yields. */
export async function settle(result: unknown): Promise<void> {
  const value = await result
  if (typeof value === 'object' && value !== null && Symbol.asyncIterator in value)
    for await (const _ of value as AsyncIterable<unknown>);
}
