// @module-tag slow
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Span } from '../../../../src/record/otel/types.ts'
import { falseBooks } from '../../../support/batches.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { startProxy } from '../../../support/failpoint.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { spansOfCapture } from '../captures.ts'
import { addPrices, counted, settle, take, view } from './settled.ts'
import { openAccess } from './spans.ts'

let database: TestDatabase
let spans: Span[]

beforeAll(async () => {
  database = await createMigrated('otel_lost')
  await addPrices(database)
  // A run that two traces report, one with two calls of one span, and one with a failed attempt.
  const captures = await Promise.all(['ai7-both', 'ai7-embed', 'ai5-retry'].map(spansOfCapture))
  spans = captures.flat()
})
afterAll(() => database.drop())

/** What a sender does: it sends again until it has an answer. */
async function untilDone(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await work()
      return
    } catch (error) {
      if (tries === 5) throw error
      await withoutTransactions()
    }
  }
}

/** Resolves when the server, too, has noticed that a connection is lost: until then its traces are locked, and settle leaves them out. */
async function withoutTransactions(): Promise<void> {
  for (;;) {
    const [row] = await database.sql(
      `select count(*)::int as open from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null and backend_type = 'client backend'`,
    )
    if (row?.open === 0) return
  }
}

/** Spans arrive in two parts, while their runs are written, and two of them after the end. */
async function work(url: string): Promise<void> {
  const access = openAccess({ url })
  const [late, early] = [spans.slice(0, 2), spans.slice(2)]
  const half = early.length >> 1
  await untilDone(() => take(access, early.slice(0, half)))
  await untilDone(() => view(access))
  await untilDone(() => take(access, early.slice(half)))
  await untilDone(() => settle(access))
  await untilDone(() => take(access, late))
  await untilDone(() => settle(access))
  await access.close()
}

const clear = () =>
  database.sql(
    'truncate workflow_executions, audit_logs, billing_records cascade; truncate wfstore_bill_lines, wfstore_traces, wfstore_spans',
  )

describe('a connection that is cut at any statement', () => {
  it.each(['before', 'after'] as const)(
    '%s the server has run it loses no span and counts none twice',
    async (side) => {
      await clear()
      let sent = 0
      const counting = await startProxy(database.url, {
        before: async ({ number }) => {
          sent = number
          return undefined
        },
      })
      await work(counting.url)
      await counting.close()
      const expected = await counted(database)
      expect(expected.bills.length).toBeGreaterThan(3)
      expect(sent).toBeGreaterThan(40)
      for (let cut = 1; cut <= sent; cut++) {
        await clear()
        const proxy = await startProxy(database.url, {
          [side]: async ({ number }: { number: number }) => (number === cut ? 'cut' : undefined),
        })
        await work(proxy.url)
        await proxy.close()
        expect(await counted(database), `cut ${side} statement ${cut}`).toEqual(expected)
        expect(await falseBooks(database)).toEqual([])
      }
    },
  )
})
