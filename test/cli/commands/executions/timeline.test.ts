import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { timelineOf } from '../../../../src/cli/output/timeline/timeline.ts'
import type { ExecutionWithSteps, Step } from '../../../../src/queries/executions/executions.ts'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createMigrated } from '../../../support/migrated.ts'

const RUN = '0a000001-0000-4000-8000-000000000001'
const MANY = '0a000002-0000-4000-8000-000000000002'
const BARE = '0a000003-0000-4000-8000-000000000003'
const STARTED = '2026-11-23T10:00:00Z'
const NOW = '2026-11-23T10:01:30Z'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('timeline')
  for (const [id, name, status, seconds, cost] of [
    [RUN, '客户跟进 👩‍💻', 'failed', 60, 1],
    [MANY, 'many steps', 'success', 3000, 10],
    [BARE, 'no steps', 'success', 60, 0],
  ]) {
    await database.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, created_at)
       values ($1, $2, 'user_7', 'Sales', 'gpt-4o', $3, $6::timestamptz, $6::timestamptz + $4 * interval '1 s', $5, $6)`,
      [id, name, status, seconds, cost, STARTED],
    )
  }
  await database.sql(
    `insert into workflow_steps (execution_id, step_number, step_name, status, start_time, end_time, duration_ms, cost, retry_count)
     select $1, n, name, status, $2::timestamptz + a * interval '1 s', $2::timestamptz + b * interval '1 s', (b - a) * 1000, cost, retries
     from (values (1, '客户跟进', 'success', 0, 5, 0.1, 0), (2, 'in parallel 👩‍💻', 'success', 5, 20, 0.2, 2),
       (3, 'fails', 'failed', 6, 12, 0.3, 1), (4, 'after a wait', 'success', 35, 45, 0.2, 0),
       (5, 'clock goes back', 'success', 50, 47, 0.1, 0), (6, 'begins early', 'success', -4, 2, 0.05, 0),
       (7, 'ends late', 'success', 55, 70, 0.05, 0), (8, 'no times', 'success', null, null, 0, 0),
       (9, 'to come', 'pending', null, null, 0, 0)) as step (n, name, status, a, b, cost, retries)`,
    [RUN, STARTED],
  )
  await database.sql(
    `insert into workflow_steps (execution_id, step_number, step_name, status, start_time, end_time, duration_ms, cost)
     select $1, n, 'step ' || n, case when n in (100, 300) then 'failed' else 'success' end,
       $2::timestamptz + n * interval '6 s', $2::timestamptz + (n * 6 + n * 7919 % 60 * 0.1) * interval '1 s', n * 7919 % 60 * 100, n * 104729 % 101 * 0.0004
     from generate_series(0, 499) n`,
    [MANY, STARTED],
  )
})
afterAll(() => database.drop())

const show = async (id: string, terminal: number | undefined, env = {}, argv: string[] = []) => {
  const { code, stdout } = await runCli(
    ['executions', 'show', id, '--database-url', database.url, '--color', 'never', ...argv],
    { ...(terminal ? { terminal } : {}), now: NOW, env },
  )
  expect(code).toBe(0)
  return stdout
}
const timeline = (stdout: string) => `Timeline${stdout.split('\nTimeline')[1]}`

describe('executions show draws the steps of a run over its time', () => {
  it.each([
    ['timeline-60.txt', RUN, 60, {}],
    ['timeline-80.txt', RUN, 80, {}],
    ['timeline-200.txt', RUN, 200, {}],
    ['timeline-ascii.txt', RUN, 80, { LANG: 'C' }],
    ['timeline-many.txt', MANY, 100, {}],
  ])('%s', async (name, id, width, env) => {
    expectGolden(`executions/${name}`, timeline(await show(id, width, env)))
  })

  it('is below the table of all steps', async () => {
    const [above] = (await show(MANY, 100)).split('\nTimeline')
    expect(above?.match(/^ *\d+ {2}step \d+/gm)).toHaveLength(500)
  })

  it('is left out for a run without steps', async () => {
    expect(await show(BARE, 80)).toMatch(/\nSteps\nnone\n$/)
  })

  it('is drawn on a terminal, and elsewhere only with --columns', async () => {
    for (const argv of [[], ['--json'], ['-o', 'csv']])
      expect(await show(RUN, undefined, {}, argv)).not.toMatch(/timeline|waiting/i)
    const asked = await show(RUN, undefined, {}, ['--json', '--columns', 'timeline'])
    expect(JSON.parse(asked).timeline[1]).toMatchObject({
      label: '2',
      startMs: 5000,
      endMs: 20_000,
      durationMs: 15_000,
      costShare: 0.2,
      note: 'retried 2x',
    })
  })
})

describe('the position of a step', () => {
  const at = (seconds: number) => new Date(Date.parse(STARTED) + seconds * 1000).toISOString()
  const step = (some: Partial<Step>): Step =>
    ({ stepNumber: 1, stepName: 's', status: 'success', cost: '0', retryCount: 0, ...some }) as Step
  const rowsOf = (run: Partial<ExecutionWithSteps>, ...steps: Partial<Step>[]) =>
    timelineOf(
      {
        status: 'success',
        startTime: at(0),
        endTime: at(60),
        totalCost: '0',
        ...run,
        steps: steps.map((some) =>
          step({ startTime: null, endTime: null, durationMs: null, ...some }),
        ),
      } as ExecutionWithSteps,
      new Date(NOW),
    )
  const running = { status: 'running', endTime: null } as const

  it('a running step ends now', () => {
    const { rows, summary } = rowsOf(running, { status: 'running', startTime: at(30) })
    expect(rows.at(-1)).toMatchObject({
      startMs: 30_000,
      endMs: 90_000,
      open: true,
      note: 'running',
    })
    expect(summary[0]).toBe('1m 30s so far: 1m 00s in steps (66.7%), 30.0s between steps')
  })

  it('a step that starts in the future by another clock is only a mark', () => {
    const { rows } = rowsOf(running, { status: 'running', startTime: at(200) })
    expect(rows.find(({ label }) => label === '1')).toMatchObject({
      startMs: 200_000,
      endMs: 200_000,
    })
  })

  it('an unfinished step of a finished run ends with the run, and is marked as unfinished', () => {
    const { rows } = rowsOf({}, { status: 'running', startTime: at(30) })
    expect(rows.at(-1)).toMatchObject({ endMs: 60_000, open: true, note: 'running, unfinished' })
  })

  it('a missing start or end is computed from the duration', () => {
    const { rows } = rowsOf(
      {},
      { startTime: at(0), durationMs: 30_000 },
      { endTime: at(60), durationMs: 30_000 },
    )
    expect(rows).toMatchObject([
      { startMs: 0, endMs: 30_000 },
      { startMs: 30_000, endMs: 60_000 },
    ])
  })

  it('a run without a duration is as long as its steps', () => {
    const { rows } = rowsOf({ endTime: at(0) }, { startTime: at(2), endTime: at(10) })
    expect(rows.at(-1)).toMatchObject({ startMs: 2000, endMs: 10_000, spanMs: 10_000, note: '' })
  })

  it('a run of one instant, and invalid times, do not fail', () => {
    for (const [run, one] of [
      [{ endTime: at(0) }, { startTime: at(0), endTime: at(0) }],
      [
        { startTime: 'infinity', endTime: 'infinity' },
        { startTime: '-infinity', endTime: at(0) },
      ],
    ] as const) {
      const { rows, summary } = rowsOf(run, one)
      expect(rows).toHaveLength(1)
      expect(summary.join()).not.toMatch(/NaN|Infinity/)
    }
  })

  it('the time of overlapping steps is not a wait, and is counted once', () => {
    const { rows, summary } = rowsOf(
      {},
      { startTime: at(0), endTime: at(40) },
      { startTime: at(10), endTime: at(20) },
      { startTime: at(10), endTime: at(50) },
    )
    expect(rows.map(({ name }) => name)).toEqual(['s', 's', 's', 'waiting'])
    expect(summary[0]).toBe(
      '1m 00s in total: 50.0s in steps (83.3%), up to 3 steps at once, 10.0s between steps',
    )
  })
})
