import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createMigrated } from '../../support/migrated.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite

const NOW = new Date('2026-11-26T12:00:00Z')
/** 25 runs, the newest has the number 1; each 5th has failed. */
const RUNS = 25

beforeAll(async () => {
  database = await createMigrated('pages_executions')
  await database.sql(`
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time,
      total_cost, total_tokens, steps_total, steps_completed, error_message)
    select ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'Workflow ' || i, 'user_' || i % 3, 'Sales', 'model-1',
      case when i % 5 = 0 then 'failed' else 'success' end, at, at + i * interval '1 second', i * 0.0012345, i * 1000, 4, 4,
      case when i % 5 = 0 then 'limit <b>reached</b>' end
    from generate_series(1, ${RUNS}) as i, lateral (select '2026-11-26T12:00:00Z'::timestamptz - i * interval '1 hour' as at) as t`)
  site = openSite(database, { now: () => NOW })
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

const get = async (path: string) => {
  const answer = await site.get(path)
  const body = await answer.text()
  return {
    status: answer.status,
    body,
    /** The numbers of the runs. */
    runs: [...body.matchAll(/<bdi>Workflow (\d+)<\/bdi>/g)].map((found) => Number(found[1])),
    total: /class="counted">(?:<div[^>]*>)?<p>([^<]*)</.exec(body)?.[1],
    /** The address of a link with this text. */
    link: (text: string) =>
      new RegExp(`href="([^"]*)">${text}<`).exec(body)?.[1]?.replaceAll('&amp;', '&'),
  }
}
const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, place) => first + place)

describe('the list', () => {
  it('has every row of the store as it was', async () => {
    const { body } = await get('/executions?limit=6&tz=Europe/Berlin')
    expectGolden(
      'pages/executions.html',
      body
        .replaceAll(/-[\w-]{12}\.(css|js|svg)/g, '-HASH.$1')
        .replaceAll(database.name, 'DATABASE'),
    )
  })

  it('has its pages in both directions, each row once', async () => {
    const first = await get('/executions?limit=10')
    expect(first.runs).toEqual(numbers(1, 10))
    expect(first.total).toBe('The first 10 of 25 runs')
    expect(first.link('← Newer')).toBeUndefined()
    const second = await get(String(first.link('Older →')))
    expect(second.runs).toEqual(numbers(11, 20))
    expect(second.total).toBe('10 of 25 runs')
    const third = await get(String(second.link('Older →')))
    expect(third.runs).toEqual(numbers(21, 25))
    expect(third.link('Older →')).toBeUndefined()
    const back = await get(String(third.link('← Newer')))
    expect(back.runs).toEqual(numbers(11, 20))
    expect(back.link('Older →')).toContain('cursor=')
    expect((await get(String(back.link('← Newer')))).runs).toEqual(numbers(1, 10))
    expect(back.link('Newest')).toBe('/executions?limit=10')
  })

  it('shows the newest page in full if there are fewer newer runs than a page has', async () => {
    const { link } = await get('/executions?limit=3')
    const second = await get(String(link('Older →')))
    const newer = await get(String(second.link('← Newer')).replace('limit=3', 'limit=10'))
    expect(newer.runs).toEqual(numbers(1, 10))
  })

  it('keeps what a time such as 5h means on later pages', async () => {
    await database.sql(
      `update workflow_executions set start_time = now() - interval '1 hour' * (total_tokens / 1000.0 + 0.5)`,
    )
    const first = await get('/executions?since=5h&limit=2')
    expect(first.runs).toEqual([1, 2])
    expect(first.total).toBe('The first 2 of 4 runs')
    const second = await get(String(first.link('Older →')))
    expect(second.runs).toEqual([3, 4])
    expect((await get(String(second.link('← Newer')))).runs).toEqual([1, 2])
  })

  it('is sorted by a column, by its name or heading, without a cursor', async () => {
    const sorted = await get('/executions?sort=cost:desc&limit=3')
    expect(sorted.runs).toEqual([25, 24, 23])
    expect(sorted.total).toBe('The first 3 of 25 runs')
    expect(sorted.body).toContain(
      'aria-sort="descending"><a href="/executions?limit=3&amp;sort=totalCost">Cost</a>',
    )
    expect(sorted.link('Older →')).toBeUndefined()
    expect(sorted.body).not.toContain('data-events')
    expect((await get('/executions?sort=totalCost&limit=3')).runs).toEqual([1, 2, 3])
    // Its own order is no other order.
    const own = await get('/executions?sort=started:desc&limit=3')
    expect(own.link('Older →')).toContain('cursor=')
  })

  it('counts what matches', async () => {
    expect((await get('/executions?status=failed')).total).toBe('5 runs')
    expect((await get('/executions?status=failed&user=user_1')).total).toBe('2 runs')
    const none = await get('/executions?user=no-user')
    expect([none.total, none.runs]).toEqual(['0 runs', []])
    expect(none.body).toContain('No run matches.')
  })

  it('links to its rows as CSV and JSON: with the same filter, and all of them', async () => {
    const { link } = await get('/executions?status=failed&limit=2')
    expect(link('JSON')).toBe('/api/v1/executions?status=failed')
    const csv = await site.get('/csv/executions?status=failed')
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="executions.csv"')
    expect(csv.headers.get('content-type')).toContain('text/csv')
    expect((await csv.text()).trim().split('\n')).toHaveLength(6)
    const wrong = await site.get('/csv/executions?staus=failed')
    expect([wrong.status, wrong.headers.has('content-disposition')]).toEqual([400, false])
    expect((await site.get('/csv/../executions')).status).not.toBe(500)
  })
})

describe('an address that is not valid', () => {
  it.each([
    ['staus=failed', 'Did you mean status?'],
    ['status=fail', 'running, success, failed'],
    ['since=soon', 'not a valid time'],
    ['since=1h&until=2h', 'not before'],
    ['limit=0', 'from 1 to 500'],
    ['limit=501', 'from 1 to 500'],
    ['limit=all', 'from 1 to 500'],
    ['sort=metadata', 'not a column'],
    ['sort=cost:down', 'not a column'],
    ['cursor=x', 'The cursor is damaged'],
    ['cursor=x&before=x', 'cannot be used together'],
    ['execution=x', 'is not an execution id'],
    ['execution=00000000-0000-7000-9000-000000000000', 'does not exist'],
    ['output=csv', 'Unknown parameter'],
    ['database-url=x', 'Unknown parameter'],
  ])('says what is wrong: %s', async (query, message) => {
    const { status, body } = await get(`/executions?${query}`)
    expect([400, 404]).toContain(status)
    expect(body.replaceAll('&quot;', '"')).toContain(message)
  })

  it('of a cursor of another filter is refused', async () => {
    const { link } = await get('/executions?limit=3')
    expect((await get(`${link('Older →')}&user=user_1`)).body).toContain('belongs to another query')
    const before = String((await get(String(link('Older →')))).link('← Newer'))
    expect((await get(`${before}&user=user_1`)).body).toContain('belongs to another query')
  })
})
