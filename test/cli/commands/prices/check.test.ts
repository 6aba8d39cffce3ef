import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createUsed } from '../../../queries/prices/used.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import { expectGolden } from '../../../support/golden.ts'

const store = await createUsed('cli-price-check')
const cli = (argv: string[], options: CliOptions = {}) =>
  runCli(['prices', ...argv, '--database-url', store.database.url], options)
const DAY_MS = 86_400_000
/** Steps of fixed days, so that the output is always the same. */
const on = (date: string) => (Date.now() - Date.parse(`${date}T12:00:00Z`)) / DAY_MS

beforeAll(async () => {
  const { price, used, database } = store
  const own = { created_at: '2025-01-31Z' }
  await price('gpt-4o input=2.5 output=10', own)
  await price('gpt-4o-mini input=0.15 output=0.6')
  await used({
    ...{ tokens: { input: 10_000, cache_read: 2000 }, days: on('2025-03-01'), source: 'unpriced' },
    lines: [{ meter: 'cache_read', quantity: 2000, attempt: 0 }],
  })
  await used({
    ...{ model: 'my-very-long-model-name-of-a-provider-2025', provider: 'our-own-gateway' },
    ...{ total: 1200, days: on('2025-03-02'), source: 'unpriced' },
    lines: [{ meter: 'tokens', quantity: 1200, attempt: 0 }],
  })
  await used({ days: on('2025-03-02'), cost: 0.07, tokens: { input: 10_000, output: 1000 } })
  await used({
    model: 'gpt-4o-mini',
    days: on('2025-03-03'),
    cost: 0.15,
    tokens: { input: 1_000_000 },
  })
  await database.sql(
    `update workflow_steps set start_time = date_bin('1 day', start_time, '2000-01-01Z'), end_time = date_bin('1 day', end_time, '2000-01-01Z')`,
  )
})
afterAll(() => store.drop())

const SINCE = ['--since', '2025-01-01']

describe('check', () => {
  it.each<[string, string[], CliOptions]>([
    ['check-80.txt', [], { terminal: 80 }],
    ['check.tsv', [], {}],
    ['check.json', ['--json'], {}],
  ])('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await cli(['check', ...SINCE, ...argv], options)
    expect(code).toBe(0)
    expectGolden(`prices/${name}`, `${stdout}--- stderr\n${stderr}`)
  })

  it('exits with 1 for a finding only with --exit-code', async () => {
    const { code, stderr } = await cli(['check', ...SINCE, '--exit-code'])
    expect(code).toBe(1)
    expect(stderr).toContain(
      '2 models without a price, 1 model with an old price, 1 model with a cost that differs',
    )
    expect(await cli(['check', '--exit-code'], { terminal: 80 })).toEqual({
      code: 0,
      stdout: '',
      stderr: 'all used models have a price; none is old, and no cost differs\n',
    })
  })

  it('refuses an invalid time', async () => {
    const { code, stderr } = await cli(['check', '--since', 'soon'])
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('--since "soon" is not a valid time'),
    ])
  })
})

describe('simulate', () => {
  const MODELS = ['--model', 'gpt-4o=gpt-4o-mini', '--model', 'gpt-4o-mini=none']
  it.each<[string, string[], CliOptions]>([
    ['simulate-80.txt', MODELS, { terminal: 80 }],
    ['simulate.tsv', [...MODELS, '--total'], {}],
    ['simulate.json', [...MODELS, '--json'], {}],
    ['simulate-none-80.txt', ['--model', 'unused=gpt-4o'], { terminal: 80 }],
  ])('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await cli(['simulate', ...SINCE, ...argv], options)
    expect(code).toBe(0)
    expectGolden(`prices/${name}`, `${stdout}--- stderr\n${stderr}`)
  })

  it.each([
    [['--model', 'gpt-4o'], '--model "gpt-4o" has no two models'],
    [['--model', '=gpt-4o'], 'has no two models'],
    [['--model', 'a=b', '--model', 'a=c'], '--model has a twice'],
    [[], "required option '--model <a=b>' not specified"],
    [['--model', 'a=b', '--since', '2025-03-02', '--until', '2025-03-01'], 'is not before --until'],
  ])('refuses %j', async (argv, message) => {
    const { code, stderr } = await cli(['simulate', ...argv])
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  })
})
