import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
const wfstore = (...argv: string[]) => runCli([...argv, '--database-url', database.url])

/** A run of the team sales that costs $1, and a removed run that costs $2, of which no tag is known. */
beforeAll(async () => {
  database = await createMigrated('cost_tags')
  await database.sql(`
    insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, tags)
      values ('w', 'u', 'm', 'x', 'success', '2026-11-20T10:00:00Z', '2026-11-20T10:00:01Z', 1, '{"team": "sales"}');
    insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
      steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
      values ('2026-11-19T10:00:00Z', 'u', 'w', 'm', 'x', 'success', 1, 2, 0, 0, 0, 0, 1, 1000, '2026-11-19T10:00:00Z')`)
})
afterAll(() => database.drop())

const KEEP = 'later cleanups keep it if it is one of the tags of `wfstore settings set cost-tags`\n'
const INCLUDED = `1 removed run has no tag team in the history: the row without the tag includes them; ${KEEP}`
const LEFT_OUT = `1 removed run has no tag team in the history and is not included; ${KEEP}`

it('cost by tag has a column of its name, and says what the history does not know', async () => {
  expect(
    await wfstore('cost', '--by', 'tag:team', '--columns', 'tag:team,cost', '-o', 'csv'),
  ).toEqual({
    code: 0,
    stdout: 'tag:team,cost\r\n,2\r\nsales,1\r\n',
    stderr: INCLUDED,
  })
  const { stdout } = await wfstore('cost', '--by', 'tag:team,user', '--json')
  expect(JSON.parse(stdout)).toMatchObject([
    { 'tag:team': null, userId: 'u', cost: 2 },
    { 'tag:team': 'sales', userId: 'u', cost: 1 },
  ])
})

it('a filter by tag says what it leaves out, in cost, stats and the report', async () => {
  const cost = await wfstore(
    'cost',
    '--by',
    'mode',
    '--tag',
    'team=sales',
    '--columns',
    'cost',
    '-o',
    'tsv',
  )
  expect(cost).toEqual({ code: 0, stdout: 'cost\n1\n', stderr: LEFT_OUT })
  const stats = await wfstore('stats', '--tag', 'team=sales', '--json')
  expect([stats.code, stats.stderr]).toEqual([0, LEFT_OUT])
  expect(JSON.parse(stats.stdout)).toMatchObject({
    totalCost: 1,
    historyUnknown: [{ dimension: 'tag:team', runs: 1 }],
  })
  const page = await wfstore('report', '--since', '2026-11-01', '--tag', 'team=sales')
  expect([page.code, page.stderr]).toEqual([0, LEFT_OUT])
  expect(page.stdout).toContain('1 removed run has no tag team in the history and is not included')
  expect(page.stdout).toMatch(/<li>tag .*team.* .*sales.*<\/li>/)
})

it('an export takes the filter, and has only the runs with the tag', async () => {
  const runs = async (value: string) => {
    const { code, stdout } = await wfstore('export', '--tag', `team=${value}`)
    return [code, stdout.split('\n').filter((line) => line.startsWith('{"execution"')).length]
  }
  expect([await runs('sales'), await runs('ops'), await runs('ops,sales')]).toEqual([
    [0, 1],
    [0, 0],
    [0, 1],
  ])
})
