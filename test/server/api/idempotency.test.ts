import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/failpoint.ts'
import { createTemplate, type Template } from '../../support/template.ts'
import { type Acting, acting, entriesOf, WRITER } from './acting.ts'

const ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
const DONE = ID.replace('0193', '0194')

let template: Template
let database: TestDatabase
let api: Acting
beforeAll(async () => {
  template = await createTemplate('api_idempotency', async (empty) => {
    await runCli(['migrate', 'up', '--database-url', empty.url])
    await empty.sql(`
      insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
        values ('${ID}', 'w', 'user_7', 'Sales', 'gpt-4o', 'running', '2026-11-20Z', null, 1.25),
          ('${DONE}', 'w', 'user_7', 'Sales', 'gpt-4o', 'success', '2026-11-20Z', '2026-11-21Z', 1);
      insert into billing_records (timestamp, billing_period, user_id, model_id, cost)
        select '2026-10-15Z', '2026-10', 'user_' || i, 'gpt-4o', 0.25 from generate_series(1, 3) as i`)
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

const CANCEL = `/executions/${ID}/cancel`
const PAY = ['/billing/pay', { period: '2026-10', 'payment-id': 'inv_1' }] as const
const paid = async () =>
  (await database.sql('select count(*)::int as n from billing_records where paid'))[0]?.n
const message = ({ json }: { json: unknown }) =>
  (json as { error?: { message: string } }).error?.message

/** Resolves when a session of the server waits for a lock. */
async function untilWaiting(): Promise<void> {
  for (;;) {
    const waiting = await database.sql(
      `select from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
    )
    if (waiting.length > 0) return
  }
}

describe('a key', () => {
  it('of another request is refused, and nothing is changed', async () => {
    expect((await api.act(...PAY, { key: 'k' })).status).toBe(200)
    for (const [path, body] of [
      ['/billing/pay', { ...PAY[1], user: 'user_1' }],
      ['/billing/pay', { ...PAY[1], 'payment-id': 'inv_2' }],
      [CANCEL, {}],
    ] as const) {
      const answer = await api.act(path, body, { key: 'k' })
      expect([answer.status, message(answer)]).toEqual([
        422,
        'this Idempotency-Key belongs to another request',
      ])
    }
    expect(await entriesOf(database)).toHaveLength(1)
  })

  it('belongs to its caller', async () => {
    await api.act(CANCEL, {}, { key: 'k' })
    const other = { name: 'finance', can: 'write' as const }
    expect((await api.act(...PAY, { key: 'k', caller: other })).status).toBe(200)
    expect((await entriesOf(database)).map(({ user_id }) => user_id)).toEqual([
      'on-call',
      'finance',
    ])
  })

  it('is known for 7 days', async () => {
    await api.act(...PAY, { key: 'k' })
    await database.sql(
      "update wfstore_requests set started_at = now() - interval '7 days 1 second'",
    )
    const again = await api.act(...PAY, { key: 'k' })
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, null])
    expect(await database.sql('select key from wfstore_requests')).toEqual([{ key: 'k' }])
    await database.sql(
      "update wfstore_requests set started_at = now() - interval '7 days 1 second'",
    )
    await api.act(CANCEL, {}, { key: 'other' })
    expect(await database.sql('select key from wfstore_requests')).toEqual([{ key: 'other' }])
  })

  it('is free after an error, which the audit entry has', async () => {
    await database.sql(
      "update billing_records set paid = true, payment_id = 'x' where user_id = 'user_1'",
    )
    const failed = await api.act(...PAY, { key: 'k' })
    expect(failed.status).toBe(409)
    expect(await database.sql('select from wfstore_requests')).toEqual([])
    expect(await entriesOf(database)).toMatchObject([
      { success: false, error_message: message(failed), action_details: 'billing pay' },
    ])
    expect((await api.act('/billing/pay', { ...PAY[1], rest: true }, { key: 'k' })).status).toBe(
      200,
    )
    expect(await paid()).toBe(3)
  })
})

describe('of requests with the same key at once, on two servers, one is carried out', () => {
  it.each([
    [
      'a cancel',
      CANCEL,
      {},
      `select from workflow_executions where execution_id = '${ID}' for update`,
    ],
    ['a payment', PAY[0], PAY[1], 'select from billing_records for update'],
  ])('%s', async (_, path, body, lock) => {
    const other = acting(database)
    const holder = await database.connect()
    await holder.query(`begin; ${lock}`)
    const first = api.act(path, body, { key: 'k' })
    await untilWaiting()
    for (const server of [api, other, api]) {
      const refused = await server.act(path, body, { key: 'k' })
      expect([refused.status, refused.headers.get('retry-after'), message(refused)]).toEqual([
        ...[409, '1'],
        'a request with this Idempotency-Key is running',
      ])
    }
    await holder.query('rollback')
    await holder.end()
    const answer = await first
    expect(answer.status).toBe(200)
    const again = await other.act(path, body, { key: 'k' })
    expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([answer.json, 'true'])
    expect(await entriesOf(database)).toHaveLength(1)
    await other.close()
  })

  it('twenty payments', async () => {
    const other = acting(database)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? api : other).act(...PAY, { key: 'k' })),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true)
    const done = answers.filter(({ status }) => status === 200)
    expect(done.filter(({ headers }) => !headers.has('idempotency-replayed'))).toHaveLength(1)
    expect(new Set(done.map(({ json }) => JSON.stringify(json))).size).toBe(1)
    expect([await paid(), (await entriesOf(database)).length]).toEqual([3, 1])
    await other.close()
  })
})

it('a connection that is lost at any statement of a payment: the repeated request ends as if undisturbed', async () => {
  let last = 0
  const tryWith = async (at: number): Promise<void> => {
    const copy = await template.copy()
    const proxy = await startProxy(copy.url, {
      before: async ({ number }) => (number === at && at % 2 === 0 ? 'cut' : undefined),
      after: async ({ number }) => {
        last = Math.max(last, number)
        return number === at && at % 2 === 1 ? 'cut' : undefined
      },
    })
    const through = acting({ ...copy, url: proxy.url })
    const first = await through.act(...PAY, { key: 'k' })
    await proxy.close()
    await through.close()
    // Sessions that are cut off hold their locks until they end.
    await copy.sql(
      'select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    const direct = acting(copy)
    const again = await direct.act(...PAY, { key: 'k' })
    expect([at, again.status, again.json]).toMatchObject([at, 200, { records: 3 }])
    if (first.status === 200) expect(again.json).toEqual(first.json)
    expect((await direct.act(...PAY, { key: 'k' })).json).toEqual(again.json)
    const rows = await copy.sql('select distinct paid, payment_id from billing_records')
    expect(rows).toEqual([{ paid: true, payment_id: 'inv_1' }])
    const entries = await entriesOf(copy)
    expect([at, entries.filter(({ success }) => success).length]).toEqual([at, 1])
    await direct.close()
    await copy.drop()
  }
  await tryWith(0)
  expect(last).toBeGreaterThan(10)
  for (let at = 1, end = last; at <= end; at++) await tryWith(at)
})

describe('errors are those of the commands', () => {
  it.each([
    [`/executions/${ID.replace('0193', '0199')}/cancel`, {}, 404, /does not exist/],
    ['/executions/0193/cancel', {}, 400, /^"0193" is not an execution id$/],
    ['/executions/-y/cancel', {}, 400, /^"-y" is not an id$/],
    [`/executions/${DONE}/cancel`, {}, 409, /^run has already finished: /],
    ['/billing/periods/2026-07/close', {}, 409, /^2026-07 has no bills$/],
    ['/billing/periods/October/close', {}, 400, /^the value of period is invalid: 'October'/],
    ['/billing/pay', { period: '2026-10' }, 400, /^payment-id is required$/],
    ['/billing/pay', { ...PAY[1], periode: '2026-10' }, 400, /^unknown parameter "periode"$/],
    ['/billing/pay', { ...PAY[1], yes: true }, 400, /^unknown parameter "yes"$/],
    ['/billing/pay', { ...PAY[1], user: null }, 400, /^the value of user is null$/],
    ['/billing/pay', { ...PAY[1], user: { id: 1 } }, 400, /^the value of user is an object$/],
    ['/billing/pay', '[]', 400, /^the body is not an object$/],
    ['/billing/pay', '{"period": 01}', 400, /^the body is not JSON$/],
    ['/cleanup', { days: 90, archive: '/tmp/x' }, 400, /^unknown parameter "archive"$/],
    ['/cleanup', {}, 400, /^days or before is required$/],
    ['/executions/fail', {}, 400, /^older-than is required$/],
  ])('%s %j: %i', async (path, body, status, text) => {
    const answer = await api.act(path, body)
    expect([answer.status, message(answer)]).toEqual([status, expect.stringMatching(text)])
    expect(api.errors).toEqual([])
  })

  it('a bill of a closed month stays as it is; its correction is in the open one', async () => {
    await api.act('/billing/periods/2026-10/close')
    const [bill] = await database.sql(
      'select billing_id as id, row_to_json(b)::text as row from billing_records b',
    )
    const corrected = await api.act(`/billing/records/${bill?.id}/correct`, {
      cost: '0',
      reason: 'test',
    })
    expect(corrected).toMatchObject({ status: 200, json: { outcome: 'corrected' } })
    expect(
      await database.sql(
        'select row_to_json(b)::text as row from billing_records b where billing_id = $1',
        [bill?.id],
      ),
    ).toEqual([{ row: bill?.row }])
    const again = await api.act('/billing/periods/2026-10/close')
    expect(again).toMatchObject({ status: 200, json: { outcome: 'already', closedBy: 'on-call' } })
  })

  it('a role that may only read gets 403', async () => {
    const prefix = database.name
    await runCli(['migrate', 'roles', '--prefix', prefix, '--database-url', database.url])
    await database.sql(`alter role ${prefix}_reader login password 'x'`)
    const url = Object.assign(new URL(database.url), {
      username: `${prefix}_reader`,
      password: 'x',
    })
    const reading = acting({ ...database, url: url.href })
    expect(await reading.act(...PAY)).toMatchObject({
      status: 403,
      json: { error: { code: 'permission_denied' } },
    })
    await reading.close()
    const roles = ['writer', 'reader', 'cleaner'].map((duty) => `${prefix}_${duty}`).join(', ')
    await database.sql(`drop owned by ${roles}; drop role ${roles}`)
  })
})

describe('the body', () => {
  it('keeps every digit of an amount', async () => {
    const [bill] = await database.sql('select billing_id as id from billing_records limit 1')
    const body = '{"cost": 0.12345678901234567890123, "reason": "1e3 \\" 0.5"}'
    expect((await api.act(`/billing/records/${bill?.id}/correct`, body)).status).toBe(200)
    const rows = await database.sql(
      `select (0.25 + cost)::text as cost, metadata->>'reason' as reason from billing_records where corrects = $1`,
      [bill?.id],
    )
    expect(rows).toEqual([{ cost: '0.12345678901234567890123', reason: '1e3 " 0.5' }])
  })

  it('may have half of a character', async () => {
    expect((await api.act(CANCEL, '{"reason": "\\ud83d!"}')).status).toBe(200)
    const [run] = await database.sql('select max(error_message) as text from workflow_executions')
    expect(run?.text).toBe('\ufffd!')
  })

  it('has lists, whose values may have commas', async () => {
    await database.sql("update billing_records set user_id = 'a,b' where user_id = 'user_1'")
    const list = { ...PAY[1], user: ['a,b', 'user_2'] }
    expect((await api.act('/billing/pay', list)).json).toMatchObject({ records: 2 })
    expect(await paid()).toBe(2)
  })
})

it('the audit entry has the parameters, the result, the role of the database and the key', async () => {
  await api.act(CANCEL, { reason: 'started twice' }, { key: 'k' })
  const [entry] = await entriesOf(database)
  expect(entry?.metadata).toEqual({
    caller: WRITER.name,
    idempotency_key: 'k',
    parameters: { id: ID, reason: 'started twice' },
    result: [expect.objectContaining({ executionId: ID, status: 'cancelled' })],
  })
  const [closed] = await database.sql(
    `select metadata->'closed_by' as by from audit_logs where execution_id = '${ID}'`,
  )
  expect(closed?.by).toEqual({
    database_user: expect.any(String),
    caller: 'on-call',
    command: 'executions cancel',
  })
})
