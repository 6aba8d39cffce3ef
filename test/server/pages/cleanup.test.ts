import { afterAll, beforeAll, expect, it } from 'vitest'
import { countCleanup } from '../../../src/cleanup/count.ts'
import { textOf } from '../../../src/server/markup/markup.ts'
import { planOf, planSection } from '../../../src/server/pages/cleanup/plan.ts'
import { units } from '../../queries/billing/support.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted } from '../../support/migrated.ts'
import { columnIn, figuresIn, linksIn, mainOf, tableIn, textIn } from './reading.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite

beforeAll(async () => {
  database = await createAdopted('pages_cleanup')
  // 60 cleanups of two months, one an hour.
  await database.sql(
    `insert into wfstore_cleanups (started_at, ended_at, cutoff, outcome, executions_removed, archive, error_message)
     select at, at + interval '90 s', at - interval '90 days', case when i % 20 = 0 then 'failed' else 'done' end, i,
       case when i % 10 = 0 then '/var/archive <' || i end, case when i % 20 = 0 then 'disk <full>' end
     from generate_series(1, 60) as i, lateral (select timestamptz '2026-10-01Z' + i * interval '1 h' as at) as t`,
  )
  site = openSite(database)
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

const get = async (path: string) => {
  const answer = await site.get(path)
  return { status: answer.status, body: await answer.text() }
}

it('the history is newest first, page by page, with the archive and the error of each cleanup', async () => {
  const { status, body } = await get('/cleanup')
  expect(status).toBe(200)
  expectGolden(
    'pages/cleanup.html',
    mainOf(body, database.name).replace(/cursor=[\w-]+/g, 'cursor=CURSOR'),
  )
  const first = columnIn(tableIn(body, 'newest first'), 'Runs').map(Number)
  expect(first).toEqual(Array.from({ length: 50 }, (_, index) => 60 - index))
  const next = linksIn(body).find((link) => link.includes('cursor=')) as string
  const older = columnIn(tableIn((await get(next)).body, 'newest first'), 'Runs').map(Number)
  expect(older).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  expect(textIn(body)).toContain('failed disk <full>')
  expect(textIn(body)).toContain('/var/archive <60')
})

it('counts what a cleanup would remove and keep, as the cleanup itself then does, and totals do not change', async () => {
  const { body } = await get('/cleanup?days=60')
  const client = await database.connect()
  const counted = await countCleanup(client, { days: 60 })
  await client.end()
  const removed = columnIn(tableIn(body, 'Rows older than this'), 'Would be removed')
  const { execution, step, audit, metric } = counted.remove
  expect(removed.map((text) => Number(text.replaceAll(',', '')))).toEqual([
    execution,
    step,
    audit,
    metric,
  ])
  expect(execution).toBeGreaterThan(10)
  const before = figuresIn((await get('/cost?since=2020-01-01&by=mode')).body)
  const argv = ['cleanup', '--days', '60', '--yes', '--database-url', database.url]
  expect(await runCli(argv, { localNow: new Date(), sleep: async () => {} })).toMatchObject({
    code: 0,
  })
  const after = await get('/cleanup?days=60')
  expect(figuresIn(after.body)['Removed runs']).toBe(String(execution))
  const [history] = await database.sql('select sum(total_cost)::text as cost from usage_history')
  expect(units(figuresIn(after.body)['Their cost']?.replace('$', ''))).toBe(units(history?.cost))
  expect(columnIn(tableIn(after.body, 'Rows older than this'), 'Would be removed')).toEqual([
    '0',
    '0',
    '0',
    '0',
  ])
  expect(figuresIn((await get('/cost?since=2020-01-01&by=mode')).body)).toEqual(before)
})

it('keep-last keeps the newest runs of each workflow', async () => {
  const { body } = await get('/cleanup?days=1&keep-last=1')
  const table = tableIn(body, 'Rows older than this')
  expect(table.rows[0]?.at(-1)?.text).toMatch(/\d newest of their workflow/)
  expect(textIn(body)).toContain('wfstore cleanup --days 1 --keep-last 1')
})

it('a count that takes too long is left out, with the command that has no limit', async () => {
  const [holder, client] = [await database.connect(), await database.connect()]
  // The count waits for this lock until its limit.
  await holder.query('begin; lock table observability_metrics in access exclusive mode')
  const planned = { days: 60, keepLast: 3 }
  const view = { client, signal: new AbortController().signal, timeZone: 'UTC' }
  const plan = await planOf(view, planned, 50)
  await holder.query('rollback')
  expect(plan).toBeUndefined()
  expect(textIn(textOf(planSection(view, planned, plan)))).toContain(
    'The count takes longer than 10.0s. Run wfstore cleanup --days 60 --keep-last 3 --dry-run',
  )
  expect(await planOf(view, planned, 50_000)).toMatchObject({ counts: { remove: { metric: 0 } } })
  await holder.end()
  await client.end()
})

it.each([
  ['days=0', 'Days is "0", not a whole number from 1 to 36500'],
  ['days=ninety', 'Days is "ninety"'],
  ['keep-last=2', 'Keep-last is given without days'],
  ['day=90', 'This page has no parameter day. Use days'],
  ['days=1&days=2', 'Days is given more than once'],
  ['cursor=x', 'cursor'],
])('%s is a page with status 400', async (query, text) => {
  const { status, body } = await get(`/cleanup?${query}`)
  expect(status).toBe(400)
  expect(textIn(body)).toContain(text)
})
