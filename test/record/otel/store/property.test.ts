// @module-tag slow
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { shardsOf } from '../../../../src/db/distributed/at.ts'
import { reconcileDue } from '../../../../src/record/otel/store/reconcile.ts'
import type { Span } from '../../../../src/record/otel/types.ts'
import { uuidv7 } from '../../../../src/uuid.ts'
import { falseBooks } from '../../../support/batches.ts'
import { citusUrl } from '../../../support/citus.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { withClient } from '../../../support/migrate.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { CAPTURES, spansOfCapture } from '../captures.ts'
import { addPrices, counted, LATER, settle, take } from './settled.ts'
import { openAccess } from './spans.ts'

let database: TestDatabase
let processes: ReturnType<typeof openAccess>[]
/** A run of each shard; of one server any. */
let shards: string[]

beforeAll(async () => {
  database = await createMigrated('otel_property')
  await addPrices(database)
  processes = [1, 2, 3].map(() => openAccess(database))
  shards = citusUrl ? await withClient(database, shardsOf) : [uuidv7(1)]
})
afterAll(async () => {
  for (const { close } of processes) await close()
  await database.drop()
})

const clear = () =>
  database.sql(
    'truncate workflow_executions, audit_logs, billing_records cascade; truncate wfstore_bill_lines, wfstore_traces, wfstore_spans',
  )

/** Batches of places of spans, each for one of the processes. Every span is in one of them at least. */
const batchesOf = (spans: number) =>
  fc
    .tuple(
      fc.shuffledSubarray(range(spans), { minLength: spans, maxLength: spans }),
      fc.array(fc.nat({ max: spans - 1 }), { maxLength: spans }),
    )
    .chain(([all, again]) =>
      fc.tuple(
        fc.constant([...all, ...again]),
        fc.array(fc.integer({ min: 1, max: 6 }), {
          minLength: all.length + again.length,
          maxLength: all.length + again.length,
        }),
        fc.array(fc.nat({ max: 2 }), {
          minLength: all.length + again.length,
          maxLength: all.length + again.length,
        }),
      ),
    )
    .map(([places, sizes, owners]) => {
      const batches: { process: number; places: number[] }[] = []
      for (let at = 0; at < places.length; ) {
        const size = sizes[batches.length] ?? 1
        batches.push({ process: owners[batches.length] ?? 0, places: places.slice(at, at + size) })
        at += size
      }
      return batches
    })

/** Runs are written again at once, and not within a second. */
const DUE = `update wfstore_traces set due_at = now()
  where trace_id in (select trace_id from wfstore_traces where due_at is not null for update skip locked)`

const range = (length: number) => Array.from({ length }, (_, place) => place)

it.each([...CAPTURES, 'all'])(
  '%s: any order, repetition and batches, from three processes that write runs meanwhile, end in the same rows',
  async (capture) => {
    const captures = capture === 'all' ? CAPTURES : [capture]
    const spans: Span[] = (await Promise.all(captures.map(spansOfCapture))).flat()
    await clear()
    const [first] = processes
    if (!first) throw new Error('no process')
    await take(first, spans)
    await settle(first)
    const expected = await counted(database)
    expect(expected.executions.length).toBeGreaterThan(0)
    await fc.assert(
      fc.asyncProperty(batchesOf(spans.length), async (batches) => {
        await clear()
        let open = true
        const writing = processes.map(async ({ inTransaction }) => {
          while (open) {
            await reconcileDue(inTransaction, LATER)
            for (const run of shards)
              await inTransaction((send) => send({ text: DUE, values: [], run }, {}))
          }
        })
        await Promise.all(
          processes.map(async (own, process) => {
            for (const batch of batches)
              if (batch.process === process)
                await take(
                  own,
                  batch.places.flatMap((place) => spans[place] ?? []),
                )
          }),
        )
        open = false
        await Promise.all(writing)
        await Promise.all(processes.map(settle))
        expect(await counted(database)).toEqual(expected)
        expect(await falseBooks(database)).toEqual([])
      }),
      { numRuns: capture === 'all' ? 3 : 6 },
    )
  },
)
