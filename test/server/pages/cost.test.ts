import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { units } from '../../queries/billing/support.ts'
import { foldRuns } from '../../queries/usage/support.ts'
import { NOW } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted } from '../../support/migrated.ts'
import { columnIn, figuresIn, linksIn, mainOf, tableIn, textIn } from './reading.ts'
import { openSite, type TestSite } from './support.ts'

const TIME = 'since=2026-10-20&until=2026-11-25'

let database: TestDatabase
let site: TestSite

beforeAll(async () => {
  database = await createAdopted('pages_cost')
  await database.sql(
    `update workflow_executions set tags = jsonb_build_object('team', 'team ' || total_tokens % 3) where total_tokens % 2 = 0`,
  )
  // Runs are removed from both times.
  await foldRuns(
    database,
    `status <> 'running' and start_time < '2026-11-01Z' and total_tokens % 3 > 0`,
  )
  site = openSite(database, { now: () => new Date(NOW) })
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

const get = async (query: string) => {
  const answer = await site.get(`/cost?${query}`)
  return { status: answer.status, body: await answer.text() }
}

/** The cost and the number of runs of a time, also of removed ones, without the queries of the page. */
async function truth(since: string, until: string, where = 'true') {
  const [row] = await database.sql(
    `select trim_scale(coalesce(sum(cost), 0))::text as cost, coalesce(sum(runs), 0)::int as runs from (
       select total_cost as cost, 1 as runs, start_time as at, user_id, model_id, mode, status from workflow_executions
       union all select total_cost, runs, quarter_start, user_id, model_id, mode, status from usage_history) as r
     where at >= $1::timestamptz and at < $2::timestamptz and ${where}`,
    [since, until],
  )
  return row as { cost: string; runs: number }
}

it('of the adopted database is as it was', async () => {
  const { status, body } = await get(`by=user&by=model&top=5&${TIME}`)
  expect(status).toBe(200)
  expectGolden('pages/cost.html', mainOf(body, database.name))
})

describe.each(['model', 'user', 'mode,status', 'workflow', 'tag:team', 'session', 'user,tag:team'])(
  'by %s',
  (by) => {
    it('the total is the sum of the rows, and both are those of the database', async () => {
      const { body } = await get(`by=${by}&top=4&${TIME}`)
      const [now, before] = [
        await truth('2026-10-20T00:00Z', '2026-11-25T00:00Z'),
        await truth('2026-09-14T00:00Z', '2026-10-20T00:00Z'),
      ]
      expect(now.runs).toBeGreaterThan(15)
      expect(before.runs).toBeGreaterThan(5)
      const table = tableIn(body, 'the highest cost first')
      for (const [head, total] of [
        ['Cost, USD', now.cost],
        ['Before, USD', before.cost],
      ] as const) {
        const amounts = columnIn(table, head)
        expect(units(amounts.at(-1)), head).toBe(units(total))
        expect(
          amounts.slice(0, -1).reduce((sum, amount) => sum + units(amount), 0n),
          head,
        ).toBe(units(total))
      }
      const runs = columnIn(table, 'Runs').map((text) => Number(text.replaceAll(',', '')))
      expect(runs.at(-1)).toBe(now.runs)
      expect(runs.slice(0, -1).reduce((sum, each) => sum + each, 0)).toBe(now.runs)
      const { Cost, Runs } = figuresIn(body)
      expect(units(Cost?.replace('$', ''))).toBe(units(now.cost))
      expect(Runs).toBe(String(now.runs))
    })
  },
)

it('by day the rows are in order of time, and only the total is compared', async () => {
  const { body } = await get(`by=day&top=100&${TIME}`)
  const table = tableIn(body, 'in order of time')
  expect(table.heads).not.toContain('Before, USD')
  const days = columnIn(table, 'Day').slice(0, -1)
  expect(days.length).toBeGreaterThan(10)
  expect(days).toEqual([...days].sort())
  const { cost } = await truth('2026-09-14T00:00Z', '2026-10-20T00:00Z')
  expect(textIn(body)).toContain(`before: $${Number(cost).toFixed(2)}`)
})

it('the bars of the chart have the same cost as the table by day', async () => {
  const { body } = await get(`by=model&${TIME}`)
  const { cost } = await truth('2026-10-20T00:00Z', '2026-11-25T00:00Z')
  const days = columnIn(tableIn(body, 'Cost per day by model'), 'total')
  expect(days).toHaveLength(36)
  const sum = days.filter((text) => text !== '–').reduce((all, day) => all + units(day), 0n)
  expect(sum).toBe(units(cost))
})

it('filters, and its links keep the filter', async () => {
  const { body } = await get(`by=user&model=gpt-4o&status=success&${TIME}`)
  const { cost } = await truth(
    '2026-10-20T00:00Z',
    '2026-11-25T00:00Z',
    `model_id = 'gpt-4o' and status = 'success'`,
  )
  expect(units(figuresIn(body).Cost?.replace('$', ''))).toBe(units(cost))
  const links = linksIn(body)
  const filter = 'model=gpt-4o&status=success&since=2026-10-20&until=2026-11-25'
  expect(links).toContain(`/csv/cost?${filter}&by=user&tz=UTC`)
  expect(links).toContain(`/cost?by=user&${filter}&user=user_1`)
  const runs = links.filter((link) => link.startsWith('/executions?'))
  expect(runs.find((link) => link.includes('user=user_1'))).toMatch(/model=gpt-4o.*status=success/)
})

it('the time before of a month is the month before, and of hours as many hours', async () => {
  const month = await get('by=mode&since=2026-11-01&until=2026-12-01')
  expect(textIn(month.body)).toContain(
    '1 November 2026 to 30 November 2026, compared with 1 October 2026 to 31 October 2026',
  )
  const hours = await get('by=mode&since=2026-11-25T06:00&until=2026-11-25T12:00')
  expect(textIn(hours.body)).toContain('compared with 25 November 2026 to 25 November 2026, 06:00')
})

it('without a time it is of the last 30 days, and with only an end of all time', async () => {
  const { body } = await get('')
  const { runs } = await truth('2026-10-27T12:00Z', '2027-01-01T00:00Z')
  expect(figuresIn(body).Runs).toBe(String(runs))
  const all = await get('until=2026-11-25')
  expect(figuresIn(all.body).Runs).toBe(
    String((await truth('2000-01-01', '2026-11-25T00:00Z')).runs),
  )
  expect(textIn(all.body)).not.toContain('compared with')
})

it('the CSV that it links to has all rows with all digits', async () => {
  const { body } = await get(`by=user&by=model&top=2&${TIME}`)
  const link = linksIn(body).find((each) => each.startsWith('/csv/cost')) as string
  const answer = await site.get(link)
  expect(answer.status).toBe(200)
  const [, ...lines] = (await answer.text()).trim().split('\n')
  const sum = lines.reduce((all, line) => all + units(line.split(',')[3]), 0n)
  expect(sum).toBe(units((await truth('2026-10-20T00:00Z', '2026-11-25T00:00Z')).cost))
})

it.each([
  ['by=colour', 'By is &quot;colour&quot;'],
  ['top=0', 'Top is &quot;0&quot;, not a whole number from 1 to 1000.'],
  ['since=yesteryear', 'yesteryear'],
  ['since=2026-11-02&until=2026-11-01', 'is not before'],
  ['colour=red', 'colour'],
  ['session=x', 'session'],
  ['tz=Nowhere', 'tz is &quot;Nowhere&quot;'],
])('%s is a page with status 400', async (query, text) => {
  const { status, body } = await get(query)
  expect(status).toBe(400)
  expect(body.toLowerCase()).toContain(text.toLowerCase())
})
