import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startExecution } from '../../../../src/record/recorder/recorder.ts'
import { createPriced } from '../../../record/prices/priced.ts'
import { OF, step } from '../../../record/recording.ts'
import { runCli } from '../../../support/cli.ts'

const priced = await createPriced('cli-apply')
const { run, price, sumsOf } = priced
afterAll(() => priced.drop())

const apply = (words: string[], options: Parameters<typeof runCli>[1] = {}) =>
  runCli(['prices', 'apply', ...words, '--database-url', priced.database.url], {
    ...options,
    env: { USER: 'maria', ...options?.env },
  })
const SINCE = ['--since', '2020-01-01']

let executionId: string
beforeAll(async () => {
  const execution = await startExecution(run, OF)
  await (await step(execution)).finish({ status: 'success', tokens: { input: 1_000_000 } })
  await (await step(execution, 2)).finish({ status: 'success', tokens: { cacheRead: 5 } })
  await execution.finish({ status: 'success' })
  executionId = execution.executionId
})
beforeEach(() => priced.clearPrices())

it('needs --since, and --reason only with --recalculate', async () => {
  expect(await apply([])).toMatchObject({ code: 2, stderr: expect.stringContaining('--since') })
  expect(await apply([...SINCE, '--reason', 'x'])).toMatchObject({
    ...{ code: 2, stdout: '' },
    stderr: expect.stringContaining('--reason can only be used with --recalculate'),
  })
  expect(await apply([...SINCE, '--recalculate'])).toMatchObject({
    ...{ code: 2, stdout: '' },
    stderr: expect.stringContaining('--recalculate needs --reason'),
  })
})

it('refuses a time that ends before it begins', async () => {
  expect(await apply(['--since', '2026-01-02', '--until', '2026-01-01', '--yes'])).toMatchObject({
    ...{ code: 2, stdout: '' },
    stderr: expect.stringContaining('--since 2026-01-02 UTC is not before --until 2026-01-01 UTC'),
  })
})

it('says that nothing can be priced', async () => {
  const { stdout } = await apply([...SINCE, '--dry-run'], { terminal: 100 })
  expect(stripVTControlCharacters(stdout)).toMatch(/gpt-4o +0 +2 +-\n/)
  expect(await apply([...SINCE, '--yes'])).toMatchObject({
    code: 0,
    stderr:
      '2 steps without a price; run `wfstore prices check`\nno step can be priced; nothing was changed\n',
  })
})

it('without a terminal it needs --yes; --dry-run changes nothing', async () => {
  await price('gpt-4o input=2.5')
  expect(await apply(SINCE)).toMatchObject({ code: 2 })
  const planned = await apply([...SINCE, '--dry-run'])
  expect(planned).toMatchObject({
    code: 0,
    stdout: 'provider\tmodelId\tsteps\tstepsLeft\tcost\n\tgpt-4o\t1\t1\t2.5\n',
    stderr:
      '1 step without a price; run `wfstore prices check`\nwould price 1 step, USD 2.5; nothing was changed\n',
  })
  expect((await sumsOf({ executionId })).run).toBe('0')
})

it('prices the steps, says what changed, and corrects a wrong price with its reason', async () => {
  await price('gpt-4o input=2.5')
  expect(await apply([...SINCE, '--yes'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('priced 1 step, USD 2.5: changed 1 bill, added 0 corrections'),
  })
  expect(await sumsOf({ executionId })).toEqual({
    run: '2.5',
    steps: '2.5',
    bills: '2.5',
    lines: '2.5',
  })
  await price('gpt-4o input=2')
  const corrected = await apply([...SINCE, '--recalculate', '--reason', 'list', '--yes', '--json'])
  expect(corrected.code).toBe(0)
  expect(JSON.parse(corrected.stdout)).toEqual([
    {
      ...{ provider: null, modelId: 'gpt-4o', runs: 1 },
      ...{ costBefore: 2.5, costAfter: 2, difference: -0.5 },
    },
  ])
  expect(corrected.stderr).toContain(
    'added 1 correction for 1 run from USD 2.5 to USD 2 (USD -0.5)',
  )
  expect(
    await priced.database.sql('select metadata from billing_records where corrects is not null'),
  ).toEqual([{ metadata: { reason: 'list', by: 'maria', recalculated: true } }])
  expect(await apply([...SINCE, '--recalculate', '--reason', 'list', '--yes'])).toMatchObject({
    code: 0,
    stderr: 'no bill can be corrected; nothing was changed\n',
  })
})
