import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sum, units } from '../../queries/billing/support.ts'
import { NOW, runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createBills, ODD_USER } from './bills-support.ts'
import { columnIn, figuresIn, linksIn, mainOf, tableIn, tablesIn, textIn } from './reading.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite

beforeAll(async () => {
  database = await createBills('pages_bills')
  site = openSite(database, { now: () => new Date(NOW) })
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

const get = async (path: string) => {
  const answer = await site.get(path)
  return { status: answer.status, body: await answer.text() }
}
const one = async (text: string, values: unknown[] = []) =>
  (await database.sql(text, values))[0] as Record<string, string>

const dollarsOf = (text = '') => units(text.replace('$', '').replace('−', '-'))
const all = (amounts: string[]) => sum(amounts.map((text) => text.replace('−', '-')))

it.each([
  ['bills', '/bills'],
  ['bills-period', '/bills/2026-11?by=user'],
  ['bills-closed', '/bills/2026-10'],
  ['bills-statements', '/bills/2026-11/statements'],
  ['bills-records', '/bills/2026-11/records?limit=3'],
])('%s is as it was', async (name, path) => {
  const { status, body } = await get(path)
  expect(status).toBe(200)
  const ids =
    /[0-9a-f]{8}-[0-9a-f]{4}-[48][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{8}\b(?=<)/g
  const known = new Map<string, string>()
  // Bills have random ids.
  const main = mainOf(body, database.name).replace(ids, (id) => {
    const short = id.slice(0, 8)
    if (/^0{8}/.test(short)) return id
    if (!known.has(short)) known.set(short, `ID${known.size + 1}`)
    return known.get(short) as string
  })
  expectGolden(`pages/${name}.html`, main.replace(/cursor=[\w-]+/g, 'cursor=CURSOR'))
})

it('the list has each period with its state and payment, and its sums are those of the bills', async () => {
  const { body } = await get('/bills')
  const table = tableIn(body, 'Billing periods')
  expect(columnIn(table, 'Period')).toEqual(['old period', 'November 2026', 'October 2026'])
  expect(columnIn(table, 'State')).toEqual(['open', 'open', 'closed differs'])
  const rows = await database.sql(
    `select case when billing_period = '2026-10' then sum(cost) - 0.5 else sum(cost) end::text as cost,
       coalesce(sum(case when paid then cost end), 0)::text as paid, coalesce(sum(case when paid then 0 else cost end), 0)::text as unpaid
     from billing_records group by billing_period order by billing_period desc`,
  )
  for (const [head, field] of [
    ['Billed, USD', 'cost'],
    ['Paid', 'paid'],
    ['Unpaid', 'unpaid'],
  ] as const)
    expect(columnIn(table, head).map(units), head).toEqual(rows.map((row) => units(row[field])))
  expect(linksIn(body).filter((link) => link.includes('old'))).toEqual([])
})

it.each(['user', 'model', 'provider', 'meter', 'day', 'tag:team', 'user&by=model'])(
  'a period by %s: the rows add up to the total, which is that of the bills',
  async (by) => {
    const { body } = await get(`/bills/2026-11?by=${by}`)
    const table = tableIn(body, 'row')
    const truth = await one(
      `select sum(cost)::text as cost, sum(cost) filter (where paid)::text as paid, sum(cost) filter (where not paid)::text as unpaid,
         count(*)::text as bills, sum(tokens_total)::text as tokens from billing_records where billing_period = '2026-11'`,
    )
    for (const [head, field] of [
      ['Billed, USD', 'cost'],
      ['Paid', 'paid'],
      ['Unpaid', 'unpaid'],
    ] as const) {
      const amounts = columnIn(table, head)
      expect(units(amounts.at(-1)), head).toBe(units(truth[field]))
      expect(all(amounts.slice(0, -1)), head).toBe(units(truth[field]))
    }
    const figures = figuresIn(body)
    expect(dollarsOf(figures.Billed)).toBe(units(truth.cost))
    expect(dollarsOf(figures.Unpaid)).toBe(units(truth.unpaid))
    expect(figures.Tokens?.replaceAll(',', '')).toBe(truth.tokens)
  },
)

it('a period of one user has the bills of this user only', async () => {
  const { body } = await get('/bills/2026-11?user=user_2&by=model')
  const { cost } = await one(
    `select sum(cost)::text as cost from billing_records where billing_period = '2026-11' and user_id = 'user_2'`,
  )
  expect(dollarsOf(figuresIn(body).Billed)).toBe(units(cost))
})

it('the check names runs without a bill and with another cost, and links to them', async () => {
  const { body } = await get('/bills/2026-11')
  const text = textIn(body)
  expect(text).toContain('1 run without a bill: see below')
  const differences = tableIn(body, 'Each of them')
  expect(columnIn(differences, 'What')).toEqual([
    'run without a bill',
    'bill that differs from its run',
  ])
  expect(linksIn(body)).toContain('/executions/00000000-0000-4000-8000-000000000099')
})

it('a period with many bills is checked when a reader asks for it', async () => {
  await database.sql(
    `insert into billing_records (user_id, model_id, billing_period, cost) select 'many', 'm', '2025-02', 1 from generate_series(1, 10001)`,
  )
  const { body } = await get('/bills/2025-02?by=model')
  expect(textIn(body)).toContain(
    'Check the bills against their runs: this reads all 10,001 of them.',
  )
  expect(tablesIn(body, 'Check of')).toEqual([])
  const link = linksIn(body).find((each) => each.includes('reconcile=true')) as string
  expect(link).toBe('/bills/2025-02?by=model&reconcile=true')
  const checked = tableIn((await get(link)).body, 'Check of')
  expect(columnIn(checked, 'Number')).toEqual(['10,001'])
  await database.sql(`delete from billing_records where billing_period = '2025-02'`)
})

it('a closed period that has changed says with what it was closed', async () => {
  const text = textIn((await get('/bills/2026-10')).body)
  expect(text).toContain(
    'The bills have changed since the period was closed: it was closed with 8 bills of $36.00.',
  )
  expect(text).toContain('closed differs since 2026-11-02 09:30 by finance')
})

describe('statements', () => {
  it('have for each user lines that add up to the bills of the user', async () => {
    const { body } = await get('/bills/2026-11/statements')
    const users = await database.sql(
      `select user_id, sum(cost)::text as cost, coalesce(sum(cost) filter (where not paid), 0)::text as unpaid
       from billing_records where billing_period = '2026-11' group by 1 order by 1`,
    )
    const tables = tablesIn(body, 'added up by model and price')
    expect(tables).toHaveLength(users.length)
    const headings = [...body.matchAll(/<section class="statement"><h2>(.*?)<\/h2>/g)]
    for (const [place, { user_id, cost, unpaid }] of users.entries()) {
      const costs = columnIn(tables[place] as (typeof tables)[number], 'Cost, USD')
      expect(textIn(headings[place]?.[1] ?? '')).toBe(`${user_id} · November 2026`)
      expect(units(costs.at(-1)?.replace('−', '-'))).toBe(units(cost))
      const lines = costs.slice(0, -1).filter((text) => text !== '–')
      expect(all(lines)).toBe(units(cost))
      expect(textIn(body)).toContain(`$${String(unpaid).replace(/0+$/, '')}`)
    }
  })

  it('name a user as it is, also one with commas and quotes', async () => {
    const { body } = await get('/bills/2026-10')
    const link = linksIn(body).find((each) => each.includes('statements?user=o')) as string
    const statement = await get(link.replaceAll('&#39;', "'"))
    expect(textIn(statement.body)).toContain(`${ODD_USER} · October 2026`)
    expect(tablesIn(statement.body, 'added up by model and price')).toHaveLength(1)
  })

  it('of many users are on several pages, each user once', async () => {
    await database.sql(
      `insert into billing_records (user_id, model_id, billing_period, cost) select 'many ' || lpad(i::text, 3, '0'), 'm', '2025-01', 1 from generate_series(1, 120) as i`,
    )
    const seen: string[] = []
    for (let path: string | undefined = '/bills/2025-01/statements'; path !== undefined; ) {
      const { body } = await get(path)
      seen.push(...[...body.matchAll(/<h2><bdi>(many \d+)<\/bdi>/g)].map(([, user = '']) => user))
      path = linksIn(body).find((link) => link.includes('after=many'))
      if (seen.length > 200) break
    }
    expect(seen).toHaveLength(120)
    expect(new Set(seen).size).toBe(120)
    await database.sql(`delete from billing_records where billing_period = '2025-01'`)
  })
})

it('single bills can be read page by page, paid and unpaid ones too', async () => {
  const counts = await one(
    `select count(*) filter (where paid)::text as paid, count(*) filter (where not paid)::text as unpaid from billing_records where billing_period = '2026-11'`,
  )
  for (const [flag, count] of Object.entries(counts)) {
    const table = tableIn(
      (await get(`/bills/2026-11/records?${flag}=true`)).body,
      'Bills, newest first',
    )
    expect(table.rows).toHaveLength(Number(count))
    expect(columnIn(table, 'Payment').every((text) => text.startsWith(flag))).toBe(true)
  }
  const first = await get('/bills/2026-11/records?limit=20')
  const next = linksIn(first.body).find((link) => link.includes('cursor=')) as string
  const rows = [first, await get(next)].flatMap(
    ({ body }) => tableIn(body, 'Bills, newest first').rows,
  )
  expect(rows).toHaveLength(Number(counts.paid) + Number(counts.unpaid))
})

it('a bill has its lines, its correction and its run', async () => {
  const { id, cost, correction } = await one(
    `select b.billing_id as id, b.cost::text, c.billing_id as correction from billing_records b join billing_records c on c.corrects = b.billing_id`,
  )
  const { body } = await get(`/bills/2026-11/${id}`)
  const text = textIn(body)
  expect(text).toContain(`The lines of a bill add up to its cost, $${cost?.replace(/0+$/, '')}`)
  const lines = columnIn(tableIn(body, 'What the bill consists of'), 'Cost, USD')
  expect(all(lines.filter((each) => each !== '–'))).toBe(units(cost))
  expect(text).toContain('wrong <price>')
  expect(linksIn(body)).toContain(`/bills/2026-11/${correction}`)
  const corrected = await get(`/bills/2026-11/${correction?.slice(0, 8)}`)
  expect(textIn(corrected.body)).toContain(`Corrects bill ${id?.slice(0, 8)}`)
})

it('the months are those of the billing zone, and its times are in it too', async () => {
  const { body } = await get('/bills')
  expect(textIn(body)).toContain('Months begin at midnight in UTC.')
  expect(body).toContain('data-zone="UTC"')
  const answer = await site.get('/bills', { cookie: 'wfstore_tz=Asia%2FTokyo' })
  expect(await answer.text()).toContain('data-zone="UTC"')
  expect((await get('/bills?tz=Asia/Tokyo')).body).toContain('2026-11-02 18:30')
})

it('the FOCUS file is that of the command line', async () => {
  for (const user of ['', '?user=user_1']) {
    const answer = await site.get(`/bills/2026-11/focus.csv${user}`)
    const argv = ['billing', '--period', '2026-11', '-o', 'focus', '--database-url', database.url]
    const { stdout } = await runCli(user ? [...argv, '--user', 'user_1'] : argv)
    expect(answer.headers.get('content-disposition')).toContain('focus-2026-11.csv')
    expect(await answer.text()).toBe(stdout)
    expect(stdout.split('\n').length).toBeGreaterThan(20)
  }
})

it.each([
  ['/bills/2026-13/focus.csv', 400, 'period'],
  ['/bills/2026-11/focus.csv?by=user', 400, 'This page has no parameter by'],
  ['/bills/2026-13', 400, '"2026-13" is not a billing period'],
  [
    '/bills/2026-11?by=colour',
    400,
    'By is "colour", not one of user, model, provider, meter, day, total, tag:<name>',
  ],
  ['/bills/2026-11?by=total&by=user', 400, 'total cannot be combined'],
  ['/bills/2026-11?users=x', 400, 'This page has no parameter users'],
  ['/bills/2026-11/records?paid=maybe', 400, 'Paid is "maybe"'],
  ['/bills/2026-11/records?cursor=x', 400, 'cursor'],
  ['/bills/2026-11/records?limit=0', 400, 'Limit is "0"'],
  ['/bills/2026-11/nothing', 400, '"nothing" is not a bill id'],
  ['/bills/2026-11/ffffffff', 404, 'does not exist'],
])('%s has the status %i', async (path, status, text) => {
  const answer = await get(path)
  expect(answer.status).toBe(status)
  expect(textIn(answer.body).toLowerCase()).toContain(text.toLowerCase())
  // The same path would be refused again.
  if (!path.includes('?')) expect(linksIn(answer.body)).not.toContain(path)
})
