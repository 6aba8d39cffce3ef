import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { openSite, type TestSite } from '../support.ts'
import {
  BILL,
  CHILD,
  FULL,
  fillRuns,
  HOSTILE,
  MANY,
  NOW,
  ONE,
  REMOVED,
  RUNNING,
  TRACED,
  TWINS,
} from './store.ts'

let database: TestDatabase
let site: TestSite
beforeAll(async () => {
  database = await createMigrated('page_of_a_run')
  await fillRuns(database)
  site = openSite(database, { now: () => NOW, basePath: '/wf' })
})
afterAll(async () => {
  expect(site.errors).toEqual([])
  await site.close()
  await database.drop()
})

const open = async (path: string) => {
  const answer = await site.get(path)
  return {
    status: answer.status,
    location: answer.headers.get('location'),
    body: await answer.text(),
  }
}
const runPage = async (id: string, query = '') => (await open(`/executions/${id}${query}`)).body
/** The content of a page without what changes with each release. */
const mainOf = (body: string) =>
  /<main[^>]*>([\s\S]*)<\/main>/.exec(body)?.[1]?.replaceAll(database.name, 'DATABASE') ?? ''
const section = (body: string, id: string) =>
  new RegExp(`<section id="${id}">([\\s\\S]*?)</section>`).exec(body)?.[1] ?? ''
const sum = async (sql: string, values: unknown[] = []) => {
  const [row] = await database.sql(`select (${sql})::text as value`, values)
  return String(row?.value)
}
/** The exact amounts of a part of a page. */
const titles = (part: string) => [...part.matchAll(/title="([−$\d.]+)"/g)].map(([, title]) => title)

describe('the page of a run', () => {
  it.each([
    ['full', FULL],
    ['child', CHILD],
    ['running', RUNNING],
    ['one', ONE],
    ['traced', TRACED],
    ['removed', REMOVED],
  ])('%s', async (name, id) => {
    const { status, body } = await open(`/executions/${id}`)
    expect(status).toBe(200)
    expectGolden(`server/execution-${name}.html`, mainOf(body))
  })

  it('shows texts from the database as texts', async () => {
    await database.sql(
      `update workflow_executions set workflow_name = $2, error_message = $2, tags = jsonb_build_object('t', $2::text), metadata = jsonb_build_object($2::text, 1) where execution_id = $1`,
      [TWINS[0], HOSTILE],
    )
    const body = await runPage(TWINS[0])
    expect(body).not.toContain('<img')
    expect(body).not.toContain('<script>')
    expect(body).not.toContain('\u202e')
    expect(body).toContain('\\u202egnp')
  })
})

it('every link of the page has an answer, and every link inside it a place', async () => {
  const body = await runPage(FULL)
  const links = [
    ...new Set(
      [...body.matchAll(/href="\/wf([^"]+)"/g)].map(([, link]) =>
        String(link).replaceAll('&amp;', '&'),
      ),
    ),
  ]
  expect(links).toEqual(
    expect.arrayContaining([
      `/api/v1/executions/${FULL}`,
      `/api/v1/audit?execution=${FULL}`,
      `/bills/2026-11/${BILL}`,
    ]),
  )
  for (const link of links) {
    const [path = '', anchor] = link.split('#')
    const { status, body } = await open(path)
    expect([200, 302], link).toContain(status)
    if (anchor !== undefined) expect(body, link).toContain(`id="${anchor}"`)
  }
})

describe('the numbers of the page', () => {
  it('of the models are the sums of the steps in SQL, exactly', async () => {
    const part = section(await runPage(FULL), 'cost')
    const steps =
      "select trim_scale(sum(cost)) from workflow_steps where execution_id = $1 and coalesce(model_id, 'gpt-4o') = $2"
    for (const model of ['gpt-4o', 'gpt-4o-mini'])
      expect(titles(part)).toContain(await sum(steps, [FULL, model]))
    expect(titles(part)).toContain(
      `$${await sum('select total_cost from workflow_executions where execution_id = $1', [FULL])}`,
    )
    expect(part).toContain('which is the cost of the run')
    expect(part).toContain('1 step of 1 model has no price, so its cost is not in the total.')
  })

  it('of a bill are its lines in SQL, and the sum with corrections', async () => {
    const part = section(await runPage(FULL), 'bills')
    const [, lines = ''] = part.split('Correction')
    expect(lines).toContain('−0.0042105')
    const cost = await sum(
      'select trim_scale(sum(cost)) from billing_records where execution_id = $1',
      [FULL],
    )
    expect(titles(part).at(-2)).toBe(`$${cost}0`.replace(/0$/, ''))
    expect(
      await sum(
        'select trim_scale(sum(l.cost)) from wfstore_bill_lines l join billing_records b using (billing_id) where b.execution_id = $1',
        [FULL],
      ),
    ).toBe(cost)
  })

  it('with sub-runs are the sum of the family, each once', async () => {
    const cost = await sum(
      `with recursive f (id) as (select $1::uuid union select c.execution_id from f join workflow_executions c on c.parent_execution_id = f.id)
       select sum(total_cost) from f join workflow_executions on execution_id = id`,
      [FULL],
    )
    const body = await runPage(FULL)
    expect(body).toContain(`title="$${cost}"`)
    expect(section(body, 'family')).toContain('2 sub-runs')
  })

  it('say what a run of another client costs beyond its steps', async () => {
    expect(section(await runPage(CHILD), 'cost')).toContain('of it is of no step')
  })
})

describe('5,000 steps', () => {
  it('are folded in the timeline: its lines say how many, and together they are all steps', async () => {
    const part = section(await runPage(MANY), 'timeline')
    const lines = [...part.matchAll(/<td class="number">(\d+)(?:–(\d+))?<\/td><th/g)]
    const counted = lines.map(([, first, last]) => Number(last ?? first) - Number(first) + 1)
    expect(counted.reduce((all, number) => all + number, 0)).toBe(5000)
    expect(lines.length).toBeLessThan(100)
    for (const [, first, last] of lines)
      if (last !== undefined)
        expect(part).toContain(`<bdi>${Number(last) - Number(first) + 1} steps</bdi>`)
    expect(part.match(/class="row-failed"/g)).toHaveLength(10)
  })

  it('are listed in pages, which the links of the timeline open', async () => {
    const body = await runPage(MANY)
    expect(section(body, 'steps')).toContain('1 to 50 of 5,000 steps')
    expect(body.length).toBeLessThan(150_000)
    const link =
      [...section(body, 'timeline').matchAll(/href="\/wf(\/executions\/[^"]+)"/g)].at(-1)?.[1] ?? ''
    const [path, anchor] = link.split('#')
    expect((await open(String(path))).body).toContain(`id="${anchor}"`)
    expect(section(await runPage(MANY, '?from=4951'), 'steps')).toContain(
      '4,951 to 5,000 of 5,000 steps',
    )
    expect(section(await runPage(MANY, '?status=failed'), 'steps')).toContain(
      '10 steps with status failed',
    )
  })

  it('are found by the id of a step, whose data is open', async () => {
    const step = '0c000007-0000-7000-8000-000000001234'
    const part = section(await runPage(MANY, `?step=${step}`), 'steps')
    expect(part).toContain('1,201 to 1,250 of 5,000 steps')
    expect(part).toMatch(new RegExp(`id="step-${step}"[^>]* class="chosen"`))
    expect(part.match(/<details open>/g)).toHaveLength(1)
  })

  it('that are not in the run are an error', async () => {
    expect(
      (await open(`/executions/${MANY}?step=0c000001-0000-7000-8000-000000000001`)).status,
    ).toBe(404)
    for (const query of ['?from=0', '?from=x', '?status=good', '?what=1'])
      expect((await open(`/executions/${MANY}${query}`)).status).toBe(400)
  })
})

describe('the audit entries', () => {
  it('are listed in pages, newest first, each once', async () => {
    const seen: string[] = []
    let query = ''
    for (let pages = 0; pages < 5; pages++) {
      const part = section(await runPage(FULL, query), 'audit')
      seen.push(...[...part.matchAll(/<tr data-key="([^"]+)"/g)].map(([, key]) => String(key)))
      const next = /href="\/wf\/executions\/[^?"]+(\?cursor=[^#"]+)#audit">Older/.exec(part)?.[1]
      if (next === undefined) break
      query = next.replaceAll('&amp;', '&')
    }
    const rows = await database.sql(
      'select log_id::text as id from audit_logs where execution_id = $1 order by timestamp desc, log_id desc',
      [FULL],
    )
    expect(seen).toEqual(rows.map(({ id }) => id))
  })
})

describe('the address of a run', () => {
  it('leads from the beginning of an id to the whole id, with its parameters', async () => {
    for (const id of [FULL.slice(0, 8), FULL.slice(0, 20), FULL.toUpperCase()])
      expect(await open(`/executions/${id}?tz=Europe/Berlin`)).toMatchObject({
        status: 302,
        location: `/wf/executions/${FULL}?tz=Europe%2FBerlin`,
      })
    expect(await open(`/executions/${REMOVED.slice(0, 8)}`)).toMatchObject({
      status: 302,
      location: `/wf/executions/${REMOVED}`,
    })
  })

  it('latest leads to the newest run', async () => {
    expect(await open('/executions/latest')).toMatchObject({
      status: 302,
      location: `/wf/executions/${RUNNING}`,
    })
  })

  it('of several runs lists them, with removed ones', async () => {
    const { status, body } = await open(`/executions/${TWINS[0].slice(0, 8)}`)
    expect(status).toBe(300)
    for (const id of TWINS) expect(body).toContain(`href="/wf/executions/${id}"`)
    expect(body).toContain('Second twin')
    expect(body).toContain('removed')
  })

  it.each([
    ['0b0000', 400],
    ['not-an-id-at-all', 400],
    ['0b0000ff', 404],
    ['0b0000ff-0000-7000-8000-000000000001', 404],
  ])('%s has status %i', async (id, status) => {
    const answer = await open(`/executions/${encodeURIComponent(id)}`)
    expect(answer.status).toBe(status)
    expect(answer.body).toContain('aria-current="page">Executions')
  })
})

it('a removed run says what remains of it', async () => {
  const body = await runPage(REMOVED)
  expect(body).toContain('This run and its steps are removed')
  expect(section(body, 'bills')).toContain('$0.25')
  expect(section(body, 'audit')).toContain('All 2 entries')
})
