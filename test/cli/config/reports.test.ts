import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { dataFolder } from '../../support/folder.ts'

let cwd: string
beforeAll(() => {
  cwd = join(dataFolder('reports-config'), 'app')
  mkdirSync(join(cwd, '.git'), { recursive: true })
  const prod = {
    databaseUrl: 'postgresql://ops@prod/wf',
    reports: 'postgresql://ops:$\x7bREPLICA_PASSWORD}@replica/wf',
    maxLag: '1m',
  }
  const profiles = { prod, staging: { databaseUrl: 'postgresql://staging/wf' } }
  writeFileSync(
    join(cwd, 'wfstore.config.json'),
    JSON.stringify({ profiles, defaults: { maxLag: '2m' } }),
    { mode: 0o600 },
  )
})
afterAll(() => rmSync(join(cwd, '..'), { recursive: true, force: true }))

const ENV = {
  DATABASE_URL: 'postgresql://u@main/wf',
  WFSTORE_REPORTS_URL: 'postgresql://u:s3cret@near/wf',
  REPLICA_PASSWORD: 'pa55',
}

it.each([
  ['the environment', [], {}, 'u@near:5432/wf', 'WFSTORE_REPORTS_URL', '2m', 'defaults'],
  [
    'a profile',
    ['--profile', 'prod'],
    {},
    'ops@replica:5432/wf',
    'profile prod',
    '1m',
    'profile prod',
  ],
  ['a profile without one', ['--profile', 'staging'], {}, null, 'none set', '2m', 'defaults'],
  ['a flag', ['--database-url', 'postgresql://u@other/wf'], {}, null, 'none set', '2m', 'defaults'],
  [
    'two flags',
    ['--database-url', 'postgresql://u@other/wf', '--reports-url', 'postgresql://u@b/wf'],
    { WFSTORE_MAX_LAG: 'any' },
    'u@b:5432/wf',
    'flag --reports-url',
    'any',
    'WFSTORE_MAX_LAG',
  ],
  [
    'a flag for the bound',
    ['--max-lag', '5s'],
    { WFSTORE_MAX_LAG: '7s' },
    'u@near:5432/wf',
    'WFSTORE_REPORTS_URL',
    '5s',
    'flag --max-lag',
  ],
])('the replica belongs to the database of %s', async (_, words, env, url, source, lag, from) => {
  const { stdout } = await runCli(['config', '--json', ...words], { cwd, env: { ...ENV, ...env } })
  const rows = JSON.parse(stdout) as { setting: string }[]
  expect(rows.filter(({ setting }) => ['reports', 'maxLag'].includes(setting))).toEqual([
    { setting: 'reports', value: url, source },
    { setting: 'maxLag', value: lag, source: from },
  ])
  expect(stdout).not.toMatch(/s3cret|pa55/)
})

it('a bound that is no duration is wrong usage, in each place', async () => {
  const flag = await runCli(['stats', '--max-lag', 'soon'], { env: ENV })
  const variable = await runCli(['stats'], { env: { ...ENV, WFSTORE_MAX_LAG: 'soon' } })
  expect([flag.code, variable.code]).toEqual([2, 2])
  expect(variable.stderr).toMatch(/^error: WFSTORE_MAX_LAG is not a duration/)
})

it('a variable that is not set in the URL of the replica is an error', async () => {
  const env = { DATABASE_URL: ENV.DATABASE_URL }
  const { code, stderr } = await runCli(['stats', '--profile', 'prod'], { cwd, env })
  expect([code, stderr]).toEqual([
    3,
    expect.stringContaining('REPLICA_PASSWORD of profile prod is not set'),
  ])
})
