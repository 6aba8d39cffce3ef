import { expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

/** What is typed, and the one line that answers it. None of it needs a database. */
const wrong: [argv: string, line: string][] = [
  ['executions list --statsu failed', "error: unknown option '--statsu'; did you mean --status?"],
  ['exections list', "error: unknown command 'exections'; did you mean executions?"],
  ['executions lst', "error: unknown command 'lst'; did you mean list?"],
  ['frobnicate', "error: unknown command 'frobnicate'; see `wfstore --help`"],
  [
    'executions show not-a-uuid',
    'error: "not-a-uuid" is not an execution id; use a UUID, or at least its first 8 characters',
  ],
  [
    'executions show c3216a2',
    'error: "c3216a2" is not an execution id; use a UUID, or at least its first 8 characters',
  ],
  [
    'executions show',
    "error: missing required argument 'id'; see `wfstore executions show --help`",
  ],
  [
    'executions list extra',
    "error: too many arguments for 'list'. Expected 0 arguments but got 1; see `wfstore executions list --help`",
  ],
  [
    'executions list --since 7d --since 1d',
    "error: option '--since <time>' argument '1d' is invalid. The option can be given only once",
  ],
  [
    'billing --period 2026-09 --period 2026-10',
    "error: option '--period <month>' argument '2026-10' is invalid. The option can be given only once",
  ],
  ['audit --xyzzy', "error: unknown option '--xyzzy'; see `wfstore audit --help`"],
  [
    'executions list --since tomorrow',
    'error: --since "tomorrow" is not a valid time; use a duration before now (90s, 30m, 24h, 7d, 2w), today, yesterday, a date (2024-12-01) or RFC 3339 (2024-12-01T08:00:00Z)',
  ],
  [
    'executions list --since 2024-02-30',
    'error: --since "2024-02-30" is a time that does not exist; use a duration before now (90s, 30m, 24h, 7d, 2w), today, yesterday, a date (2024-12-01) or RFC 3339 (2024-12-01T08:00:00Z)',
  ],
  [
    'executions list --since 24h --until 48h',
    'error: --since 24h is not before --until 48h; swap them, or choose a longer range',
  ],
  [
    'executions list --limit 0',
    "error: option '--limit <n>' argument '0' is invalid. It must be a whole number of at least 1, or all",
  ],
  [
    'executions list --limit 1.5',
    "error: option '--limit <n>' argument '1.5' is invalid. It must be a whole number of at least 1, or all",
  ],
  [
    'executions list --user=',
    "error: option '--user <ids>' argument '' is invalid. It must not be empty",
  ],
  [
    'executions list --schema pg_catalog',
    "error: option '--schema <name>' argument 'pg_catalog' is invalid. It must have 1 to 63 bytes and must not begin with pg_",
  ],
  [
    'executions list --status done',
    "error: option '--status <names>' argument 'done' is invalid. It must be one or more of running, success, failed, partial, cancelled",
  ],
  [
    'executions list --execution 12',
    'error: "12" is not an execution id; use a UUID, or at least its first 8 characters',
  ],
  [
    'executions list --tz Mars/Olympus',
    'error: --tz "Mars/Olympus" is not a valid time zone; use an IANA name such as Europe/Berlin or UTC',
  ],
  [
    'executions list -o xml',
    "error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, json, jsonl, csv, tsv, yaml, name",
  ],
  [
    'executions list --page --sort cost',
    'error: --sort and --page cannot be used together; a sorted list has no cursor; use --limit all for all rows',
  ],
  [
    'executions list --watch',
    'error: --watch requires a terminal and table output; in a script, run the command in a loop',
  ],
  [
    'executions list --database-url mysql://h/x',
    'error: --database-url is not a PostgreSQL URL; it looks like postgresql://user@host:5432/database',
  ],
  [
    'migrate up --lock-timeout soon',
    "error: option '--lock-timeout <ms>' argument 'soon' is invalid. It must be a whole number from 1 to 9999999",
  ],
]

it.each(wrong)('wfstore %s: exit 2 and one line', async (argv, line) => {
  expect(await runCli(argv.split(' '))).toEqual({ code: 2, stdout: '', stderr: `${line}\n` })
})

it('an unknown column is refused before wfstore connects, with the known ones', async () => {
  const { code, stderr } = await runCli(['executions', 'list', '--columns', 'status,colour'])
  expect(code).toBe(2)
  expect(stderr).toMatch(
    /^error: unknown column "colour"; available columns: executionId, startTime, .*updatedAt\n$/,
  )
})

it('with --json an error is an object on stderr, at any position of the flag', async () => {
  const error = {
    error: { code: 'usage', message: "unknown option '--statsu'", hint: 'did you mean --status?' },
  }
  for (const argv of [
    '--json executions list --statsu x',
    'executions list --statsu x -o json',
    'executions list --statsu x --output=jsonl',
  ]) {
    const { code, stdout, stderr } = await runCli(argv.split(' '))
    expect([code, stdout, JSON.parse(stderr)]).toEqual([2, '', error])
  }
})

it('no command, and a group without a verb, are wrong usage and print help on stderr', async () => {
  for (const argv of [[], ['migrate'], ['db']]) {
    const { code, stdout, stderr } = await runCli(argv)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: wfstore')
  }
})

it('help and version go to stdout with exit 0', async () => {
  for (const argv of [
    ['--help'],
    ['executions', '--help'],
    ['executions', 'list', '--help'],
    ['db', 'status', '-h'],
  ]) {
    const { code, stdout, stderr } = await runCli(argv)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Usage: wfstore')
  }
  expect(await runCli(['--version'])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: '',
  })
})

it('an error has colour with --color, and otherwise only on a terminal', async () => {
  expect(
    (await runCli(['executions', 'show', 'x', '--color', 'always'])).stderr.startsWith(
      '\x1b[31merror:',
    ),
  ).toBe(true)
  expect((await runCli(['executions', 'show', 'x'])).stderr.startsWith('error:')).toBe(true)
})
