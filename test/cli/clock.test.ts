import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { examine } from '../../src/queries/doctor/doctor.ts'
import { type CliOptions, runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { migrate } from '../support/migrate.ts'
import { createTemplate, type Template } from '../support/template.ts'

/** A run for each of these ages in days, by the clock of the server; and one that has been silent for 5 minutes. */
const AGES = [200, 100, 60, 45, 10]
const ROWS = `
  insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time)
    select 'aged ' || age, 'u', 'm', 'x', 'success', now() - age * interval '24 hours', now() - age * interval '24 hours'
    from unnest(array[${AGES}]) as age;
  insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, updated_at)
    values ('silent', 'u', 'm', 'x', 'running', now() - interval '5 minutes', now() - interval '5 minutes')`

const DAY_MS = 86_400_000

let template: Template
let database: TestDatabase
beforeAll(async () => {
  template = await createTemplate('cli_clock', async (database) => {
    await migrate(database)
    await database.sql(ROWS)
  })
})
beforeEach(async () => {
  database = await template.copy()
})
afterEach(() => database.drop())
afterAll(() => template.drop())

/** Runs a command whose clock is this number of days ahead of the server. */
const ahead = (days: number, line: string, options: CliOptions = {}) =>
  runCli([...line.split(' '), '--database-url', database.url], {
    localNow: new Date(Date.now() + days * DAY_MS),
    ...options,
  })

async function listed(days: number, line: string): Promise<string[]> {
  const { code, stdout } = await ahead(days, `${line} --json`)
  expect(code).toBe(0)
  return (JSON.parse(stdout) as { workflowName: string }[]).map(({ workflowName }) => workflowName)
}

const kept = async (): Promise<string[]> =>
  (await database.sql('select workflow_name from workflow_executions order by start_time')).map(
    ({ workflow_name }) => String(workflow_name),
  )

it.each([50, -50])(
  'cleanup --before 90d goes by the clock of the server if this machine is %i days ahead',
  async (days) => {
    const { code } = await ahead(days, 'cleanup --before 90d --yes')
    expect(code).toBe(0)
    expect(await kept()).toEqual(['aged 60', 'aged 45', 'aged 10', 'silent'])
  },
)

it.each([50, -50])(
  'a span means the same to a list and to a cleanup if this machine is %i days ahead',
  async (days) => {
    expect(await listed(days, 'executions list --until 90d')).toEqual(['aged 100', 'aged 200'])
    expect(await listed(days, 'executions list --since 50d --until 20d')).toEqual(['aged 45'])
    const { stdout } = await ahead(days, 'cleanup --before 90d --dry-run --json')
    expect(JSON.parse(stdout)).toMatchObject({ remove: { execution: 2 } })
  },
)

it('a cutoff in the future of the server is refused, although this machine is ahead', async () => {
  const tomorrow = new Date(Date.now() + DAY_MS).toISOString()
  const { code, stderr } = await ahead(50, `cleanup --before ${tomorrow} --yes`)
  expect(code).toBe(2)
  expect(stderr).toMatch(/^error: the cutoff .* is in the future; nothing was removed/)
  expect(await kept()).toHaveLength(6)
})

it('a cutoff in the past of the server is accepted, although this machine is behind', async () => {
  const before = new Date(Date.now() - 20 * DAY_MS).toISOString()
  expect((await ahead(-50, `cleanup --before ${before} --yes`)).code).toBe(0)
  expect(await kept()).toEqual(['aged 10', 'silent'])
})

it.each([50, -50])(
  'ages on a terminal are by the clock of the server if this machine is %i days ahead',
  async (days) => {
    const running = await ahead(days, 'executions running', { terminal: 120 })
    expect(running.stdout).toMatch(/ 5m \d+s /)
    const list = await ahead(days, 'executions list --status running', { terminal: 120 })
    expect(list.stdout).toMatch(/ 5m \d+s /)
  },
)

it.each([50, -50])(
  'reports end now by the clock of the server if this machine is %i days ahead',
  async (days) => {
    const today = () => new Date().toISOString().slice(0, 10)
    const before = today()
    const { stdout } = await ahead(days, 'stats --json')
    expect([before, today()]).toContain(JSON.parse(stdout).lastDay)
  },
)

it.each([
  [50, 'ahead of'],
  [-50, 'behind'],
])('doctor says by how much this machine is %i days ahead', async (days, where) => {
  const { code, stdout } = await ahead(days, 'doctor --json')
  expect(code).toBe(0)
  const clock = JSON.parse(stdout).find(({ check }: { check: string }) => check === 'clock')
  expect(clock.state).toBe('warning')
  expect(clock.finding).toMatch(
    new RegExp(
      `^the clock of this machine is (50d 00h|49d 23h) ${where} that of the server \\(limit: 2.0s\\)`,
    ),
  )
  expect(Math.round(clock.details.differenceMs / DAY_MS)).toBe(days)
})

it('doctor finds nothing to fix if the clocks differ by less than 2 seconds', async () => {
  const inspect = async (ms: number) => {
    const client = await database.connect()
    const findings = await examine(client, { now: () => Date.now() + ms })
    await client.end()
    return findings.find(({ check }) => check === 'clock')
  }
  expect(await inspect(0)).toMatchObject({ state: 'ok', fix: null })
  expect(await inspect(-1000)).toMatchObject({ state: 'ok', fix: null })
  expect(await inspect(60_000)).toMatchObject({ state: 'warning' })
})
