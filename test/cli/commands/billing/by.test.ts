import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createAdopted } from '../../../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createAdopted('billing_by')
})
afterAll(() => database.drop())

const said = (...argv: string[]) =>
  runCli(['billing', '--period', '2026-09', ...argv, '--database-url', database.url])

it('several keys are one row for each combination, as an independent statement sums them', async () => {
  const wanted = await database.sql(
    `select user_id as user, model_id as model, to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD') as day,
            count(*)::int as records, trim_scale(sum(cost))::float8 as cost
     from billing_records where billing_period = '2026-09' group by 1, 2, 3
     order by user_id collate "C", model_id collate "C", 3`,
  )
  const columns = 'user,model,day,records,cost'
  const { code, stdout } = await said('--by', 'user,model,day', '--json', '--columns', columns)
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual(wanted)
  expect(wanted.length).toBeGreaterThan(10)
})

it('repeated keys are a list, in the given order', async () => {
  const together = await said('--by', 'model,user')
  expect(await said('--by', 'model', '--by', 'user')).toEqual(together)
  expect(together.stdout).toMatch(/^model\tuser\trecords\t/)
})

it('the total of several keys is one row on a terminal', async () => {
  const { stdout } = await runCli(
    [
      'billing',
      '--period',
      '2026-09',
      '--by',
      'user,model',
      '--color',
      'never',
      '--database-url',
      database.url,
    ],
    { terminal: 100 },
  )
  expect(stdout.match(/^total /gm)).toHaveLength(1)
  expect(stdout).toMatch(/^total +- /m)
})

it.each([
  ['total,user', 'total cannot be combined with another key'],
  ['user,user', 'It must not repeat a key'],
  ['user,colour', 'It must be one or more of user, model, provider, meter, day, total, tag:<name>'],
])('--by %s is refused: %s', async (keys, message) => {
  const { code, stderr } = await runCli(['billing', '--by', keys])
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
})

it.each([
  [['--reconcile', '--by', 'model'], '--reconcile cannot be used with --by'],
  [
    ['-o', 'focus', '--by', 'model'],
    '--output focus cannot be used with --json, --reconcile, --by or --sort',
  ],
  [['--provider', 'Acme'], '--provider requires --output focus'],
  [['--exit-code'], '--exit-code requires --reconcile'],
])('%j is refused, because one of the options would have no effect', async (argv, message) => {
  const { code, stderr } = await runCli(['billing', ...argv])
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
})
