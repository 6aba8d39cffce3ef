import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
const report = (...argv: string[]) => runCli(['report', ...argv, '--database-url', database.url])
/** The first sentence of the page, and the part of a month. */
const verdictOf = (page: string) =>
  textOf(/<p class="verdict[^"]*">(.*?)<\/p>/s.exec(page)?.[1] ?? '').trim()
const partOf = (page: string, month: string) =>
  textOf(new RegExp(`<div class="part" id="m-${month}">(.*?)</table>`, 's').exec(page)?.[1] ?? '')
const textOf = (markup: string) => markup.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

beforeAll(async () => {
  database = await createMigrated('cli_report_months')
})
afterAll(() => database.drop())

const clear = () => database.sql('delete from workflow_executions; delete from billing_records')

/** A run that ended on a day and costs 1.5, and its bill with this difference from the run. */
async function billedRun(id: number, day: string, difference: string | null = '0') {
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, total_tokens)
     values ($1, 'w', 'u', 'm', 'x', 'success', $2, $2, 1.5, 10)`,
    [uuid(id), `${day}T10:00:00Z`],
  )
  if (difference === null) return
  await database.sql(
    `insert into billing_records (execution_id, user_id, model_id, timestamp, billing_period, cost, tokens_total)
     values ($1, 'u', 'x', $2, $3, 1.5 + $4::numeric, 10)`,
    [uuid(id), `${day}T10:00:00Z`, day.slice(0, 7), difference],
  )
}
const uuid = (id: number) => `00000000-0000-7000-8000-${String(id).padStart(12, '0')}`

describe('the sentence at the top is true of every month of the report', () => {
  const span = ['--since', '2026-10-15', '--until', '2026-11-20']
  it.each([
    ['the first', '9999.95', '0', 'October 2026', 'November 2026'],
    ['the last', '0', '9999.95', 'November 2026', 'October 2026'],
  ])('only %s of two months is off', async (_, october, november, off, other) => {
    await clear()
    await billedRun(1, '2026-10-20', october)
    await billedRun(2, '2026-11-10', november)
    const { code, stdout } = await report(...span)
    expect(code).toBe(0)
    expect(verdictOf(stdout)).toBe(
      `Bills and runs differ in 1 of 2 months: ${off} (1 run not as billed, billed minus cost $9,999.95).`,
    )
    const monthOf = (name: string) => (name === 'October 2026' ? '2026-10' : '2026-11')
    expect(partOf(stdout, monthOf(off))).toContain(`${off}: bills and runs differ`)
    expect(partOf(stdout, monthOf(off))).toContain(
      'runs that differ from their bills 1 10,001.45 1.50 9,999.95',
    )
    expect(partOf(stdout, monthOf(other))).toContain(`${other}: bills and runs agree`)
    expect(partOf(stdout, monthOf(other))).toContain('runs that match their bills 1 1.50 1.50 0.00')
  })
  it('no month is off', async () => {
    await clear()
    await billedRun(1, '2026-10-20')
    await billedRun(2, '2026-11-10')
    expect(verdictOf((await report(...span)).stdout)).toBe(
      'Bills and runs agree in October 2026 and November 2026.',
    )
  })
  it('of a month whose runs are removed it says that nothing is compared', async () => {
    await clear()
    await billedRun(1, '2026-10-20')
    await billedRun(2, '2026-11-10')
    await database.sql('delete from workflow_executions where execution_id = $1', [uuid(1)])
    expect(verdictOf((await report(...span)).stdout)).toBe(
      'Bills and runs agree in November 2026. Not compared: 1 removed run: only bills are kept. In October 2026 there are no runs to compare the bills with.',
    )
  })
  it('a month without bills and runs is neither', async () => {
    await clear()
    const { stdout } = await report('--period', '2026-10')
    expect(verdictOf(stdout)).toBe('No bills and no finished runs in October 2026.')
  })
  it('a month off by a few tokens, or by differences that cancel out, does not agree', async () => {
    await clear()
    await billedRun(1, '2026-10-20', '3')
    await billedRun(2, '2026-10-21', '-3')
    expect(verdictOf((await report('--period', '2026-10')).stdout)).toBe(
      'Bills and runs differ in October 2026 (2 runs not as billed, billed minus cost $0.00).',
    )
    await clear()
    await billedRun(1, '2026-10-20')
    await database.sql('update workflow_executions set total_tokens = 11')
    expect(verdictOf((await report('--period', '2026-10')).stdout)).toBe(
      'Bills and runs differ in October 2026 (1 run not as billed, billed minus cost $0.00).',
    )
  })
  it('a bill that was changed after the close is a difference', async () => {
    await clear()
    await billedRun(1, '2026-09-20')
    const argv = [
      'billing',
      'close',
      '--period',
      '2026-09',
      '--yes',
      '--database-url',
      database.url,
    ]
    expect(await runCli(argv)).toMatchObject({ code: 0 })
    await database.sql(`set session_replication_role = replica; update billing_records set cost = 2;
      update workflow_executions set total_cost = 2; reset session_replication_role`)
    expect(verdictOf((await report('--period', '2026-09')).stdout)).toBe(
      'Bills and runs differ in September 2026 (bills have changed since the close).',
    )
    await database.sql(`set session_replication_role = replica; delete from billing_records;
      delete from wfstore_periods; reset session_replication_role`)
  })
})

/** The model of a run or bill is the kind of its difference. Amounts have 9 places, so that sums need every digit. */
async function fillKinds(): Promise<void> {
  await clear()
  await database.sql(`
    create temp table made as
      select gen_random_uuid() as id, gen_random_uuid() as bill, kind, i,
             timestamptz '2026-10-03 10:00Z' + make_interval(days => i * 9) as ended, i * 0.000000123 + 0.7 as cost
      from unnest(array['agrees', 'unbilled', 'differs', 'no_run', 'run_gone', 'corrected']) as kind, generate_series(0, 5) as i;
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, total_tokens)
      select id, 'w', 'user_' || i % 2, 'm', kind, 'success', ended - interval '1 hour', ended, cost, 10 from made
      where kind not in ('no_run', 'run_gone');
    insert into billing_records (billing_id, execution_id, user_id, model_id, timestamp, billing_period, cost, tokens_total)
      select bill, case when kind = 'no_run' then wfstore_no_run() else id end, 'user_' || i % 2, kind, ended,
             to_char(ended at time zone 'UTC', 'YYYY-MM'), cost + case when kind = 'differs' then i * 0.01 - 0.003 else 0 end, 10
      from made where kind <> 'unbilled';
    insert into billing_records (execution_id, user_id, model_id, timestamp, billing_period, cost, tokens_total, corrects, metadata)
      select id, 'user_' || i % 2, kind, ended, '2026-11', -0.000000001, 0, bill, '{"reason": "ran twice"}' from made where kind = 'corrected';
    drop table made`)
}

/** Copies on the coordinator: the shards of a distributed store cannot answer EXPECTED. */
const COPY = `
  create temp table runs as select * from workflow_executions;
  create temp table billed as select *, nullif(execution_id, '00000000-0000-0000-0000-000000000000') as run from billing_records`

/** The same sums in other words: by the model that names the kind, without comparing bills and runs. */
const EXPECTED = `
  with bills as (
    select model_id as kind, run, array_agg(distinct billing_period) as months, sum(cost) as billed
    from billed where $1::text is null or user_id = $1
    group by model_id, run, case when run is null then billing_id end
  ), found as (
    select month, kind, billed, (select total_cost from runs where execution_id = bills.run) as cost
    from bills, unnest(months) as month
    union all
    select to_char(end_time at time zone 'UTC', 'YYYY-MM'), model_id, 0, total_cost from runs
    where model_id = 'unbilled' and ($1::text is null or user_id = $1)
  )
  select month, kind, count(*)::int as count, trim_scale(sum(billed))::text as "billedCost",
         trim_scale(sum(cost))::text as "runCost", trim_scale(sum(billed - cost))::text as "costDifference"
  from found group by 1, 2 order by 1, 2`

describe('every kind of difference has its number and amounts in each month, as SQL adds them', () => {
  beforeAll(fillKinds)
  it.each([
    ['all users', []],
    ['a user', ['--user', 'user_1']],
  ])('of %s', async (_, user) => {
    const { stdout } = await report('--json', '--period', '2026-10,2026-11', ...user)
    // Numbers as text, with every digit.
    const exact = stdout.replace(/: (-?\d[\d.]*)/g, ': "$1"')
    const bare = (text: string | null) =>
      text === null ? null : text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')
    interface Check {
      kind: string
      count: string
      billedCost: string
      runCost: string | null
      costDifference: string | null
    }
    const months: { month: string; checks: Check[] }[] = JSON.parse(exact).months
    const found = months.flatMap(({ month, checks }) =>
      checks.map(({ kind, count, billedCost, runCost, costDifference }) => ({
        month,
        kind,
        count: Number(count),
        billedCost: bare(billedCost),
        runCost: bare(runCost),
        costDifference: bare(costDifference),
      })),
    )
    const inOrder = (row: { month: string; kind: string }) => `${row.month} ${row.kind}`
    found.sort((a, b) => (inOrder(a) < inOrder(b) ? -1 : 1))
    const client = await database.connect()
    await client.query(COPY)
    const { rows } = await client.query(EXPECTED, [user[1] ?? null])
    await client.end()
    expect(found).toEqual(rows)
    expect(new Set(found.map(({ kind }) => kind)).size).toBe(6)
    expect(new Set(found.map(({ month }) => month)).size).toBe(2)
  })
  it('billing --reconcile counts the same for each month', async () => {
    const { months } = JSON.parse((await report('--json', '--period', '2026-10..2026-11')).stdout)
    for (const { month, checks } of months) {
      const argv = ['billing', '--period', month, '--reconcile', '--json']
      const { stdout } = await runCli([...argv, '--database-url', database.url])
      const rows: { kind: string }[] = JSON.parse(stdout)
      for (const { kind, count } of checks as { kind: string; count: number }[]) {
        if (kind !== 'agrees') expect(rows.filter((row) => row.kind === kind)).toHaveLength(count)
      }
    }
  })
})

describe('a report that has only a part of a month says so', () => {
  const cut = 'This report has only a part of its runs'
  it.each<[string, string[], Record<string, string | false>]>([
    [
      'at both ends',
      ['--since', '2026-10-15', '--until', '2026-11-20'],
      {
        '2026-10': `${cut}: 15 October 2026 to 31 October 2026. Its bills and the check are of the whole month.`,
        '2026-11': `${cut}: 1 November 2026 to 19 November 2026.`,
      },
    ],
    [
      'not at whole months',
      ['--period', '2026-09..2026-10'],
      { '2026-09': false, '2026-10': false },
    ],
    ['not at a month that is not over', ['--period', '2026-11'], { '2026-11': false }],
    [
      'in another zone than the months',
      ['--since', '2026-10-01', '--until', '2026-11-01', '--tz', 'America/New_York'],
      { '2026-10': `${cut}: 1 October 2026 to 31 October 2026, 20:00.` },
    ],
  ])('%s', async (_, argv, expected) => {
    const { code, stdout } = await report(...argv)
    expect(code).toBe(0)
    for (const [month, text] of Object.entries(expected)) {
      if (text === false) expect(partOf(stdout, month)).not.toContain(cut)
      else expect(partOf(stdout, month)).toContain(text)
    }
  })
  it('and that a month is not over', async () => {
    const { stdout } = await report('--period', '2026-10..2026-11')
    expect(partOf(stdout, '2026-10')).not.toContain('It is not over.')
    expect(partOf(stdout, '2026-11')).toContain('It is not over.')
  })
})
