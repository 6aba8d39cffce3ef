import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldRuns } from '../../../queries/usage/support.ts'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createAdopted } from '../../../support/migrated.ts'

let database: TestDatabase
let exact: (argv: string[]) => Promise<Report>
const SPAN = ['--since', '2026-10-15', '--until', '2026-11-20']
const MONTHS = `('2026-10', '2026-11')`

interface Sums {
  runs: string
  cost: string
  tokens: string
  bills: string
  billed: string
  paid: string
  unpaid: string
  unpaidBills: string
  billedTokens: string
}
interface Line extends Sums {
  month: string
  modelId: string
}
interface Report {
  userCount: string
  users: (Sums & { userId: string | null; other: boolean; lines: Line[] })[]
  months: (Sums & { month: string })[]
}

beforeAll(async () => {
  database = await createAdopted('cli_report_users')
  // Half of the runs are removed, so that their costs come from the history.
  await foldRuns(database, `status <> 'running' and start_time < '2026-11-01'`)
  exact = async (argv) => {
    const { code, stdout, stderr } = await runCli([
      'report',
      '--json',
      ...argv,
      '--database-url',
      database.url,
    ])
    expect([code, stderr]).toEqual([0, ''])
    // Numbers as text, with every digit that matters.
    return JSON.parse(
      stdout.replace(/: (-?\d+(?:\.\d+)?)/g, (_, number: string) => `: "${bare(number)}"`),
    )
  }
})
afterAll(() => database.drop())

const bare = (number: string) => (number.includes('.') ? number.replace(/\.?0+$/, '') : number)

const SUMS = `select count(*)::text as bills, trim_scale(coalesce(sum(cost), 0))::text as billed,
    trim_scale(coalesce(sum(cost) filter (where paid), 0))::text as paid,
    trim_scale(coalesce(sum(cost) filter (where not paid), 0))::text as unpaid,
    (count(*) filter (where not paid))::text as "unpaidBills", coalesce(sum(tokens_total), 0)::text as "billedTokens"
  from billing_records where billing_period in ${MONTHS}`
const USED = `select coalesce(sum(runs), 0)::text as runs, trim_scale(coalesce(sum(cost), 0))::text as cost, coalesce(sum(tokens), 0)::text as tokens
  from (select user_id, start_time as at, 1 as runs, total_cost as cost, total_tokens as tokens from workflow_executions
        union all select user_id, quarter_start, runs, total_cost, total_tokens from usage_history) as all_runs
  where at >= '2026-10-15Z' and at < '2026-11-20Z'`

async function one(sql: string): Promise<Record<string, string>> {
  const client = await database.connect()
  const { rows } = await client.query(sql)
  await client.end()
  return rows[0]
}

describe('the bill of a user', () => {
  it('has runs, tokens, cost, billed, paid and unpaid as SQL adds them', async () => {
    const { users, userCount } = await exact(SPAN)
    expect(users.length).toBe(Number(userCount))
    expect(users.length).toBeGreaterThan(8)
    for (const { userId, other, lines, ...sums } of users) {
      const where = `and user_id = '${userId}'`
      expect(sums).toEqual({
        ...(await one(`${USED} ${where}`)),
        ...(await one(`${SUMS} ${where}`)),
      })
      for (const { month, modelId, ...line } of lines) {
        const ofLine = `${where} and billing_period = '${month}' and model_id = '${modelId}'`
        expect(line).toEqual(await one(`${SUMS} ${ofLine}`))
      }
      expect(other).toBe(false)
      const bills = lines.reduce((sum, line) => sum + Number(line.bills), 0)
      expect(bills).toBe(Number(sums.bills))
    }
  })
  it('of a list that is cut, the last row has all other users, and the page says how many there are', async () => {
    const all = await exact(SPAN)
    const { users, userCount } = await exact([...SPAN, '--top', '3'])
    expect(userCount).toBe(all.userCount)
    expect(users.slice(0, 3)).toEqual(all.users.slice(0, 3))
    const [rest] = users.slice(3)
    const others = all.users.slice(3).map(({ userId }) => `'${userId}'`)
    const where = `and user_id in (${others})`
    const { userId, other, lines, ...sums } = rest as Report['users'][number]
    expect([userId, other, lines, users.length]).toEqual([null, true, [], 4])
    expect(sums).toEqual({ ...(await one(`${USED} ${where}`)), ...(await one(`${SUMS} ${where}`)) })
    const page = await runCli(['report', ...SPAN, '--top', '3', '--database-url', database.url])
    expect(page.stdout).toContain(`<span>3 of ${userCount} users, the highest cost first `)
    expect(page.stdout).toMatch(/<span>3 of \d+ workflows, the highest cost first /)
    expect(page.stdout).toMatch(/<span>3 of \d+ workflows, the longest duration/)
    expect(page.stdout).toMatch(/<span>3 of \d+ runs, the highest cost first /)
    expect(page.stdout.match(/<details class="bill">/g)).toHaveLength(3)
  })
  it('--top all cuts no list', async () => {
    const argv = ['report', ...SPAN, '--top', 'all', '--database-url', database.url]
    const { code, stdout } = await runCli(argv)
    expect(code).toBe(0)
    expect(stdout).not.toMatch(/<span>\d+ of /)
    expect(stdout).not.toContain('all others')
  })
  it.each(['0', '-1', 'none', '1.5'])('--top %s is wrong usage', async (top) => {
    const { code, stderr } = await runCli(['report', '--top', top, '--database-url', database.url])
    expect(code).toBe(2)
    expect(stderr).toContain('It must be a whole number of at least 1, or all')
  })
  it('the sums of the months are those of the whole bills and of the runs in the days', async () => {
    const { months } = await exact(SPAN)
    expect(months.map(({ month }) => month)).toEqual(['2026-10', '2026-11'])
    for (const {
      month,
      bills,
      billed,
      paid,
      unpaid,
      unpaidBills,
      billedTokens,
      runs,
      cost,
      tokens,
    } of months) {
      expect({ bills, billed, paid, unpaid, unpaidBills, billedTokens }).toEqual(
        await one(`${SUMS} and billing_period = '${month}'`),
      )
      expect({ runs, cost, tokens }).toEqual(
        await one(`${USED} and to_char(at at time zone 'UTC', 'YYYY-MM') = '${month}'`),
      )
    }
  })
  it('a period whose name is no month is named, because no month has its bills', async () => {
    // As an adopted database can have them.
    await database.sql(
      `alter table billing_records drop constraint billing_records_month;
       insert into billing_records (user_id, model_id, timestamp, billing_period, cost) values ('u', 'm', '2026-10-20Z', 'Q4 <b>', 1)`,
    )
    const argv = ['report', ...SPAN, '--database-url', database.url]
    expect((await runCli(argv)).stdout).toContain(
      'Bills of these periods are in no month and not in this report: <bdi>Q4 &lt;b&gt;</bdi>.',
    )
    await database.sql(`delete from billing_records where billing_period = 'Q4 <b>'`)
  })
})

describe('a report with hidden rows is not written', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wfstore-hidden-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  it.each([
    ['billing_records', 'policies'],
    ['usage_history', 'policies'],
    ['workflow_executions', 'rights'],
    ['wfstore_periods', 'rights'],
  ])('%s: %s', async (table, what) => {
    const role = `reader_${table}_${process.pid}`
    await database.sql(
      `create role ${role} login; grant usage on schema public to ${role}; grant select on all tables in schema public to ${role}`,
    )
    await database.sql(
      what === 'rights'
        ? `revoke select on ${table} from ${role}`
        : `alter table ${table} enable row level security; create policy own on ${table} using (user_id = 'user_1')`,
    )
    const url = new URL(database.url)
    url.username = role
    const argv = ['report', '--out', 'report.html', '--database-url', url.href]
    const { code, stdout, stderr } = await runCli(argv, { cwd: folder })
    expect([code, stdout, readdirSync(folder)]).toEqual([1, '', []])
    expect(stderr).toMatch(new RegExp(`^error: .*${table}.*\\n$`))
    if (what === 'policies')
      await database.sql(
        `drop policy own on ${table}; alter table ${table} disable row level security`,
      )
    await database.sql(`drop owned by ${role}; drop role ${role}`)
  })
})
