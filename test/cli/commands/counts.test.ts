import { afterAll, beforeAll, expect, it } from 'vitest'
import { fillDemo } from '../../../src/demo/fill.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { silence } from '../../support/runs.ts'

let store: TestDatabase

beforeAll(async () => {
  store = await createMigrated('counts')
  const client = await store.connect()
  await fillDemo(client, new Date())
  await client.end()
  // Of the three running runs of the demo one wrote last 15 minutes ago, another 2 hours ago.
  const running = await store.sql(
    `select execution_id as id from workflow_executions where status = 'running' order by execution_id`,
  )
  for (const [index, { id }] of running.entries())
    await silence(store, { executionId: String(id) }, [0, 0.25, 2][index] as number)
})
afterAll(() => store.drop())

const now = () => ({ now: new Date().toISOString() })
const read = async (line: string) => {
  const { stdout } = await runCli([...line.split(' '), '--database-url', store.url], now())
  return stdout
}
const json = async (line: string) => JSON.parse(await read(`${line} --json`))

/** A sample of the Prometheus text, without labels or with these. */
const sample = (text: string, name: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  )

it.each([
  ['', 2],
  ['--stuck-after 1h', 1],
  ['--stuck-after 3h', 0],
])(
  'executions running, stats, report, doctor and metrics agree on running and stuck runs (%s)',
  async (after, stuck) => {
    const ask = (line: string) => `${line} ${after}`.trim()
    const counted = await store.sql(
      `select count(*)::int as running from workflow_executions where status = 'running'`,
    )
    const running: { stuck: boolean }[] = await json(ask('executions running'))
    const stats = await json(ask('stats'))
    const { totals } = await json(ask('report --since 90d'))
    const checks: { check: string; details: { running: number; stuck: number } }[] = await json(
      ask('doctor'),
    )
    const details = (name: string) => checks.find(({ check }) => check === name)?.details
    const metrics = await read(ask('metrics -o prometheus'))
    expect({
      list: [running.length, running.filter((run) => run.stuck).length],
      filtered: (await json(ask('executions running --stuck'))).length,
      stats: [stats.runningExecutions, stats.stuckExecutions],
      report: [totals.runningExecutions, totals.stuckExecutions],
      doctor: [details('oldest-running')?.running, details('stuck')?.stuck],
      metrics: ['running', 'stuck'].map((name) => sample(metrics, `wfstore_executions_${name}`)),
    }).toEqual({
      list: [counted[0]?.running, stuck],
      filtered: stuck,
      stats: [counted[0]?.running, stuck],
      report: [counted[0]?.running, stuck],
      doctor: [counted[0]?.running, stuck],
      metrics: [counted[0]?.running, stuck],
    })
  },
)

it('errors, errors --group, stats, report and metrics agree on failed runs, before and after a cleanup', async () => {
  const [{ failed, partial } = {}] = await store.sql(
    `select count(*) filter (where status = 'failed')::int as failed,
            count(*) filter (where status = 'partial')::int as partial from workflow_executions`,
  )
  const check = async (removed: (runs: number) => boolean) => {
    const list: { status: string }[] = await json('errors --since 95d')
    const groups: { runs: number }[] = await json('errors --group --since 95d')
    const stats = await json('stats')
    const report = await json('report --since 95d')
    const metrics = await read('metrics -o prometheus')
    const total = (status: string) =>
      sample(metrics, `wfstore_executions_total{status="${status}"}`)
    expect([stats.failedExecutions, stats.partialExecutions]).toEqual([failed, partial])
    expect([report.totals.failedExecutions, report.totals.partialExecutions]).toEqual([
      failed,
      partial,
    ])
    expect([total('failed'), total('partial')]).toEqual([failed, partial])
    expect(groups.reduce((sum, group) => sum + group.runs, 0)).toBe(list.length)
    expect(report.errorRuns).toBe(list.length)
    expect(report.errorRuns + report.errorRunsRemoved).toBe(Number(failed) + Number(partial))
    expect(removed(report.errorRunsRemoved)).toBe(true)
  }
  await check((runs) => runs === 0)
  expect((await runCli(['cleanup', '--days', '30', '--database-url', store.url], now())).code).toBe(
    0,
  )
  await check((runs) => runs > 0)
})
