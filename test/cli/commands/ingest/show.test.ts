// What the commands that list runs show of traced ones.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import { collectorLines } from '../../../support/collector.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
let folder: string
const cli = (argv: string[], terminal?: number) =>
  runCli([...argv, '--database-url', database.url], {
    cwd: folder,
    env: { NO_COLOR: '1' },
    ...(terminal === undefined ? {} : { terminal }),
  })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-traced-'))
  database = await createMigrated('ingest_show')
  await cli(['prices', 'import'])
  for (const [capture, quiet] of [
    ['ai7-sub', '0s'],
    ['openinference-stream', '0s'],
    ['ai5-retry', '1h'],
  ] as const) {
    writeFileSync(join(folder, 'traces.jsonl'), collectorLines(capture))
    await cli(['ingest', 'traces.jsonl', '--quiet', quiet])
  }
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database.drop()
})

/** The steps of the run of a workflow, as a terminal of 120 columns shows them. */
async function stepsOf(workflow: string): Promise<string> {
  const list = ['executions', 'list', '--workflow', workflow, '--status', 'success', '-o', 'name']
  const [id = ''] = (await cli(list)).stdout.split('\n')
  const { stdout } = await cli(['executions', 'show', id], 120)
  return /\nSteps\n[\s\S]*?\n\n/.exec(stdout)?.[0] ?? stdout
}

it('a run of several agents shows the agent of each step', async () => {
  expectGolden('ingest/show-agents.txt', await stepsOf('writer'))
})

it('tokens that were not reported, and their cost, are - and not 0', async () => {
  expectGolden('ingest/show-no-usage.txt', await stepsOf('weather-agent'))
})

it('a run that waits for more spans is running, with the steps and the cost so far', async () => {
  const columns = 'workflowName,status,totalTokens,totalCost,stepsCompleted,stepsFailed,endTime'
  const argv = ['executions', 'running', '--columns', columns, '-o', 'csv', '--no-headers']
  expect((await cli(argv)).stdout).toBe('weather-agent,running,1002,0.00288875,3,1,\r\n')
})

it('its bill comes with its end', async () => {
  const bills = () => database.sql(`select cost::text from billing_records order by cost`)
  expect((await bills()).length).toBe(2)
  await cli(['ingest', 'traces.jsonl'])
  expect(await bills()).toContainEqual({ cost: expect.stringMatching(/^0\.00288875/) })
})
