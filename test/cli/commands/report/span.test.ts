import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
/** The tests have Thursday, 26 November 2026, 12:00 UTC. */
const report = (argv: string[], options = {}) =>
  runCli(['report', ...argv, '--database-url', database.url], options)
const spanOf = (page: string) =>
  (/<p class="span">(.*?)<\/p>/s.exec(page)?.[1] ?? '').replace(/<[^>]+>/g, '')
const ends = async (argv: string[]) => {
  const { code, stdout, stderr } = await report([...argv, '--json'])
  expect([code, stderr.replace(/^a report covers.*\n/gm, '')]).toEqual([0, ''])
  const { since, until, timeZone } = JSON.parse(stdout)
  return [since, until, timeZone].map((text: string) => text.replace('.000', ''))
}

beforeAll(async () => {
  database = await createMigrated('cli_report_span')
})
afterAll(() => database.drop())

describe('a report covers whole days of one zone', () => {
  it.each<[string, string[], string[]]>([
    ['the last 30 days', [], ['2026-10-28T00:00:00Z', '2026-11-27T00:00:00Z', 'UTC']],
    [
      'the last 30 days in another zone',
      ['--tz', 'Asia/Kathmandu'],
      ['2026-10-27T18:15:00Z', '2026-11-26T18:15:00Z', 'Asia/Kathmandu'],
    ],
    [
      'given days',
      ['--since', '2026-10-05', '--until', '2026-10-07'],
      ['2026-10-05T00:00:00Z', '2026-10-07T00:00:00Z', 'UTC'],
    ],
    [
      'hours, from midnight to midnight',
      ['--since', '24h'],
      ['2026-11-25T00:00:00Z', '2026-11-27T00:00:00Z', 'UTC'],
    ],
    [
      'times inside a day, from the midnight before to the one after',
      ['--since', '2026-10-05T10:00', '--until', '2026-10-06T00:00:01', '--tz', 'Europe/Berlin'],
      ['2026-10-04T22:00:00Z', '2026-10-06T22:00:00Z', 'Europe/Berlin'],
    ],
    // On 25 October clocks in Berlin go back: the day has 25 hours.
    [
      'days of 25 hours',
      ['--since', '2026-10-25T12:00', '--until', '2026-10-25T13:00', '--tz', 'Europe/Berlin'],
      ['2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', 'Europe/Berlin'],
    ],
    [
      'yesterday',
      ['--since', 'yesterday', '--until', 'today'],
      ['2026-11-25T00:00:00Z', '2026-11-26T00:00:00Z', 'UTC'],
    ],
    ['a month', ['--period', '2026-10'], ['2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z', 'UTC']],
    [
      'a range of months',
      ['--period', '2025-12..2026-02'],
      ['2025-12-01T00:00:00Z', '2026-03-01T00:00:00Z', 'UTC'],
    ],
    [
      'a list of months',
      ['--period', '2026-10,2026-08', '--period', '2026-09'],
      ['2026-08-01T00:00:00Z', '2026-11-01T00:00:00Z', 'UTC'],
    ],
  ])('%s', async (_, argv, expected) => {
    expect(await ends(argv)).toEqual(expected)
  })

  it('a moved time is on the page and on stderr, a given midnight is not', async () => {
    const { stdout, stderr } = await report(['--since', '30h'])
    expect(stderr).toBe('a report covers whole days: --since is 2026-11-25T00:00:00Z\n')
    expect(spanOf(stdout)).toBe('25 November 2026 to 26 November 2026 UTC')
    expect(stdout).toContain(
      '<li>--since is 25 November 2026, 06:00; the report begins at 2026-11-25 00:00.</li>',
    )
    expect((await report(['--since', '2026-11-25'])).stderr).toBe('')
  })

  it('a run on its first and last instant is counted, one outside is not', async () => {
    await database.sql(`insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
      select 'w', 'u', 'm', 'x', 'success', at, at, 1
      from unnest(array['2026-10-04 21:59:59.999999Z', '2026-10-04 22:00Z', '2026-10-05 21:59:59.999999Z', '2026-10-05 22:00Z']::timestamptz[]) as at`)
    const argv = ['--json', '--since', '2026-10-05T23:00', '--until', '2026-10-05T23:30']
    const { stdout } = await report([...argv, '--tz', 'Europe/Berlin'])
    expect(JSON.parse(stdout).totals.totalExecutions).toBe(2)
    await database.sql('truncate workflow_executions cascade')
  })
})

describe('--period is a month of billing', () => {
  it('this and last are months in the billing zone by the clock of the server', async () => {
    const client = await database.connect()
    const { rows } = await client.query(
      `select to_char(now() at time zone 'UTC', 'YYYY-MM-01"T00:00:00Z"') as this,
              to_char(now() at time zone 'UTC' - interval '1 month', 'YYYY-MM-01"T00:00:00Z"') as last`,
    )
    await client.end()
    const now = { now: '2100-01-15T00:00:00Z' }
    for (const word of ['this', 'last']) {
      const { stdout } = await report(['--json', '--period', word], now)
      expect(JSON.parse(stdout).since.replace('.000', '')).toBe(rows[0][word])
    }
  })
  it('its days are those of the billing zone, which the page names, and no other zone is possible', async () => {
    await database.sql(`insert into wfstore_settings (time_zone) values ('Europe/Berlin')`)
    expect(await ends(['--period', '2026-10'])).toEqual([
      '2026-09-30T22:00:00Z',
      '2026-10-31T23:00:00Z',
      'Europe/Berlin',
    ])
    const { stdout } = await report(['--period', '2026-10'])
    expect(spanOf(stdout)).toBe('1 October 2026 to 31 October 2026 Europe/Berlin')
    expect(stdout).not.toContain('UTC')
    // The default of all reports.
    expect((await ends([]))[2]).toBe('Europe/Berlin')
    expect(await report(['--period', '2026-10', '--tz', 'UTC'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error: --tz UTC is not the billing zone, Europe/Berlin; use --tz Europe/Berlin, or --since and --until\n',
    })
    await database.sql('delete from wfstore_settings')
  })
  it.each([
    ['2026-13', 'It must be a month such as 2026-10'],
    ['2026-1', 'It must be a month such as 2026-10'],
    ['2026-08..', 'It must be a month such as 2026-10'],
    ['2026-08..2026-09..2026-10', 'It must be a month such as 2026-10'],
    ['2026-10..2026-08', '--period 2026-10..2026-08 ends before it begins'],
    ['2026-08,2026-10', '--period has a gap: 2026-09 is missing; use --period 2026-08..2026-10'],
    ['1990-01..2026-10', '--period has 442 months, more than 120'],
    ['2026-12', '--period 2026-12 is not in the past'],
  ])('%s is wrong usage', async (period, message) => {
    const { code, stdout, stderr } = await report(['--period', period])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })
  it.each(['--since', '--until'])('it cannot be used with %s', async (flag) => {
    const { code, stderr } = await report(['--period', '2026-10', flag, '2026-10-02'])
    expect([code, stderr]).toEqual([
      2,
      `error: --period and ${flag} cannot be used together; remove ${flag}\n`,
    ])
  })
})

it('a client whose clock is slow does not refuse the current days', async () => {
  const localNow = new Date('2020-01-01T00:00:00Z')
  const today = new Date().toISOString().slice(0, 10)
  for (const argv of [
    ['--period', 'this'],
    ['--period', today.slice(0, 7)],
    ['--since', today],
  ])
    expect(await report([...argv, '--json'], { localNow })).toMatchObject({ code: 0, stderr: '' })
})

describe('the time before has the same length', () => {
  const before = async (argv: string[]) => {
    const { stdout } = await report(argv)
    const text = stdout.replace(/<[^>]+>/g, ' ')
    return /The time before, for comparison, is (.*?)\./.exec(text)?.[1]
  }
  it.each([
    [['--period', '2026-10'], '1 September 2026 to 30 September 2026'],
    [['--period', '2026-08..2026-10'], '1 May 2026 to 31 July 2026'],
    [['--since', '2026-10-05', '--until', '2026-10-08'], '2 October 2026 to 4 October 2026'],
    [['--since', '2026-10-26', '--tz', 'Europe/Berlin'], '24 September 2026 to 25 October 2026'],
  ])('%j', async (argv, expected) => {
    expect(await before(argv)).toBe(expected)
  })
  it('a month that is not over is not compared in percent', async () => {
    await database.sql(`insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
      values ('w', 'u', 'm', 'x', 'success', '2026-11-02Z', '2026-11-02Z', 1), ('w', 'u', 'm', 'x', 'success', '2026-10-20Z', '2026-10-20Z', 2)`)
    const headline = async (argv: string[]) =>
      /<dd class="about">(.*?)<\/dd>/.exec((await report(argv)).stdout)?.[1]
    expect(await headline(['--period', '2026-11'])).toBe('October 2026: $2.00')
    expect(await headline(['--since', '2026-11-01'])).toBe(
      '−50.0% compared with the 26 days before ($2.00)',
    )
    await database.sql('truncate workflow_executions cascade')
  })
})
