import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AT, fail } from '../../queries/errors/support.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createMigrated } from '../../support/migrated.ts'
import { HOSTILE } from './execution/store.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite
const NOW = new Date('2026-11-21T00:00:00Z')
const id = (number: number) => `0e000001-0000-7000-8000-${String(number).padStart(12, '0')}`

beforeAll(async () => {
  database = await createMigrated('page_errors')
  const runs = [
    ...[1, 2, 3, 20].map((hour) => ({
      hour,
      message: `limit of ${hour} requests`,
      steps: ['429', '429'],
    })),
    { hour: -3, message: 'limit of 9 requests', user: 'v', workflow: 'other' },
    { hour: 5, message: HOSTILE, workflow: HOSTILE, user: HOSTILE },
    { hour: 6, message: null, steps: [null] },
    { hour: -4, message: 'went away' },
  ]
  // The ids of steps are random, so only runs whose steps are not shown are in golden files.
  for (const [index, failing] of runs.entries())
    await fail(database, { ...failing, run: id(index + 1) })
  await fail(database, { hour: 30, message: 'later' })
  await fail(database, { hour: 3, message: 'cancelled', status: 'cancelled' })
  await database.sql(
    `insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
       steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
     values ($1::timestamptz + interval '1 hour', 'u', 'w', 'm', 'x', 'failed', 3, 0, 0, 0, 0, 0, 0, 0, $1)`,
    [AT],
  )
  site = openSite(database, { now: () => NOW, basePath: '/wf' })
})
afterAll(async () => {
  expect(site.errors).toEqual([])
  await site.close()
  await database.drop()
})

const open = async (path: string) => {
  const answer = await site.get(path)
  return { status: answer.status, body: await answer.text() }
}
const mainOf = (body: string) => /<main[^>]*>([\s\S]*)<\/main>/.exec(body)?.[1] ?? ''
/** The link to the group with this text. */
const groupLink = (body: string, text: string) =>
  [...body.matchAll(/href="\/wf(\/errors\/group\?[^"]+)">([^<]*)</g)]
    .find(([, , shown]) => shown?.includes(text))?.[1]
    ?.replaceAll('&amp;', '&') ?? ''

describe('the groups of errors', () => {
  it('are those of the last 24 hours, compared with the time before', async () => {
    const { status, body } = await open('/errors')
    expect(status).toBe(200)
    expectGolden('server/errors.html', mainOf(body))
  })

  it('have the numbers of another query', async () => {
    const { body } = await open('/errors?since=2026-11-20T00:00:00Z')
    const count = async (from: string, to: string) => {
      const [row] = await database.sql(
        `select count(*)::int as runs from workflow_executions where status in ('failed', 'partial') and start_time >= $1 and start_time < $2`,
        [from, to],
      )
      return row?.runs
    }
    const now = await count('2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z')
    const before = await count('2026-11-19T00:00:00Z', '2026-11-20T00:00:00Z')
    expect(body).toContain(
      `<dt>Failed and partial runs</dt><dd class="value">${now}</dd><dd class="about">${before} in the 1d 00h before`,
    )
  })

  it('say how many runs are removed, which are in no group', async () => {
    expect((await open('/errors')).body).toContain(
      '3 failed or partial runs of this time were removed by cleanup and are in no group.',
    )
    expect((await open('/errors?model=x')).body).toContain(
      'Their history does not know these filters',
    )
  })

  it('are cut with the number of the others', async () => {
    const { body } = await open('/errors?limit=1')
    expect(body).toContain('The 1 largest of 4 groups')
    expect(body).toContain('3 smaller groups not shown.')
  })

  it('take the filters of runs, and no other parameter', async () => {
    expect((await open('/errors?workflow=other')).body).toContain('1 group')
    for (const query of ['status=failed', 'what=1', 'limit=0', 'since=later', 'since=1h&until=2h'])
      expect((await open(`/errors?${query}`)).status).toBe(400)
  })

  it('have links to all of them as CSV and JSON, which are the same groups', async () => {
    const { body } = await open('/errors?limit=1&workflow=w')
    const [, link = ''] = /href="\/wf(\/csv\/errors\/groups[^"]+)"/.exec(body) ?? []
    const answer = await site.get(link.replaceAll('&amp;', '&'))
    expect(answer.status).toBe(200)
    const [head, ...rows] = (await answer.text()).trimEnd().split('\r\n')
    expect(head).toContain('trend,runs,before')
    expect(rows).toHaveLength(3)
  })
})

describe('one group', () => {
  it('has the runs that the list of groups counts, and their failed steps', async () => {
    const { body } = await open('/errors')
    const group = (await open(groupLink(body, 'limit of'))).body
    expect(group).toContain('<dt>Runs</dt><dd class="value">4</dd>')
    expect(group).toContain('All 4 runs, newest first')
    for (const number of [1, 2, 3, 4]) expect(group).toContain(`/wf/executions/${id(number)}"`)
    expect(group).not.toContain(id(5))
    const [step] = await database.sql(
      `select step_id::text as id from workflow_steps where execution_id = $1 and step_name = 'step 2'`,
      [id(4)],
    )
    expect(group).toContain(`href="/wf/executions/${id(4)}?step=${step?.id}#step-${step?.id}"`)
    // Each link to a step leads to the page of its run.
    expect((await open(`/executions/${id(4)}?step=${step?.id}`)).body).toContain(
      `id="step-${step?.id}"`,
    )
  })

  it('is listed in pages', async () => {
    const { body } = await open('/errors')
    const link = `${groupLink(body, 'limit of')}&limit=3`
    const first = (await open(link)).body
    const [, next = ''] = /rel="next" href="\/wf([^"]+)"/.exec(first) ?? []
    const second = (await open(next.replaceAll('&amp;', '&'))).body
    expect(second).toContain(id(1))
    expect(second).not.toContain(`/wf/executions/${id(2)}"`)
  })

  it('of runs without a message is reached, too', async () => {
    const { body } = await open('/errors')
    const group = await open(groupLink(body, '(no message)'))
    expect(group.body).toContain('All 1 run, newest first')
    expect(group.body).toContain('tool 1')
  })

  it('that is gone has no runs, but its past', async () => {
    const { body } = await open('/errors')
    const group = (await open(groupLink(body, 'went away'))).body
    expect(group).toContain('trend-gone')
    expect(group).toContain('No run in this time.')
  })

  it('needs a fingerprint and the beginning of its time', async () => {
    for (const query of [
      '',
      '?fingerprint=x',
      '?since=1h',
      '?since=1h&fingerprint=x&fingerprint=y',
    ])
      expect((await open(`/errors/group${query}`)).status).toBe(400)
    expect(
      (await open('/errors/group?fingerprint=never+seen&since=2026-11-20T00:00:00Z')).body,
    ).toContain('No failed or partial run of this group')
  })

  it('shows texts from the database as texts', async () => {
    const { body } = await open('/errors')
    const pages = [body, (await open(groupLink(body, 'script'))).body]
    for (const page of pages) {
      expect(page).not.toContain('<img')
      expect(page).not.toContain('<script>')
      expect(page).not.toContain('\u202e')
    }
    expect(pages[1]).toContain('All 1 run, newest first')
  })
})
