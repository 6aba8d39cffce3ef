import type pg from 'pg'
import { billingOf } from '../../src/queries/billing/billing.ts'
import { costBy, DIMENSIONS, type Dimension } from '../../src/queries/usage/cost.ts'
import { reportStats } from '../../src/queries/usage/report-stats.ts'
import { costSeries } from '../../src/queries/usage/series.ts'
import { getStats } from '../../src/queries/usage/stats.ts'
import { runOn } from '../queries/usage/support.ts'

export interface Asked {
  users: readonly string[]
  zones: readonly string[]
  periods: readonly string[]
  /** Bounds that cut no quarter of an hour. */
  bounds: { since: string; until: string }
}

/** Removed runs have no session any more. The report names their number, which is no total. */
const KEPT_ONLY = { historyUnknown: [] }

const NOW = new Date('2025-01-01T00:00:00Z')

/** Every total that the product tells, whole, with the digits as they come. What is over kept runs alone is left out. */
export async function totalsOf(client: pg.Client, { users, zones, periods, bounds }: Asked) {
  const run = runOn(client)
  const billing = billingOf(run, run)
  const totals: Record<string, unknown> = { 'all users': await getStats(run) }
  for (const user of users) totals[`stats of ${user}`] = await getStats(run, user)
  for (const userId of [undefined, ...users]) {
    const { p50ExecutionTime, p95ExecutionTime, p99ExecutionTime, percentilesOver, ...report } =
      await reportStats(run, { userId, now: NOW, ...bounds })
    totals[`report of ${userId}`] = report
  }
  for (const dimension of DIMENSIONS)
    totals[dimension] = { ...(await costBy(run, { by: dimension, ...bounds })), ...KEPT_ONLY }
  for (const timeZone of zones) {
    for (const part of ['day', 'week', 'month'] as const)
      totals[`${part} in ${timeZone}`] = await costBy(run, { by: part, timeZone })
    const by: Dimension[] = ['day', 'user', 'workflow', 'mode', 'model', 'status']
    totals[`all in ${timeZone}`] = await costBy(run, { by, timeZone })
    totals[`series in ${timeZone}`] = await costSeries(run, { part: 'day', by: 'status', timeZone })
  }
  for (const period of periods) {
    totals[`bills of ${period}`] = [
      await billing.period(period),
      await billing.summary({ period }),
      await billing.summary({ period, by: 'day' }),
    ]
  }
  totals.periods = await billing.periods()
  for (const view of ['user_workflow_summary', 'daily_cost_summary'])
    totals[view] = (await client.query(`select v::text from ${view} v order by 1`)).rows
  return totals
}
