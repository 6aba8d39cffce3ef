import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

describe('--follow', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createMigrated('audit_follow')
  })
  afterAll(() => database.drop())
  const add = (details: string, more = '') =>
    database.sql(
      `insert into audit_logs (log_id, timestamp, user_id, action_type, action_details${more && ', tool_name'})
       values (gen_random_uuid(), clock_timestamp(), 'u', 'a', $1${more && `, '${more}'`})`,
      [details],
    )
  /** Runs the command; each wait is one step, and after the last of them Ctrl-C is pressed. */
  async function follow(argv: string[], steps: (() => Promise<unknown>)[], options = {}) {
    const interruption = new AbortController()
    const pauses: number[] = []
    const result = await runCli(['audit', '--follow', ...argv, '--database-url', database.url], {
      ...options,
      signal: interruption.signal,
      sleep: async (ms: number) => {
        pauses.push(ms)
        const step = steps[pauses.length - 1]
        if (step) await step()
        else interruption.abort('SIGINT')
      },
    })
    return { ...result, pauses }
  }
  const nothing = async () => {}

  it('prints the newest entries, oldest first, then new ones, until Ctrl-C', async () => {
    await database.sql('delete from audit_logs')
    for (let n = 1; n <= 12; n++) await add(`before ${n}`)
    const columns = ['--columns', 'actionDetails']
    const { code, stdout, stderr, pauses } = await follow(columns, [
      nothing,
      () => add('after 1'),
      async () => {
        await add('after 2')
        await add('after 3')
      },
      nothing,
    ])
    const before = Array.from({ length: 10 }, (_, n) => `before ${n + 3}`)
    expect(stdout.split('\n')).toEqual([
      'actionDetails',
      ...before,
      'after 1',
      'after 2',
      'after 3',
      '',
    ])
    expect([code, stderr, pauses]).toEqual([130, '', [1000, 1000, 1000, 1000, 1000]])
  })

  it('CSV has one header, JSON lines have one object each', async () => {
    await database.sql('delete from audit_logs')
    const steps = [() => add('one'), () => add('two')]
    const csv = await follow(['-o', 'csv', '--columns', 'user,details'], steps)
    expect(csv.stdout).toBe('userId,actionDetails\r\nu,one\r\nu,two\r\n')
    const jsonl = await follow(['-o', 'jsonl', '--columns', 'details', '--limit', '1'], steps)
    expect(jsonl.stdout).toBe(
      ['two', 'one', 'two'].map((one) => `{"actionDetails":"${one}"}\n`).join(''),
    )
  })

  it('on a terminal there is one header, and later rows align with it', async () => {
    await database.sql('delete from audit_logs')
    await add('first', 'A_LONG_TOOL_NAME')
    const { stdout, stderr } = await follow(
      ['--columns', 'action,tool,user,details', '--color', 'never'],
      [() => add('second', 'B'), () => add('third')],
      { terminal: 80 },
    )
    expect(stdout.split('\n')).toEqual([
      'ACTION  TOOL              USER',
      'a       A_LONG_TOOL_NAME  u',
      '    first',
      'a       B                 u',
      '    second',
      'a       -                 u',
      '    third',
      '',
    ])
    expect(stderr).toBe('')
  })

  it('filters the entries that it follows, and begins at --since', async () => {
    await database.sql('delete from audit_logs')
    await add('before', 'T')
    const { stdout } = await follow(
      ['--tool', 'T', '--since', '2100-01-01', '--columns', 'details', '--no-headers'],
      [() => add('of another'), () => add('mine', 'T')],
    )
    expect(stdout).toBe('')
    const open = await follow(
      ['--tool', 'T', '--limit', '1', '--columns', 'details', '--no-headers'],
      [() => add('of another'), () => add('mine too', 'T')],
    )
    expect(open.stdout).toBe('mine\nmine too\n')
  })

  it('after a lost connection it reconnects, and misses or repeats no entry', async () => {
    await database.sql('delete from audit_logs')
    await add('before')
    const cut = () =>
      database.sql(
        `select pg_terminate_backend(pid, 60000) from pg_stat_activity
         where application_name = 'wfstore audit' and datname = current_database()`,
      )
    const { code, stdout, stderr, pauses } = await follow(
      ['--columns', 'details', '-o', 'jsonl'],
      [
        () => add('one'),
        async () => {
          await add('two')
          await cut()
          await add('three')
        },
        nothing,
        () => add('four'),
        nothing,
      ],
    )
    const lines = ['before', 'one', 'two', 'three', 'four']
    expect(stdout).toBe(lines.map((one) => `{"actionDetails":"${one}"}\n`).join(''))
    expect(stderr).toMatch(/^.*reconnecting, no entries are missed\nreconnected\n$/)
    expect([code, pauses.length]).toEqual([130, 6])
  })

  const refused: [argv: string[], line: RegExp][] = [
    [['--json'], /"--follow does not support --output json: a JSON array needs an end"/],
    [['-o', 'json'], /"--follow does not support --output json: a JSON array needs an end"/],
    [['--until', '1h'], /--follow and --until cannot be used together/],
    [['--cursor', 'x'], /--follow and --cursor cannot be used together/],
    [['--limit', 'all'], /--limit is at most 1000 with --follow/],
  ]
  it.each(refused)('with %j is refused', async (argv, line) => {
    const { code, stdout, stderr } = await runCli([
      'audit',
      '--follow',
      ...argv,
      '--database-url',
      database.url,
    ])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(line)
  })
})
