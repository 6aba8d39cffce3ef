import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { archiveInFolder, openStore, type Store } from '../../../src/index.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { dataFolder } from '../../support/folder.ts'
import { createAdopted } from '../../support/migrated.ts'

let database: TestDatabase
let old: pg.Client
let run: string

beforeAll(async () => {
  database = await createAdopted('old_writes')
  old = await database.connect()
})
afterAll(async () => {
  await old.end()
  await database.drop()
})
beforeEach(async () => {
  run = randomUUID()
  await database.sql(`insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
    values ('${run}', 'w', 'u', 'm', 'x')`)
  await forget()
})

/** Long ago: a note that is less than a minute old would hide a write. */
const forget = () => database.sql(`select setval('wfstore_other_writes', 1000)`)
const isNoted = async () =>
  (await database.sql('select last_value <> 1000 as noted from wfstore_other_writes'))[0]?.noted

const INSERTS: Record<string, string> = {
  workflow_executions: `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', 'u', 'm', 'x')`,
  workflow_steps: `insert into workflow_steps (execution_id, step_number, step_name) values ($1, 1, 's')`,
  audit_logs: `insert into audit_logs (execution_id, user_id, action_type, action_details) values ($1, 'u', 'a', 'd')`,
  observability_metrics: `insert into observability_metrics (user_id, metric_type, metric_value) values ('u', 'latency', 1)`,
  billing_records: `insert into billing_records (execution_id, user_id, model_id, billing_period) values ($1, 'u', 'm', '2026-11')`,
}
const UPDATES: Record<string, string> = {
  workflow_executions: `update workflow_executions set metadata = '{}'`,
  workflow_steps: `update workflow_steps set result = '{}'`,
  audit_logs: `update audit_logs set metadata = '{}'`,
  observability_metrics: `update observability_metrics set dimensions = '{}'`,
  billing_records: `update billing_records set payment_id = 'p'`,
}
const insert = (table: string, client = old) => {
  const text = INSERTS[table] as string
  return client.query(text, text.includes('$1') ? [run] : [])
}

describe('a write of the old application is noted', () => {
  it.each(Object.keys(INSERTS))(
    'when it inserts into %s, and when it updates a row',
    async (table) => {
      await insert(table)
      expect(await isNoted()).toBe(true)
      await forget()
      await old.query(UPDATES[table] as string)
      expect(await isNoted()).toBe(true)
    },
  )

  it('with the time of the write, once a minute', async () => {
    await insert('audit_logs')
    const read = async () =>
      (
        await database.sql(
          `select last_value::int as at, extract(epoch from clock_timestamp()) - last_value between 0 and 60 as fresh from wfstore_other_writes`,
        )
      )[0]
    const first = await read()
    expect(first?.fresh).toBe(true)
    await database.sql(`select setval('wfstore_other_writes', $1::int - 30)`, [first?.at])
    await insert('audit_logs')
    expect((await read())?.at).toBe((first?.at as number) - 30)
  })

  it('also after a note of the future, which a wrong clock has left', async () => {
    await database.sql(`select setval('wfstore_other_writes', 99999999999)`)
    await insert('audit_logs')
    expect(
      await database.sql('select last_value < 99999999999 as right from wfstore_other_writes'),
    ).toEqual([{ right: true }])
  })

  it.each(['read committed', 'repeatable read', 'serializable'])(
    'at %s, without a wait or a serialization failure because of others that write',
    async (level) => {
      const others = await Promise.all([1, 2, 3].map(() => database.connect()))
      for (const client of [old, ...others]) {
        await client.query(`begin isolation level ${level}; set local lock_timeout = '1ms'`)
        await client.query('select count(*) from workflow_executions where false')
      }
      // Each has its snapshot, and no transaction has ended when the next one writes.
      for (const client of [old, ...others]) {
        await forget()
        await insert('audit_logs', client)
        expect(await isNoted()).toBe(true)
      }
      for (const client of [old, ...others]) await client.query('commit')
      await Promise.all(others.map((client) => client.end()))
    },
  )

  it('with a role that may only insert', async () => {
    const role = `insert_only_${randomUUID().slice(0, 8)}`
    await database.sql(`create role ${role}; grant insert on audit_logs to ${role}`)
    const other = await database.connect()
    await other.query(`set role ${role}`)
    await insert('audit_logs', other)
    await other.end()
    expect(await isNoted()).toBe(true)
    await database.sql(`drop owned by ${role}; drop role ${role}`)
  })

  it('after a transaction of wfstore in the same session', async () => {
    await old.query(`begin; set local wfstore.keeps_totals = 'on'; commit`)
    await insert('audit_logs')
    expect(await isNoted()).toBe(true)
  })
})

describe('the note never makes a statement fail', () => {
  it('if the sequence is missing', async () => {
    await old.query('begin; drop sequence wfstore_other_writes')
    for (const table of Object.keys(INSERTS)) await insert(table)
    await old.query('rollback')
  })

  it('if the owner of the function may not change the sequence', async () => {
    const role = `no_sequence_${randomUUID().slice(0, 8)}`
    await database.sql(`create role ${role}`)
    await old.query(`begin; alter function wfstore_note_write() owner to ${role}`)
    await insert('audit_logs')
    await old.query('rollback')
    await database.sql(`drop role ${role}`)
  })
})

describe('wfstore is not the old application:', () => {
  let store: Store
  beforeAll(() => {
    store = openStore({ databaseUrl: database.url })
  })
  afterAll(() => store.close())

  const START = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
  const archive = join(dataFolder('old-writes'), 'archive')

  const writes: [string, () => Promise<unknown>][] = [
    [
      'the recorder',
      async () => {
        const execution = await store.startExecution(START)
        const step = await execution.startStep({ stepNumber: 1, stepName: 's' })
        await step.retry({ cost: 1 })
        await execution.heartbeat()
        await execution.toolCall({ toolName: 't' })
        await step.finish({ status: 'success', cost: 2 })
        await execution.startStep({ stepNumber: 2, stepName: 'open' })
        await execution.finish({ status: 'success' })
      },
    ],
    [
      'a step that ends after its run was paid',
      async () => {
        const execution = await store.startExecution(START)
        const step = await execution.startStep({ stepNumber: 1, stepName: 's' })
        await execution.finish({ status: 'success' })
        const { rows } = await store.billing.list({ executionId: execution.executionId })
        await store.billing.update(rows[0]?.billingId ?? '', { paid: true })
        await step.finish({ status: 'success', cost: 2 })
      },
    ],
    [
      'a batch',
      async () => {
        const { executionId } = await store.startExecution(START)
        const batch = store.batch()
        await Promise.all([
          batch.step({ executionId, stepNumber: 1, stepName: 's', status: 'success', cost: 1 }),
          batch.audit({ executionId, action: 'a' }),
        ])
        await batch.audit({ executionId, action: 'a' })
        await batch.close()
      },
    ],
    ['a run that is closed as cancelled', () => store.executions.cancel([run])],
    [
      'a run whose totals are counted again',
      async () => {
        await database.sql(`begin; set local wfstore.keeps_totals = 'on';
          insert into workflow_steps (execution_id, step_number, step_name, status, cost) values ('${run}', 1, 's', 'success', 1);
          commit`)
        await store.executions.failStuck({ olderThanMs: 0, userId: 'u' })
      },
    ],
    [
      'rows that the library creates and updates',
      async () => {
        const { executionId } = await store.executions.create(START)
        await store.executions.update(executionId, { totalCost: '5' })
        const step = await store.steps.create({ executionId, stepNumber: 1, stepName: 's' })
        await store.steps.update({ executionId, stepId: step.stepId }, { cost: '1' })
        const entry = { userId: 'u', actionType: 'a', actionDetails: 'd' }
        const { logId } = await store.audit.create(entry)
        await store.audit.update(logId, { success: false })
        const metric = await store.metrics.create({
          userId: 'u',
          metricType: 'm',
          metricValue: '1',
        })
        await store.metrics.update(metric.metricId, { metricValue: '2' })
        const bill = { userId: 'u', executionId, modelId: 'm', billingPeriod: '2026-11' }
        const { billingId } = await store.billing.create(bill)
        await store.billing.update(billingId, { paymentId: 'p' })
        expect(await store.executions.get(executionId)).toMatchObject({ totalCost: '1' })
      },
    ],
    [
      'a payment, a correction, the time zone and the close of a month',
      async () => {
        await store.billing.pay({ period: '2026-11', paymentId: 'all', rest: true })
        const { rows } = await store.billing.list({ limit: 1 })
        await store.billing.correct({ billingId: rows[0]?.billingId ?? '', cost: '9', reason: 'r' })
        await store.billing.setZone('Europe/Berlin')
        await store.billing.closePeriod({ period: '2026-05' })
      },
    ],
    ['a rollup of metrics', () => store.metrics.rollup({ period: 'day' })],
    [
      'a cleanup with an archive',
      async () => {
        await store.cleanup({ days: 1, archive: archiveInFolder(archive) })
      },
    ],
    ['a restore', () => store.restore(archive)],
    [
      'an import',
      async () => {
        const chunks: Buffer[] = []
        for await (const chunk of store.export()) chunks.push(chunk)
        const others = Buffer.concat(chunks)
          .toString()
          .replace(/"([0-9a-f]{8})-/g, (_, hex: string) => `"${[...hex].reverse().join('')}-`)
        const report = await store.import(Readable.from([others]))
        expect(report.inserted.execution).toBeGreaterThan(0)
      },
    ],
    ['a repeated migration', () => runCli(['migrate', 'up', '--database-url', database.url])],
    [
      'a migration that is applied again',
      async () => {
        const { code } = await runCli(
          ['migrate', 'redo', '--yes', '--database-url', database.url],
          {},
        )
        expect(code).toBe(0)
      },
    ],
  ]
  it.each(writes)('%s', async (_, write) => {
    await write()
    expect(await isNoted()).toBe(false)
  })
})
