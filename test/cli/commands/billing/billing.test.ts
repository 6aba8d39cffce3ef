import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createAdopted } from '../../../support/migrated.ts'

let database: TestDatabase

const on =
  (db: TestDatabase) =>
  (line: string, options: CliOptions = {}) =>
    runCli(['billing', ...line.split(' ').filter(Boolean), '--database-url', db.url], {
      env: { USER: 'maria' },
      ...options,
    })

describe('on the database of the old application', () => {
  let wfstore: ReturnType<typeof on>
  beforeAll(async () => {
    database = await createAdopted('cli_billing')
    wfstore = on(database)
  })
  afterAll(() => database.drop())

  it.each([
    ['differences-120.txt', '--period 2026-08', { terminal: 120 }],
    ['user-100.txt', '--period 2026-09', { terminal: 100 }],
    ['user-60.txt', '--period 2026-08 --user user_4', { terminal: 60 }],
    ['model.tsv', '--period 2026-09 --by model', {}],
    ['day.csv', '--period 2026-09 --by day -o csv', {}],
    ['user.json', '--period 2026-08 --user user_4 --json', {}],
    ['total.jsonl', '--period 2026-09 --by total -o jsonl', {}],
    ['reconcile.tsv', '--period 2026-08 --reconcile', {}],
    ['reconcile-100.txt', '--period 2026-08 --reconcile', { terminal: 100 }],
    ['records-100.txt', 'records --period 2026-09 --unpaid --limit 5', { terminal: 100 }],
    ['records.csv', 'records --period 2026-08 --user user_4 -o csv', {}],
    ['periods-100.txt', 'periods', { terminal: 100 }],
    ['periods.json', 'periods --json', {}],
    ['focus.csv', '--period 2026-08 --user user_4 -o focus --provider Acme', {}],
  ] as [string, string, CliOptions][])('%s', async (name, line, options) => {
    const { code, stdout, stderr } = await wfstore(`${line} --color never`, options)
    expect(code).toBe(0)
    expectGolden(
      `billing/${name}`,
      // Made by the test server, and so another in each run.
      `${stdout}${stderr && `--- stderr\n${stderr}`}`.replaceAll(database.name, 'DATABASE'),
    )
  })

  it('the total of a terminal is in no format for programs', async () => {
    for (const form of ['', '-o csv', '--json', '-o jsonl'])
      expect((await wfstore(`--period 2026-09 ${form}`)).stdout).not.toContain('total\t')
    expect((await wfstore('--period 2026-09', { terminal: 100 })).stdout).toMatch(/^total /m)
  })

  it('--reconcile --exit-code is exit 1 for an unbilled or different run, after the list; without it 0', async () => {
    const plain = await wfstore('--period 2026-08 --reconcile --json')
    expect([plain.code, plain.stderr]).toEqual([0, ''])
    const kinds = JSON.parse(plain.stdout).map(({ kind }: { kind: string }) => kind)
    const unbilled = kinds.filter((kind: string) => kind === 'unbilled').length
    expect(unbilled).toBe(1)
    const strict = await wfstore('--period 2026-08 --reconcile --exit-code')
    expect([strict.code, strict.stdout]).toEqual([
      1,
      (await wfstore('--period 2026-08 --reconcile')).stdout,
    ])
    expect(strict.stderr).toMatch(/^error: 1 run without a bill/)
    const clean = await wfstore('--period 2020-01 --reconcile --exit-code')
    expect([clean.code, clean.stdout.trim().split('\n').length]).toEqual([0, 1])
  })

  it('shows the current month by default', async () => {
    const [now] = await database.sql(`select to_char(now() at time zone 'UTC', 'YYYY-MM') as month`)
    const { stderr } = await wfstore('', { terminal: 80 })
    expect(stderr).toContain(`bills of ${now?.month} (UTC), open`)
  })
})

describe('output formats', () => {
  it.each([
    'executions list',
    'billing records',
    'billing periods',
    'billing pay --period 2024-12 --payment-id p',
    'migrate status',
  ])('focus is not a format of %s', async (line) => {
    expect(await runCli([...line.split(' '), '-o', 'focus'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `error: option '-o, --output <format>' argument 'focus' is invalid. Allowed choices are table, json, jsonl, csv, tsv, yaml, name\n`,
    })
  })

  it('an unknown format is refused with the same message', async () => {
    expect((await runCli(['billing', '-o', 'xml'])).stderr).toBe(
      `error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, json, jsonl, csv, tsv, yaml, name\n`,
    )
  })

  it.each([
    '--period 2024-13',
    '--period 2024',
    '--period',
    '--by hour',
    '--user=',
    '-o focus --json',
    '-o focus --reconcile',
    '--exit-code',
    '--columns nonsense',
    'pay --period 2024-12',
    'pay --payment-id p',
    'close',
    'correct',
    'correct x --cost 1',
    'nonsense',
  ])('refuses %s before it connects', async (line) => {
    expect(await runCli(['billing', ...line.split(' ')])).toMatchObject({ code: 2, stdout: '' })
  })

  it.each(['', 'records', 'periods', 'close', 'zone', 'pay', 'correct'])(
    'the help of billing %s has two examples',
    async (name) => {
      const { stdout } = await runCli(['billing', ...name.split(' ').filter(Boolean), '--help'])
      const [, examples = ''] = stdout.split('Examples:\n')
      expect(examples.match(/^ {2}wfstore billing/gm)?.length).toBeGreaterThanOrEqual(2)
    },
  )
})
