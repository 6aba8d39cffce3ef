import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createAdopted } from '../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createAdopted('aliases')
})
afterAll(() => database.drop())

const said = (line: string, options = {}) =>
  runCli([...line.split(' '), '--database-url', database.url], options)

it.each([
  ['runs list --limit 3', 'executions list --limit 3'],
  ['run ls --limit 3', 'executions list --limit 3'],
  ['execution --limit 3', 'executions list --limit 3'],
  ['executions --status failed --limit 3', 'executions list --status failed --limit 3'],
  ['runs --json --limit 3', 'executions list --json --limit 3'],
  ['run get latest', 'executions show latest'],
  ['runs describe latest --json', 'executions show latest --json'],
  ['audit list --user user_4 --limit 3', 'audit --user user_4 --limit 3'],
  ['audit ls --limit 3 -o csv', 'audit --limit 3 -o csv'],
  ['errors list --limit 3', 'errors --limit 3'],
  ['error ls --group --since 90d', 'errors --group --since 90d'],
  ['tools list --since 90d', 'tools --since 90d'],
  ['metric ls --limit 3', 'metrics list --limit 3'],
  ['bill --period 2026-09', 'billing --period 2026-09'],
  ['bills ls --period 2026-09 --limit 3', 'billing records --period 2026-09 --limit 3'],
  ['costs --by mode', 'cost --by mode'],
])('%s is %s', async (alias, line) => {
  const plain = await said(line)
  expect(plain.code).toBe(0)
  expect(await said(alias)).toEqual(plain)
})

it.each([
  ['runs --help', 'executions --help'],
  ['runs ls --help', 'executions list --help'],
  ['audit list --help', 'audit --help'],
  ['errors ls --help', 'errors --help'],
  ['help runs get', 'help executions show'],
  ['help tools list', 'help tools'],
  ['help', '--help'],
  ['help runs', 'executions --help'],
])('the page of %s is that of %s', async (alias, line) => {
  const page = await runCli(line.split(' '))
  expect(page).toMatchObject({ code: 0, stderr: '' })
  expect(await runCli(alias.split(' '))).toEqual(page)
})

it('without a command wfstore prints the same overview on stderr, as wrong usage', async () => {
  const { stdout } = await runCli(['help'])
  expect(await runCli([])).toEqual({ code: 2, stdout: '', stderr: stdout })
  expect(stdout).toContain('Also: run, runs = executions;')
})

it('help lists no alias, and no command twice', async () => {
  for (const group of ['', 'executions', 'audit', 'errors', 'tools', 'billing']) {
    const { stdout } = await runCli([...group.split(' ').filter(Boolean), '--help'])
    const listed = [...stdout.matchAll(/^ {2}([a-z-]+)( |$)/gm)].map(([, word]) => word)
    for (const alias of ['ls', 'get', 'describe', 'run', 'bill', 'error'])
      expect(listed).not.toContain(alias)
    if (group !== 'executions') expect(listed).not.toContain('list')
  }
})
