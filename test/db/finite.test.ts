import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { notFinite } from '../../src/db/values/faults.ts'
import { openStore } from '../../src/index.ts'
import { KINDS, type RowKind, tableOf } from '../../src/tables/tables.ts'
import { uuid } from '../cleanup/cleanup-support.ts'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'

import { createValueStore, type ValueStore } from './values-support.ts'

let store: TestDatabase
let values: ValueStore

beforeAll(async () => {
  values = await createValueStore('finite')
  store = values.store
})
afterAll(() => store.drop())
beforeEach(() => values.refill())

const wfstore = (...words: string[]) => runCli([...words, '--database-url', store.url])

describe('no way into the tables takes an amount or a time that is not finite', () => {
  const BAD: Record<string, readonly unknown[]> = {
    time: [new Date(Number.NaN), 'infinity', '-infinity', Number.POSITIVE_INFINITY],
    amount: [Number.NaN, Number.POSITIVE_INFINITY, 'NaN', 'Infinity', '-Infinity'],
    number: [Number.NaN, Number.POSITIVE_INFINITY, 'NaN', 'Infinity', '-Infinity'],
  }
  const rows: Record<RowKind, object> = {
    execution: {
      workflowName: 'w',
      userId: 'u',
      mode: 'x',
      modelId: 'm',
      status: 'success',
      startTime: '2024-01-01T00:00:00Z',
      endTime: '2024-01-01T00:00:00Z',
    },
    step: { executionId: uuid(1), stepNumber: 2, stepName: 's' },
    audit: { userId: 'u', actionType: 'a', actionDetails: 'd' },
    bill: { userId: 'u', modelId: 'm', billingPeriod: '2024-01' },
    metric: { userId: 'u', metricType: 't', metricValue: 1 },
  }

  it.each(KINDS)('the library, for each column of %s', async (kind) => {
    const opened = openStore({ databaseUrl: store.url })
    const creators = {
      execution: opened.executions,
      step: opened.steps,
      audit: opened.audit,
      bill: opened.billing,
      metric: opened.metrics,
    } as const
    const create = creators[kind].create as (row: object) => Promise<unknown>
    let tried = 0
    for (const { name, type, writers } of tableOf(kind).fields) {
      if (writers === 'wfstore') continue
      for (const value of BAD[type] ?? []) {
        tried++
        await expect(create({ ...rows[kind], [name]: value })).rejects.toMatchObject({
          code: 'usage',
          message: expect.stringContaining(`${name} is `),
        })
      }
    }
    expect(tried).toBeGreaterThan(7)
    await opened.close()
  })

  it.each([...KINDS.map((kind) => tableOf(kind).name), 'usage_history', 'audit_history'])(
    'SQL, for each column of %s',
    async (table) => {
      await wfstore('cleanup', '--before', '2024-01-12')
      await store.sql(
        `insert into audit_history (quarter_start, user_id, entries) values ('2024-01-01Z', 'u', 1)`,
      )
      await values.restore()
      const faults = notFinite(table)
      expect(faults.length).toBeGreaterThan(0)
      for (const { columns, types } of faults)
        for (const value of types.includes('numeric')
          ? ['NaN', 'Infinity', '-Infinity']
          : ['infinity', '-infinity'])
          await expect(
            store.sql(
              `alter table ${table} disable trigger user; update ${table} set ${columns[0]} = '${value}'`,
            ),
          ).rejects.toThrow(new RegExp(`violates check constraint "${table}_finite(_\\d+)?"`))
    },
  )
})
