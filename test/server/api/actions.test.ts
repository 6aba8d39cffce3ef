import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../../../src/server/api/endpoints.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createTemplate, type Template } from '../../support/template.ts'
import { type Acting, acting, entriesOf } from './acting.ts'

const ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
const OLD = ID.replace('0193', '0125')
const BILL = ID.replace('0193', '0194')

const ROWS = `
  insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, updated_at)
    values ('${ID}', 'Lead enrichment', 'user_7', 'Sales', 'gpt-4o', 'running', '2026-11-20Z', null, 1.25, '2026-11-20Z'),
      ('${OLD}', 'Lead enrichment', 'user_7', 'Sales', 'gpt-4o', 'success', '2010-01-01Z', '2010-01-02Z', 1, '2010-01-02Z'),
      ('${ID.replace('0193', '0195')}', 'Lead enrichment', 'user_7', 'Sales', 'gpt-4o', 'success', now(), now(), 1, now());
  insert into billing_records (billing_id, timestamp, billing_period, user_id, model_id, cost)
    values ('${BILL}', '2026-10-15Z', '2026-10', 'user_7', 'gpt-4o', 0.25)`

let template: Template
let database: TestDatabase
let api: Acting
beforeAll(async () => {
  template = await createTemplate('api_actions', async (empty) => {
    await runCli(['migrate', 'up', '--database-url', empty.url])
    await empty.sql(ROWS)
  })
})
afterAll(() => template.drop())
beforeEach(async () => {
  database = await template.copy()
  api = acting(database)
})
afterEach(async () => {
  await api.close()
  await database.drop()
})

/** Each action, with what it changes. */
const ACTIONS: [path: string, body: Record<string, unknown>, changed: string][] = [
  [
    `/executions/${ID}/cancel`,
    { reason: 'started twice' },
    `select status, error_message from workflow_executions where execution_id = '${ID}'`,
  ],
  [
    '/executions/fail',
    { 'older-than': '1h' },
    `select status from workflow_executions where execution_id = '${ID}'`,
  ],
  [
    '/billing/pay',
    { period: '2026-10', 'payment-id': 'inv_1' },
    `select paid, payment_id from billing_records where billing_id = '${BILL}'`,
  ],
  [
    '/billing/periods/2026-10/close',
    {},
    'select closed_by from wfstore_periods where closed_at is not null',
  ],
  [
    `/billing/records/${BILL}/correct`,
    { cost: '0.5', reason: 'list price' },
    `select cost::text, metadata->>'by' as by from billing_records where corrects = '${BILL}'`,
  ],
  ['/cleanup', { days: 90 }, `select from workflow_executions where execution_id = '${OLD}'`],
]

const CHANGED: Record<string, unknown> = {
  [`/executions/${ID}/cancel`]: [{ status: 'cancelled', error_message: 'started twice' }],
  '/executions/fail': [{ status: 'failed' }],
  '/billing/pay': [{ paid: true, payment_id: 'inv_1' }],
  '/billing/periods/2026-10/close': [{ closed_by: 'on-call' }],
  [`/billing/records/${BILL}/correct`]: [{ cost: '0.25', by: 'on-call' }],
  '/cleanup': [],
}

const pathOf = ({ path }: { path: string }) =>
  path.replace(':period', '2026-10').replace(':id', path.includes('records') ? BILL : ID)

it('these are all actions', () => {
  expect(ENDPOINTS.filter(({ kind }) => kind === 'action').map(pathOf)).toEqual(
    ACTIONS.map(([path]) => path),
  )
})

describe.each(ACTIONS)('%s', (path, body, changed) => {
  it('does what the command does, answers what it prints, and leaves an audit entry of the caller', async () => {
    const { status, json, headers } = await api.act(path, body, { key: 'k' })
    expect([status, json]).toEqual([200, expect.anything()])
    expect(headers.get('content-type')).toBe('application/json')
    expect(await database.sql(changed)).toEqual(CHANGED[path])
    const [entry, ...others] = await entriesOf(database)
    expect(others).toEqual([])
    const { command } = ENDPOINTS.find((one) => one.kind === 'action' && pathOf(one) === path) ?? {}
    expect(entry).toMatchObject({
      user_id: 'on-call',
      action_details: command?.join(' '),
      success: true,
      error_message: null,
      metadata: { caller: 'on-call', idempotency_key: 'k', result: expect.anything() },
    })
  })

  it('is carried out once: the same key gets the same answer', async () => {
    const first = await api.act(path, body, { key: 'k' })
    const state = await database.sql(changed)
    const again = await api.act(path, body, { key: 'k' })
    expect([again.status, again.json]).toEqual([first.status, first.json])
    expect(again.headers.get('wfstore-note')).toBe(first.headers.get('wfstore-note'))
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(await database.sql(changed)).toEqual(state)
    expect(await entriesOf(database)).toHaveLength(1)
  })

  it('with another key is repeated, and changes nothing the second time', async () => {
    expect((await api.act(path, body)).status).toBe(200)
    const state = await database.sql(changed)
    expect((await api.act(path, body)).status).toBe(200)
    expect(await database.sql(changed)).toEqual(state)
    expect(await entriesOf(database)).toHaveLength(2)
  })

  it('as a dry run needs no key, changes nothing and leaves no entry', async () => {
    const before = await database.sql(changed)
    const { status } = await api.act(path, { ...body, 'dry-run': true }, { key: undefined })
    expect(status).toBe(200)
    expect(await database.sql(changed)).toEqual(before)
    expect(await entriesOf(database)).toEqual([])
    expect(await database.sql('select from wfstore_requests')).toEqual([])
  })

  it('needs a key, a caller that may write, and a server that allows actions', async () => {
    const before = await database.sql(changed)
    const reader = { name: 'grafana', can: 'read' as const }
    expect((await api.act(path, body, { caller: reader })).json).toEqual({
      error: {
        code: 'permission_denied',
        message: 'grafana may only read',
        hint: 'use a token that may write: `wfstore token create --can write`',
      },
    })
    for (const key of [undefined, '', 'a b', 'x'.repeat(256), 'ä'])
      expect([key, (await api.act(path, body, { key })).status]).toEqual([key, 400])
    const closed = acting(database, { allowWrites: false })
    const refused = await closed.act(path, body)
    expect([refused.status, refused.json]).toMatchObject([
      403,
      { error: { code: 'permission_denied' } },
    ])
    await closed.close()
    expect(await database.sql(changed)).toEqual(before)
    expect(await entriesOf(database)).toEqual([])
  })

  it('is not carried out by a form, a script of another site, GET or parameters in the address', async () => {
    const before = await database.sql(changed)
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ])
      expect((await api.act(path, body, { headers: { 'content-type': type } })).status).toBe(415)
    for (const [name, value] of [
      ['origin', 'https://evil.example'],
      ['origin', 'null'],
      ['sec-fetch-site', 'cross-site'],
      ['sec-fetch-site', 'same-site'],
    ])
      expect(
        (await api.act(path, body, { headers: { [String(name)]: String(value) } })).status,
      ).toBe(403)
    expect((await api.act(`${path}?dry-run=false`, body)).status).toBe(400)
    expect((await api.act(path, body, { headers: { accept: 'text/csv' } })).status).toBe(406)
    expect(await database.sql(changed)).toEqual(before)
  })
})

it('the roles that docs/SERVE.md names suffice for each action', async () => {
  const prefix = database.name
  await runCli(['migrate', 'roles', '--prefix', prefix, '--database-url', database.url])
  await database.sql(`
    create role ${prefix} login password 'x' in role ${prefix}_writer;
    grant insert, update on wfstore_periods, wfstore_settings to ${prefix}`)
  const url = Object.assign(new URL(database.url), { username: prefix, password: 'x' })
  const limited = acting({ ...database, url: url.href })
  for (const [path, body] of ACTIONS) {
    const refused = path === '/cleanup' ? (await limited.act(path, body)).status : 403
    if (path === '/cleanup') await database.sql(`grant ${prefix}_cleaner to ${prefix}`)
    expect([path, refused, (await limited.act(path, body)).status]).toEqual([path, 403, 200])
  }
  await limited.close()
  const roles = ['', '_writer', '_reader', '_cleaner'].map((duty) => prefix + duty).join(', ')
  await database.sql(`drop owned by ${roles}; drop role ${roles}`)
})
