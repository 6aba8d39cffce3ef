import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { type Bound, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { timeBounds } from '../table/filter.ts'
import { jsonOf, optionalText, requiredText } from '../table/validate.ts'
import {
  applyPlan,
  applyTo,
  leftOutOfRecalculation,
  pricedPage,
  recalculate,
  recalculationPlan,
  unpricedPage,
} from './apply-statements.ts'

export interface PriceApplication {
  /** Steps that ended at this instant or later. */
  since: Date | string
  /** Steps that ended before this instant. */
  until?: Date | string | undefined
  /** Change nothing. */
  dryRun?: boolean | undefined
  /** Called before anything changes; throw to stop. */
  confirm?: ((plan: ApplicationPlan) => Promise<void>) | undefined
  /** Called after each transaction with the number of steps so far. */
  progress?: ((steps: number) => void) | undefined
}

export interface Recalculation extends Omit<PriceApplication, 'confirm' | 'progress'> {
  /** Goes into the metadata of each correction. */
  reason: string
  /** The person who recalculates; goes into the metadata too. */
  by?: string | undefined
  /** Called before anything changes; throw to stop. */
  confirm?: ((plan: RecalculationPlan) => Promise<void>) | undefined
  /** Called after each transaction with the number of corrections so far. */
  progress?: ((corrections: number) => void) | undefined
}

const OPTIONS: Names<PriceApplication> = {
  since: true,
  until: true,
  dryRun: true,
  confirm: true,
  progress: true,
}
const RECALCULATION_OPTIONS: Names<Recalculation> = { ...OPTIONS, reason: true, by: true }

/** US dollars as exact decimals. */
const applicationShape = {
  provider: d.nullable(d.text('r.provider')),
  modelId: d.nullable(d.text('r.model_id')),
  /** Steps that get a price. A step of which only an attempt gets one is in both counts. */
  steps: d.count(),
  /** Steps that still have no price. */
  stepsLeft: d.count(),
  cost: d.amount(),
}
/** The steps without a price of a model. */
export type ModelApplication = d.RowOf<typeof applicationShape>

export interface ApplicationPlan {
  models: ModelApplication[]
  total: Pick<ModelApplication, 'steps' | 'stepsLeft' | 'cost'>
}

const doneShape = {
  steps: d.count(),
  cost: d.amount(),
  bills: d.count(),
  corrections: d.count(),
  stale: d.count(),
}

export interface ApplicationResult {
  /** applied: steps have got a price. nothing: no step can be priced. planned: a dry run. */
  outcome: 'applied' | 'nothing' | 'planned'
  plan: ApplicationPlan
  /** Number of steps that got a price. */
  steps: number
  /** Number of open bills that got the cost. */
  bills: number
  /** Number of corrections of paid bills and of bills of closed months. */
  corrections: number
}

const recalculationShape = {
  provider: d.nullable(d.text('r.provider')),
  modelId: d.nullable(d.text('r.model_id')),
  /** Number of runs with a correction. */
  runs: d.count(),
  /** The priced cost of these runs, with earlier corrections. */
  costBefore: d.amount(),
  costAfter: d.amount(),
  difference: d.amount('trim_scale(r.cost_after - r.cost_before)'),
}
/** What a recalculation changes for a model, in US dollars. */
export type ModelRecalculation = d.RowOf<typeof recalculationShape>

export interface RecalculationPlan {
  models: ModelRecalculation[]
  /** Number of runs that are left out, because a person has corrected their bill. */
  correctedByHand: number
  total: Omit<ModelRecalculation, 'provider' | 'modelId'>
}

export interface RecalculationResult {
  outcome: 'corrected' | 'nothing' | 'planned'
  plan: RecalculationPlan
  corrections: number
}

const isTotal = { isTotal: d.boolean() }
const PAGE = 200
/** A month that another session closes, or a bill that it pays, between our snapshot and our lock. */
const TRIES = 5

const bounds = ({ since, until }: { since: Date | string; until?: Date | string | undefined }) => {
  const limits = timeBounds({ since, until })
  if (limits.since === undefined) throw new WfstoreError('usage', 'since is missing')
  return [limits.since.at, limits.until?.at ?? null] as const
}

/**
 * Prices steps that have no price yet, by the prices of their time. Each transaction prices the steps of a few runs with their totals
 * and bills; a bill that is paid or of a closed month gets a correction. It can be stopped and repeated at any time.
 * @throws WfstoreError usage, permission_denied
 */
export async function applyPrices(
  read: Run,
  write: Run,
  options: PriceApplication,
): Promise<ApplicationResult> {
  checkNames('prices.apply', options, OPTIONS)
  const [since, until] = bounds(options)
  const rows = await read(
    sql`select ${raw(d.selectList({ ...applicationShape, ...isTotal }, 'r'))} from (${applyPlan(since, until)}) as r order by r.is_total, r.model_id collate "C", r.provider collate "C"`,
    { ...applicationShape, ...isTotal },
  )
  const models = rows.filter((row) => !row.isTotal).map(({ isTotal: _, ...row }) => row)
  const { steps, stepsLeft, cost } = rows.find((row) => row.isTotal) as ModelApplication
  const plan = { models, total: { steps, stepsLeft, cost } }
  const none = { plan, steps: 0, bills: 0, corrections: 0 }
  if (steps === 0) return { outcome: 'nothing', ...none }
  if (options.dryRun) return { outcome: 'planned', ...none }
  await options.confirm?.(plan)
  const done = { steps: 0, bills: 0, corrections: 0 }
  const pageShape = { at: d.text(), executionId: d.uuid(), stepId: d.uuid() }
  let after = raw('true')
  for (;;) {
    const page = await read(unpricedPage(since, until, after, PAGE), pageShape)
    const last = page.at(-1)
    if (!last) break
    after = sql`(s.end_time, s.execution_id, s.step_id) > (${`${last.at}Z`}::timestamptz, ${last.executionId}::uuid, ${last.stepId}::uuid)`
    const ids = [...new Set(page.map(({ executionId }) => executionId))]
    // A run that another session changes meanwhile is stale. The next snapshot shows its bill.
    for (let stale = 1; stale > 0; ) {
      const statement = ofRuns(ids, (some) => applyTo(some, since, until))
      const counts = await retried(() => send(write, statement, doneShape))
      done.steps += sum(counts, 'steps')
      done.bills += sum(counts, 'bills')
      done.corrections += sum(counts, 'corrections')
      stale = sum(counts, 'stale')
    }
    options.progress?.(done.steps)
  }
  return { outcome: 'applied', plan, ...done }
}

/**
 * Compares what was priced with the prices of its time as the price book has them now, and writes a correction for each run with a bill
 * that differs. What was priced does not change. A repeat writes nothing.
 * @throws WfstoreError usage, permission_denied
 */
export async function recalculatePrices(
  read: Run,
  write: Run,
  options: Recalculation,
): Promise<RecalculationResult> {
  checkNames('prices.recalculate', options, RECALCULATION_OPTIONS)
  const [since, until] = bounds(options)
  const reason = requiredText('reason', options.reason)
  const by = optionalText('by', options.by) ?? undefined
  const metadata = jsonOf('metadata', { reason, by, recalculated: true }) as string
  const shape = { ...recalculationShape, ...isTotal }
  const rows = await read(
    sql`select ${raw(d.selectList(shape, 'r'))} from (${recalculationPlan(since, until)}) as r order by r.is_total, r.model_id collate "C", r.provider collate "C"`,
    shape,
  )
  const models = rows
    .filter((row) => !row.isTotal && row.difference !== '0')
    .map(({ isTotal: _, ...row }) => row)
  const { runs, costBefore, costAfter, difference } = rows.find(
    (row) => row.isTotal,
  ) as ModelRecalculation
  const [left] = await read(leftOutOfRecalculation(since, until), { runs: d.count() })
  const total = { runs, costBefore, costAfter, difference }
  const plan = { models, correctedByHand: left?.runs ?? 0, total }
  if (runs === 0) return { outcome: 'nothing', plan, corrections: 0 }
  if (options.dryRun) return { outcome: 'planned', plan, corrections: 0 }
  await options.confirm?.(plan)
  let corrections = 0
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const page = await read(pricedPage(since, until, after, PAGE), { executionId: d.uuid() })
    const last = page.at(-1)
    if (!last) break
    after = last.executionId
    const ids = page.map(({ executionId }) => executionId)
    const statement = ofRuns(ids, (some) => recalculate(some, since, until, metadata))
    const counts = await retried(() => send(write, statement, { corrections: d.count() }))
    corrections += sum(counts, 'corrections')
    options.progress?.(corrections)
  }
  return { outcome: 'corrected', plan, corrections }
}

/** In a distributed store it runs once for each shard. */
function ofRuns(ids: readonly string[], of: (ids: readonly string[]) => Sql): Bound {
  const { text, values } = of(ids)
  return { text, values, runs: { ids, of } }
}

const sum = <Name extends string>(rows: readonly Record<Name, number>[], name: Name): number =>
  rows.reduce((total, row) => total + row[name], 0)

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await work()
    } catch (error) {
      const closed = error instanceof WfstoreError && error.sqlState === 'WF001'
      if (!closed || tried === TRIES) throw error
    }
  }
}
