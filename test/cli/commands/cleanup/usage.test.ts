import { expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'

const DAYS =
  "error: option '--days <n>' argument '%' is invalid. It must be a whole number from 1 to 36500"
const HOW_OLD = 'for example --days 90 or --before 2024-12-01'
const days = (text: string) => DAYS.replace('%', text)

/** What is typed, word by word, and the one line that answers it. */
const wrong: [argv: string[], line: string][] = [
  [['--days', '0'], days('0')],
  [['--days', '-1'], days('-1')],
  [['--days', '1.5'], days('1.5')],
  [['--days', 'ninety'], days('ninety')],
  [['--days', '99999999'], days('99999999')],
  [['--days', '36501'], days('36501')],
  [['--days', '1e3'], days('1e3')],
  [['--days', ''], days('')],
  [['--days='], days('')],
  [['--days'], "error: option '--days <n>' argument missing"],
  [['--days', '--dry-run'], days('--dry-run')],
  [
    ['--days', '90', '--before', '2026-01-01'],
    'error: --days and --before cannot be used together; use only one of them',
  ],
  [[], `error: --days or --before is required; ${HOW_OLD}`],
  [['--yes'], `error: --days or --before is required; ${HOW_OLD}`],
  [['--before'], "error: option '--before <time>' argument missing"],
  [
    ['--before', ''],
    'error: --before "" is not a valid time; use a duration before now (90s, 30m, 24h, 7d, 2w), today, yesterday, a date (2024-12-01) or RFC 3339 (2024-12-01T08:00:00Z)',
  ],
  [
    ['--before', 'tomorrow'],
    'error: --before "tomorrow" is not a valid time; use a duration before now (90s, 30m, 24h, 7d, 2w), today, yesterday, a date (2024-12-01) or RFC 3339 (2024-12-01T08:00:00Z)',
  ],
  [
    ['--days', '90', '--batch-size', '0'],
    "error: option '--batch-size <n>' argument '0' is invalid. It must be a whole number from 1 to 1000000",
  ],
  [
    ['--days', '90', '--keep-last', '-1'],
    "error: option '--keep-last <n>' argument '-1' is invalid. It must be a whole number of at least 1",
  ],
  [
    ['--days', '90', '--pause', 'x'],
    "error: option '--pause <duration>' argument 'x' is invalid. It must be a duration such as 50ms, 2s or 1m, or 0",
  ],
  [
    ['--days', '90', '--max-duration', '0s'],
    "error: option '--max-duration <duration>' argument '0s' is invalid. It must be a duration such as 90s, 10m, 6h or 2d",
  ],
  [
    ['--days', '90', '--archive', ''],
    "error: option '--archive <folder>' argument '' is invalid. It must not be empty",
  ],
  [
    ['--days', '90', '--columns', 'colour', '-o', 'csv'],
    'error: unknown column "colour"; available columns: table, removed, kept, locked, left',
  ],
  [['--day', '90'], "error: unknown option '--day'; did you mean --days?"],
  [
    ['90'],
    "error: too many arguments for 'cleanup'. Expected 0 arguments but got 1; see `wfstore cleanup --help`",
  ],
  [
    ['history', '--days', '90'],
    'error: cleanup history does not support the options of cleanup; see `wfstore cleanup history --help`',
  ],
  [
    ['history', '--page', '--sort', 'cutoff'],
    'error: --sort and --page cannot be used together; a sorted list has no cursor; use --limit all for all rows',
  ],
]

/** A server that does not exist: a command that connects first exits with 3. */
const NOWHERE = 'postgresql://nobody@127.0.0.1:1/none'

it.each(wrong)('cleanup %j exits with 2 before it connects', async (argv, line) => {
  expect(await runCli(['cleanup', ...argv], { env: { DATABASE_URL: NOWHERE } })).toEqual({
    code: 2,
    stdout: '',
    stderr: `${line}\n`,
  })
})

it('an archive is not written to a terminal', async () => {
  const { code, stderr } = await runCli(['cleanup', '--days', '90', '--archive', '-'], {
    terminal: 80,
    env: { DATABASE_URL: NOWHERE },
  })
  expect([code, stderr]).toEqual([
    2,
    'error: --archive - cannot write to a terminal; redirect stdout to a file or a pipe, or name a folder\n',
  ])
})

it('valid arguments need a database', async () => {
  for (const line of ['--days 1', '--days 36500', '--before 7d --pause 0 --batch-size 1'])
    expect((await runCli(['cleanup', ...line.split(' '), '--yes'])).code).toBe(3)
})
