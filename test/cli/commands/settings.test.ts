import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('settings')
})
afterAll(() => database.drop())

const wfstore = (...argv: string[]) => runCli(argv, { env: { WFSTORE_DATABASE_URL: database.url } })
const listed = async () => JSON.parse((await wfstore('settings', '--json')).stdout)

it('without a row there are no cost tags, and months begin in UTC; a row for cost tags does not change the zone', async () => {
  expect(await listed()).toMatchObject([
    { name: 'cost-tags', value: null },
    { name: 'billing-zone', value: 'UTC' },
  ])
  const { code, stdout, stderr } = await wfstore(
    'settings',
    'set',
    'cost-tags',
    'team, project,team',
  )
  expect([code, stderr]).toEqual([
    0,
    'later cleanups keep these tags; runs that are removed already keep those of their time\n',
  ])
  expect(stdout).toContain('team,project')
  expect(await database.sql('select time_zone, cost_tags from wfstore_settings')).toEqual([
    { time_zone: 'UTC', cost_tags: ['team', 'project'] },
  ])
})

it('the zone and the cost tags do not change each other', async () => {
  expect((await wfstore('billing', 'zone', 'Europe/Berlin')).code).toBe(0)
  expect((await wfstore('settings', 'set', 'cost-tags', 'team')).code).toBe(0)
  expect(await listed()).toMatchObject([{ value: 'team' }, { value: 'Europe/Berlin' }])
  expect((await wfstore('settings', 'set', 'cost-tags', '--none')).code).toBe(0)
  expect(await listed()).toMatchObject([{ value: null }, { value: 'Europe/Berlin' }])
})

it.each([
  ['another setting', ['color', 'red'], '"color" cannot be set here', 'use cost-tags'],
  [
    'the zone',
    ['billing-zone', 'UTC'],
    '"billing-zone" cannot be set here',
    'wfstore billing zone',
  ],
  ['no value', ['cost-tags'], 'cost-tags has no value', '--none'],
  ['the value of an unset variable', ['cost-tags', ''], 'cost-tags has no value', '--none'],
  ['a value and --none', ['cost-tags', 'a', '--none'], 'cannot be used together', 'only one'],
  ['an empty name', ['cost-tags', 'a,,b'], 'has an empty name', 'by commas'],
  [
    '21 names',
    ['cost-tags', Array.from({ length: 21 }, (_, i) => `t${i}`).join()],
    'costTags has 21 names, more than 20',
    '',
  ],
])('%s is wrong usage', async (_, argv, message, hint) => {
  const before = await listed()
  const { code, stderr } = await wfstore('settings', 'set', ...argv)
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  expect(stderr).toContain(hint)
  expect(await listed()).toEqual(before)
})

it('a role that may not write it gets an error', async () => {
  const store = openStore({ databaseUrl: database.url })
  const reader = `${database.name}_reader`
  await database.sql(
    `create role ${reader} login password 'x'; grant select on all tables in schema public to ${reader}`,
  )
  const url = new URL(database.url)
  url.username = reader
  url.password = 'x'
  const { code, stderr } = await runCli(['settings', 'set', 'cost-tags', 'a'], {
    env: { WFSTORE_DATABASE_URL: url.href },
  })
  expect([code, stderr]).toEqual([1, expect.stringContaining('wfstore_settings')])
  await database.sql(`drop owned by ${reader}; drop role ${reader}`)
  await expect(store.settings.set({ costTag: [] } as never)).rejects.toThrow(
    'settings.set has no option costTag',
  )
  await store.close()
})
