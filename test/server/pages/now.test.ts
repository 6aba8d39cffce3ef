import { afterAll, beforeAll, expect, it } from 'vitest'
import { query } from '../../../src/db/query/query.ts'
import { countRunning, runsPerHour } from '../../../src/queries/executions/activity.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite

beforeAll(async () => {
  database = await createMigrated('pages_now')
  site = openSite(database)
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

/** The text of a figure: 'Stuck 2 no write for 10 minutes'. */
async function figure(id: string, query = ''): Promise<string> {
  const body = await (await site.get(`/${query}`)).text()
  const [, found = ''] = new RegExp(`<li id="${id}" data-live>(.*?)</li>`, 's').exec(body) ?? []
  return found
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
}
const section = async (id: string) => {
  const body = await (await site.get('/')).text()
  return body.split(`<div id="${id}" data-live>`)[1]?.split('data-live')[0] ?? ''
}

/** A run that began this long ago. */
const insert = (name: string, ago: string, more: Record<string, unknown> = {}) => {
  const fields = Object.entries(more)
  return database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time${fields.map(([field]) => `, ${field}`).join('')})
     values ($1, 'user_1', 'Sales', 'm', now() - $2::interval${fields.map((_, place) => `, $${place + 3}`).join('')})`,
    [name, ago, ...fields.map(([, value]) => value)],
  )
}

it('an empty store has a page without runs', async () => {
  expect(await figure('figure-running')).toBe('Running 0 no active run')
  expect(await figure('figure-stuck')).toBe('Stuck 0 no write for 10 minutes')
  expect(await figure('figure-errors')).toBe('Errors in the last hour 0 0 in the hour before')
  expect(await figure('cost')).toMatch(
    /^Cost today \$0\.00 0 runs; \w+,? \d+ \w+ to \d\d:\d\d: \$0\.00$/,
  )
  expect(await section('running')).toContain('No run is running.')
  expect(await section('failures')).toContain('No run has failed.')
  expect(await section('hours')).toContain('No run has started in the last 24 hours.')
})

it('runs without a write for 10 minutes are stuck, and listed apart', async () => {
  await insert('Active', '5 hours', { updated_at: new Date() })
  await database.sql(`set session_replication_role = replica`)
  await insert('Silent', '3 hours', { updated_at: new Date(Date.now() - 3_600_000) })
  expect(await figure('figure-running')).toBe('Running 2 longest 5h 00m')
  expect(await figure('figure-stuck')).toBe('Stuck 1 no write for 10 minutes')
  const [stuck, running] = [await section('stuck'), await section('running')]
  expect([stuck.includes('Silent'), stuck.includes('Active')]).toEqual([true, false])
  expect([running.includes('Silent'), running.includes('Active')]).toEqual([false, true])
  expect(running).toContain('href="/executions?status=running"')
})

it('errors are those of the last hour, by message', async () => {
  for (const ago of ['1 minute', '59 minutes', '61 minutes'])
    await insert('Failing', ago, { status: 'failed', error_message: `limit of ${ago} reached` })
  await insert('Failing', '2 minutes', { status: 'partial', error_message: 'another reason' })
  expect(await figure('figure-errors')).toBe('Errors in the last hour 3 1 in the hour before')
  const failures = await section('failures')
  expect(failures.match(/data-key/g)).toHaveLength(2)
  expect(failures).toContain('href="/errors?since=1h"')
})

it('the cost of today is compared with the same weekday up to the same time', async () => {
  await database.sql('truncate workflow_executions cascade')
  // Kiribati has the next day 14 hours before UTC; a time in the day that is not near midnight is in one of the two zones.
  const zone = new Date().getUTCHours() < 12 ? 'Etc/GMT-12' : 'UTC'
  await insert('Today', '1 minute', { status: 'success', total_cost: 3 })
  await insert('Last week', '7 days 1 minute', { status: 'success', total_cost: 2 })
  await insert('Last week, later', '6 days 23 hours 59 minutes', {
    status: 'success',
    total_cost: 50,
  })
  await insert('Yesterday', '1 day', { status: 'success', total_cost: 70 })
  expect(await figure('cost', `?tz=${zone}`)).toMatch(
    /^Cost today \$3\.00 1 run; \+50\.0% compared with \w+,? \d+ \w+ to \d\d:\d\d \(\$2\.00\)$/,
  )
})

it('runs per hour include removed runs, and hours without runs', async () => {
  await database.sql('truncate workflow_executions cascade')
  const run = async () => {
    const client = await database.connect()
    const given: Parameters<typeof runsPerHour>[0] = (statement, shape) =>
      query(client, statement, shape, { json: 'text' })
    const found = {
      hours: await runsPerHour(given, 24, 'Asia/Kolkata'),
      counts: await countRunning(given),
    }
    await client.end()
    return found
  }
  await database.sql(`
    insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time)
    select 'w', 'u', 'm', 'm', status, date_trunc('hour', now(), 'Asia/Kolkata') - interval '3 hours' + interval '59 minutes'
    from unnest(array['success', 'failed', 'partial', 'running']) as status;
    insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
      steps_total, steps_completed, steps_failed, duration_ms, timed_runs, last_start_time)
    values (date_trunc('hour', now(), 'Asia/Kolkata') - interval '3 hours', 'u', 'w', 'm', 'm', 'failed', 5, 0, 0, 0, 0, 0, 0, 0, now())`)
  const { hours, counts } = await run()
  expect(hours).toHaveLength(24)
  expect(hours.map(({ runs, failed, partial }) => [runs, failed, partial])).toEqual([
    ...Array.from({ length: 20 }, () => [0, 0, 0]),
    [9, 6, 1],
    ...Array.from({ length: 3 }, () => [0, 0, 0]),
  ])
  expect(new Set(hours.map(({ hour }) => hour.slice(14, 16)))).toEqual(new Set(['30']))
  expect(counts).toEqual({ running: 1, stuck: 0 })
})
