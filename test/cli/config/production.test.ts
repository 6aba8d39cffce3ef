// What is marked and confirmed where the config calls a database production.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CliOptions, runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let cwd: string
let mine: TestDatabase
let other: TestDatabase
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'wfstore-production-'))
  mine = await createMigrated('production')
  other = await createMigrated('production_other')
  await mine.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time)
     values ('w', 'mine', 'm', 'x', 'success', '2020-01-01Z', '2020-01-01Z')`,
  )
})
afterAll(async () => {
  rmSync(cwd, { recursive: true })
  await mine.drop()
  await other.drop()
})

const write = (config: object) =>
  writeFileSync(join(cwd, 'wfstore.config.json'), JSON.stringify(config), { mode: 0o600 })
const run = (words: string, options: CliOptions = {}) =>
  runCli(words.split(' '), { cwd, ...options })

describe('a database that the config calls production', () => {
  /** By another name than the one it is reached under. */
  const others = () => mine.url.replace(/:\/\/\w+/, '://somebody')
  beforeEach(() =>
    write({
      profiles: {
        prod: { databaseUrl: others(), production: true },
        test: { databaseUrl: other.url },
      },
    }),
  )
  const env = () => ({ DATABASE_URL: mine.url })
  const mark = '[production: prod]'

  it('is marked on a terminal, for every way to select it, and never in a pipe', async () => {
    const plain = { env: { ...env(), NO_COLOR: '1' }, answer: '' }
    const { stderr, stdout } = await run('executions list --columns user --no-headers', plain)
    expect([stdout, stderr]).toEqual([
      'mine\n',
      expect.stringMatching(/^\[production: prod\] \w+@.*\n$/),
    ])
    expect((await run('executions list', { env: env(), answer: '' })).stderr).toContain(
      '\x1b[41m\x1b[37m\x1b[1m PRODUCTION prod ',
    )
    expect((await run('executions list', { env: env() })).stderr).toBe('')
    expect(
      (await run('executions list', { ...plain, env: { DATABASE_URL: other.url } })).stderr,
    ).toBe('')
  })

  it('is recognised even if the variable with its password is not set', async () => {
    const withVariable = others().replace('://somebody', '://somebody:$'.concat('{GONE}'))
    write({ profiles: { prod: { databaseUrl: withVariable, production: true } } })
    const { stderr } = await run('executions list', {
      env: { ...env(), NO_COLOR: '1' },
      answer: '',
    })
    expect(stderr).toContain(mark)
  })

  /** What writes and what is then asked; `asks` has a question of its own, about what it would do. */
  const writes: [words: string, asks: boolean][] = [
    ['migrate up', false],
    ['migrate roles', false],
    ['migrate down --force', true],
    ['migrate redo --force', true],
    ['metrics rollup --period day', false],
    ['billing zone Europe/Berlin', false],
    ['import nothing.jsonl', false],
    ['ingest nothing.jsonl', false],
    ['cleanup --days 90', true],
  ]
  it.each(writes)('is not changed by %s until its name is typed', async (words, asks) => {
    writeFileSync(join(cwd, 'nothing.jsonl'), '')
    for (const answer of ['y\n', 'prods\n', '']) {
      const { code, stdout, stderr } = await run(words, { env: env(), answer })
      expect([words, code, stdout]).toEqual([words, 1, ''])
      const [command] = words.split(/ --| nothing| Europe/)
      const question = asks ? '? Type prod' : `${command} changes this database. Type prod`
      expect(stderr).toContain(`${question} to continue: `)
      expect(stderr).toContain('not confirmed; nothing was changed')
    }
  })

  it('is changed after that, with --yes, and without a terminal', async () => {
    const asked = 'Type prod'
    const typed = await run('metrics rollup --period day', { env: env(), answer: 'prod\n' })
    expect([typed.code, typed.stderr.includes(asked)]).toEqual([0, true])
    for (const words of [
      'metrics rollup --period day --yes',
      'billing zone',
      'cleanup --days 90 --dry-run',
    ]) {
      const { code, stderr } = await run(words, { env: env(), answer: '' })
      expect([words, code, stderr.includes(asked)]).toEqual([words, 0, false])
    }
    expect(await run('billing zone UTC', { env: env() })).toEqual({
      code: 0,
      stdout: 'UTC\n',
      stderr: '',
    })
    const elsewhere = { env: { DATABASE_URL: other.url }, answer: '' }
    expect((await run('metrics rollup --period day', elsewhere)).stderr).toBe('')
    const cleaned = await run('cleanup --days 90', { env: env(), answer: 'prod\n' })
    expect([cleaned.code, cleaned.stderr.includes('[y/N]')]).toEqual([0, false])
  })
})

/** A new command has to be put into one of these: what changes a database is confirmed in production. */
const WRITING = [
  ...['billing.close', 'billing.correct', 'billing.pay', 'billing.zone', 'cleanup', 'demo'],
  ...['executions.cancel', 'executions.fail', 'import', 'ingest', 'metrics.rollup'],
  ...['migrate.distribute', 'migrate.down', 'migrate.redo', 'migrate.roles', 'migrate.up'],
  ...['prices.apply', 'prices.import', 'prices.set', 'restore', 'serve', 'settings.set'],
  ...['token.create', 'token.revoke'],
]
const READING = [
  ...[
    '',
    'archive',
    'archive.convert',
    'archive.query',
    'archive.verify',
    'audit',
    'audit.show',
    'billing',
    'billing.lines',
  ],
  ...['billing.periods'],
  ...[
    'billing.records',
    'cleanup.history',
    'completion',
    'config',
    'config.profiles',
    'cost',
    'cost-by-mode',
  ],
  ...[
    'db',
    'db.status',
    'db.stop',
    'db.trust',
    'db.url',
    'doctor',
    'errors',
    'executions',
    'executions.list',
  ],
  ...[
    'executions.running',
    'executions.show',
    'export',
    'help',
    'ingest.check',
    'metrics',
    'metrics.current',
  ],
  ...[
    'metrics.list',
    'migrate',
    'migrate.sql',
    'migrate.status',
    'migrate.verify',
    'open',
    'prices',
  ],
  ...['prices.check', 'prices.list', 'prices.simulate', 'report', 'settings'],
  ...['stats', 'token', 'tools'],
]

it('the commands that change a database are listed, and take --yes', () => {
  const help = join(import.meta.dirname, '../../../dist/help')
  const pages = readdirSync(help).filter((page) => /^wfstore\.(?!help\.(?!txt)).*txt$/.test(page))
  const name = (page: string) => page.split('.').slice(1, -1).join('.')
  const taking = pages.filter((page) => readFileSync(join(help, page), 'utf8').includes(' --yes  '))
  expect(taking.map(name).sort()).toEqual(WRITING)
  expect(
    pages
      .map(name)
      .filter((page) => !WRITING.includes(page))
      .sort(),
  ).toEqual(READING)
})
