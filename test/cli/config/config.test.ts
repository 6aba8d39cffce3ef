import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CliOptions, runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createMigrated } from '../../support/migrated.ts'

let cwd: string
let mine: TestDatabase
let other: TestDatabase
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'wfstore-config-'))
  mine = await createMigrated('config_mine')
  other = await createMigrated('config_other')
  for (const [database, user] of [
    [mine, 'mine'],
    [other, 'other'],
  ] as const)
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time)
       values ('w', $1, 'm', 'x', 'success', '2020-01-01Z', '2020-01-01Z')`,
      [user],
    )
})
afterAll(async () => {
  rmSync(cwd, { recursive: true })
  await mine.drop()
  await other.drop()
})

const write = (config: object) =>
  writeFileSync(join(cwd, 'wfstore.config.json'), JSON.stringify(config), { mode: 0o600 })
const run = (words: string, options: CliOptions = {}, ...more: string[]) =>
  runCli([...words.split(' '), ...more], { cwd, ...options })
/** Whose runs a list shows: 'mine', 'other', or why there is none. */
async function whose(words: string, options: CliOptions = {}, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(
    `executions list --columns user --no-headers ${words}`.trim(),
    options,
    ...more,
  )
  return code === 0 ? stdout.trim() : `${code} ${stderr.trim()}`
}
const gone = 'postgresql://u@127.0.0.1:1/d'

describe('the database is the first that is named', () => {
  beforeEach(() =>
    write({
      default: 'mine',
      profiles: { mine: { databaseUrl: mine.url }, other: { databaseUrl: '$'.concat('{OTHER}') } },
    }),
  )
  const contradiction =
    '2 error: --profile and --database-url cannot be used together; use only one of them'

  it('by a flag, WFSTORE_PROFILE, the environment, or the default profile', async () => {
    const env = { OTHER: other.url }
    expect(await whose('')).toBe('mine')
    expect(await whose('', { env: { DATABASE_URL: other.url } })).toBe('other')
    expect(await whose('', { env: { PGHOST: '127.0.0.1', PGPORT: '1' } })).toMatch(/^3 .*PGHOST/)
    expect(await whose('--profile other', { env: { ...env, DATABASE_URL: gone } })).toBe('other')
    expect(await whose('--profile mine', { env: { WFSTORE_PROFILE: 'other' } })).toBe('mine')
    const both = { ...env, WFSTORE_PROFILE: 'other', DATABASE_URL: gone }
    expect(await whose('', { env: both })).toBe('other')
    expect(await whose('', { env: both }, '--database-url', mine.url)).toBe('mine')
    expect(await whose('--profile mine', {}, '--database-url', mine.url)).toBe(contradiction)
    expect(await whose('', { env: { ...both, WFSTORE_DATABASE_URL: mine.url } })).toBe(
      '2 error: WFSTORE_PROFILE and WFSTORE_DATABASE_URL are both set, and each names a database; unset one of them, or use --profile or --database-url',
    )
  })

  it('a profile that does not exist, or has a variable that is not set, is an error', async () => {
    const file = join(cwd, 'wfstore.config.json')
    expect(await whose('--profile mien')).toBe(
      `2 error: ${file} has no profile mien (--profile); did you mean mine? profiles: mine, other`,
    )
    expect(await whose('', { env: { WFSTORE_PROFILE: 'x', DATABASE_URL: mine.url } })).toBe(
      `2 error: ${file} has no profile x (WFSTORE_PROFILE); profiles: mine, other`,
    )
    expect(await whose('--profile other', { env: { DATABASE_URL: mine.url } })).toBe(
      '3 error: the environment variable OTHER of profile other is not set; set it, or choose another database',
    )
    expect(await whose('--profile mine', { cwd: '/nonexistent' })).toMatch(
      /^2 error: profile mine \(--profile\) does not exist/,
    )
  })

  it('demo and db use the embedded database', async () => {
    for (const words of ['demo --profile mine', 'db status --profile mine'])
      expect((await run(words)).stderr).toMatch(
        /uses the embedded database and takes no profile\n$/,
      )
    expect(
      (await run('db status --columns state', { env: { WFSTORE_PROFILE: 'mine' } })).stdout,
    ).toContain('state\nnone\n')
  })

  it('a cron job that has lost its URL does not clean the default profile', async () => {
    const refused = {
      code: 3,
      stdout: '',
      stderr: `error: no database is set; without a terminal, cleanup does not use the default profile of ${cwd}/wfstore.config.json; use --profile mine\n`,
    }
    expect(await run('cleanup --days 90')).toEqual(refused)
    expect((await run('cleanup --days 90 --yes')).code).toBe(3)
    for (const words of [
      'migrate up',
      'metrics rollup --period day',
      'billing zone UTC',
      'import -',
    ])
      expect([words, (await run(words)).code]).toEqual([words, 3])
    expect((await run('billing zone')).code).toBe(0)
    expect((await run('cleanup --days 90 --dry-run')).stdout).toMatch(/\nworkflow_executions\t1\t/)
    expect((await run('cleanup --days 90', { answer: 'n\n' })).stderr).toContain('[y/N]')
    expect((await run('cleanup --days 90 --profile mine --keep-last 1')).code).toBe(0)
    expect(await whose('')).toBe('mine')
  })
})

describe('settings', () => {
  const listed = async (words: string, options: CliOptions = {}) => {
    const { stdout } = await run(
      `config --columns setting,value,source -o csv ${words}`.trim(),
      options,
    )
    return Object.fromEntries(
      stdout
        .trim()
        .split('\r\n')
        .map((line) => [line.split(',')[0], line.slice(line.indexOf(',') + 1)]),
    )
  }

  it('come from the flag, else the profile, else the defaults', async () => {
    write({
      default: 'mine',
      profiles: { mine: { databaseUrl: mine.url, output: 'jsonl', schema: 'flows' } },
      defaults: { tz: 'Asia/Tokyo', output: 'json', color: 'always' },
    })
    expect((await run('executions list --schema public')).stdout).toMatch(/^\{"executionId".*\}\n$/)
    expect((await run('executions list --schema public --json')).stdout).toMatch(/^\[/)
    const elsewhere = { env: { DATABASE_URL: mine.url } }
    expect((await run('executions list', elsewhere)).stdout).toMatch(/^\[/)
    expect(await whose('-o table')).toMatch(
      /^4 .*no wfstore schema in the search path "flows", but has one in schema public/,
    )
    const bounds = '--since 2020-01-01 --until 2020-01-02 -o table'
    expect(await whose(bounds, elsewhere)).toBe('mine')
    expect(await whose(`${bounds} --tz America/New_York`, elsewhere)).toBe('')
    const rows = await listed('')
    expect([rows.tz, rows.schema, rows.output]).toEqual([
      'Asia/Tokyo,defaults',
      'flows,profile mine',
      'csv,flag --output',
    ])
    expect((await listed('', { env: { NO_COLOR: '1' } })).color).toBe('never,NO_COLOR')
  })

  it('of the section ingest are listed', async () => {
    write({ ingest: { quiet: '1m', user: ['app.user'], trustCost: true } })
    expect(await listed('', { env: { DATABASE_URL: mine.url } })).toMatchObject({
      ...{ 'ingest.quiet': '1m,ingest', 'ingest.trustCost': 'true,ingest' },
      'ingest.user': '"[""app.user""]",ingest',
    })
  })

  it('are listed with their sources, and without passwords', async () => {
    write({
      default: 'local',
      profiles: {
        local: { databaseUrl: 'postgresql://ann:hunter2-s3cret@db.example/wf?sslmode=require' },
        prod: {
          databaseUrl: 'postgresql://ops:$'.concat('{PW}@prod.example:6432/wf'),
          production: true,
        },
      },
    })
    const env = { PW: 'p@ss w0rd', PGCONNECT_TIMEOUT: '3' }
    let all = ''
    for (const [title, words, options] of [
      ['of the default profile', 'config', { env }],
      ['of --profile prod', 'config --profile prod', { env }],
      [
        'of DATABASE_URL',
        'config',
        { env: { DATABASE_URL: 'postgresql://u:hunter2-s3cret@prod.example:6432/wf' } },
      ],
      ['without a password', 'config', { env: { PGHOST: 'nowhere.example', PGUSER: 'u' } }],
      ['of PG*', 'config', { env: { PGHOST: 'h', PGUSER: 'u', PGPASSWORD: 'hunter2-s3cret' } }],
      ['profiles', 'config profiles', { env, terminal: 100 }],
      ['profiles as JSON, without PW', 'config profiles -o json', {}],
    ] as const) {
      const { code, stdout, stderr } = await run(words, options)
      expect([title, code, stderr]).toEqual([title, 0, ''])
      all += `-- ${title}\n${stdout.replaceAll(cwd, '/work')}\n`
    }
    expect(all).not.toMatch(/hunter2|p@ss|p%40ss/)
    expectGolden('config/settings.txt', all)
  })

  it('are listed where no password is stored', async () => {
    write({})
    const env = { PGHOST: 'h', PGUSER: 'u', PGPASSFILE: join(cwd, 'none') }
    const { code, stdout } = await run('config', { env })
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^password\t\tnone, nor in .*none$/m)])
  })

  it('are listed where no database is named too, and then that is the error', async () => {
    write({})
    const { code, stdout, stderr } = await run('config')
    expect([code, stderr]).toEqual([
      3,
      `error: no database is set, and there is no embedded database in ${cwd}/.wfstore; name one with --profile, --database-url or WFSTORE_DATABASE_URL\n`,
    ])
    expect(stdout).toContain('output\ttable\tdefault\n')
  })

  it('with a password that all users can read print a note on a terminal', async () => {
    write({ profiles: { p: { databaseUrl: 'postgresql://u:hunter2@h/d' } } })
    const file = join(cwd, 'wfstore.config.json')
    rmSync(file)
    writeFileSync(file, '{"profiles": {"p": {"databaseUrl": "postgresql://u:hunter2@h/d"}}}', {
      mode: 0o644,
    })
    const note = `\x1b[2mnote: ${file} contains a password and all users can read it; run chmod 600\x1b[22m\n`
    expect((await run('config profiles', { answer: '' })).stderr).toBe(note)
    expect((await run('config profiles')).stderr).toBe('')
    rmSync(file)
  })

  it('of a connection that fails name the profile, and no password', async () => {
    write({ profiles: { p: { databaseUrl: 'postgresql://u:hunter2-s3cret@127.0.0.1:1/d' } } })
    const { code, stderr } = await run('executions list --verbose --profile p')
    expect(code).toBe(3)
    expect(stderr).toContain('check that the server is running and that profile p is right')
    expect(stderr).not.toContain('hunter2')
  })
})
