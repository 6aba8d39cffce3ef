// @module-tag slow
import { text } from 'node:stream/consumers'
import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import type { ArchiveSink } from '../../src/cleanup/types.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { atStatements, SILENT, uuid } from './cleanup-support.ts'
import { expectLedger, keepLedger } from './ledger.ts'
import { idsOf, leftOf, readStore } from './oracle.ts'

let database: TestDatabase
/** The client of the cleanup, and the one of the session between two of its statements. */
let client: pg.Client
let other: pg.Client
let between: (number: number, text: string) => Promise<void> = async () => {}

beforeAll(async () => {
  database = await createMigrated('cleanup_interleaved')
  await keepLedger(database)
  client = atStatements(await database.connect(), (number, text) => between(number, text))
  other = await database.connect()
  // The cleanup waits until this one has its answer.
  await other.query(`set lock_timeout = '15ms'`)
})
afterAll(async () => {
  await client.end()
  await other.end()
  await database.drop()
})

const CUTOFF = '2024-06-01T00:00:00Z'
const [OLD_A, OLD_B, RUNS, ENDED_LATER, LATE] = [1, 2, 3, 4, 5].map(uuid) as [
  string,
  string,
  string,
  string,
  string,
]

/** In one go, since it is done for every statement. */
const fill = () =>
  database.sql(`
    delete from workflow_executions; delete from audit_logs; delete from usage_history; delete from audit_history; delete from wfstore_cleanups;
    delete from ledger_runs; delete from ledger_entries; delete from ledger_rows; delete from ledger_steps;
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, status, end_time, total_cost)
    values ('${OLD_A}', 'w', 'u', 'm', 'x', '2024-01-01Z', 'success', '2024-02-01Z', 0.25),
           ('${RUNS}', 'w', 'u', 'm', 'x', '2024-01-02Z', 'running', null, 0.5),
           ('${OLD_B}', 'w', 'u', 'm', 'x', '2024-01-03Z', 'failed', '2024-02-01Z', 0.25),
           ('${ENDED_LATER}', 'w', 'u', 'm', 'x', '2024-01-04Z', 'success', '2024-07-01Z', 1);
    insert into workflow_steps (execution_id, step_number, step_name)
    select execution_id, n, 's' from workflow_executions, generate_series(1, 2) n;
    insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details)
    select execution_id, timestamptz '2024-01-05Z', 'u', 'a', 'd' from workflow_executions
    union all select null, '2024-01-05Z', 'u', 'a', 'd'`)

const addStep = (id: string) =>
  `insert into workflow_steps (execution_id, step_number, step_name, cost) values ('${id}', 3, 'late', 5)`
/** What others do in one transaction. */
const ACTIONS: Record<string, string> = {
  'a late step adds to the totals of an old run': `with s as (${addStep(OLD_A)} returning 1)
    update workflow_executions set total_cost = total_cost + 5, total_tokens = total_tokens + 7 from s where execution_id = '${OLD_A}'`,
  'a late step is added without an update of the totals': addStep(OLD_B),
  'a step of an old run is changed': `update workflow_steps set cost = 1 where execution_id = '${OLD_A}' and step_number = 2`,
  'a run that ran ends, long before the cutoff': `update workflow_executions set status = 'success', end_time = '2024-02-01Z', total_cost = 3
    where execution_id = '${RUNS}'`,
  'an old run turns out to be running': `update workflow_executions set status = 'running', end_time = null where execution_id = '${OLD_B}'`,
  'an old run is deleted by hand': `delete from workflow_executions where execution_id = '${OLD_A}'`,
  'an old run is imported with its steps and entries': `with r as (
      insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, created_at, updated_at)
      values ('${LATE}', 'w', 'u', 'm', 'x', 'success', '2024-01-02 12:00Z', '2024-02-01Z', now(), now())
    ), s as (insert into workflow_steps (execution_id, step_number, step_name) values ('${LATE}', 1, 's'))
    insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details) values ('${LATE}', '2024-01-02Z', 'u', 'a', 'd')`,
}
/** What a cleanup does in its batches, and between them. */
const STATEMENT = /^\s*(begin|with|select|insert|update|delete|lock|copy|commit|rollback)\b/
/** From before the first batch of runs to after the last of entries. */
const boundaries: number[] = []

/** Every step is in the table or in the archive, as it was when it was last written. */
async function expectArchived(lines: readonly string[], note: string): Promise<void> {
  const archived = lines.filter((line) => line.startsWith('{"step"'))
  const rows = await database.sql(
    `with kept as (
       select execution_id, step_id, cost from workflow_steps
       union all
       select (line -> 'step' ->> 'executionId')::uuid, (line -> 'step' ->> 'stepId')::uuid, (line -> 'step' ->> 'cost')::numeric
       from unnest($1::jsonb[]) as line
     )
     select * from (table kept except all table ledger_steps) as false_or_twice
     union all
     select * from (table ledger_steps except all table kept) as lost`,
    [archived],
  )
  expect(rows, note).toEqual([])
}

beforeAll(async () => {
  await fill()
  const texts: string[] = []
  between = async (_, sent) => {
    texts.push(sent)
  }
  await cleanup(client, { allowAll: true, before: CUTOFF, pauseMs: 0, batchSize: 3 })
  const first = texts.findIndex((text) => text.startsWith('begin isolation'))
  const last = texts.findIndex((text, at) => at > first && text.includes('observability_metrics'))
  for (let at = first + 1; at <= last + 1; at++)
    if (!SILENT.test(texts[at - 1] as string)) boundaries.push(at)
})

/** Keeps in memory what is durable: what was written when a batch was about to commit. */
function memory() {
  const durable: string[] = []
  let pending: string[] = []
  const sink: ArchiveSink = {
    place: 'memory',
    open: async () => {},
    write: async (_, chunks) => {
      const lines = (await text(chunks)).split('\n').filter(Boolean)
      pending.push(...lines)
      return lines.length
    },
    sync: async () => {
      durable.push(...pending)
      pending = []
    },
    rollback: async () => {
      pending = []
    },
    finish: async () => ({ place: 'memory', files: [], lines: NOTHING, bytes: 0 }),
    abandon: async () => {},
  }
  return { sink, durable }
}
const NOTHING = { execution: 0, step: 0, audit: 0, metric: 0 }

/** The other waits for a lock of the cleanup, and comes after it. Its run may be gone by then. */
const isLate = (error: unknown) => (error as { code: string }).code === '55P03'
const isGone = (error: unknown) => (error as { code: string }).code === '23503'

it.each(Object.entries(ACTIONS))(
  '%s, before any statement of a cleanup: each row is counted once',
  async (name, action) => {
    const hand = name.includes('by hand') ? 'hand' : 'engine'
    await other.query(`set application_name = ${hand}`)
    const outcomes = { before: 0, later: 0 }
    for (const at of boundaries) {
      await fill()
      let sent = 0
      let waits = false
      let came: string | undefined
      between = async (_, text) => {
        if (++sent !== at) return
        came = text
        await other.query(action).catch((error) => {
          if (isLate(error)) waits = true
          else if (!isGone(error)) throw error
        })
      }
      const { sink, durable } = memory()
      // Steps are archived by one statement, and deleted by another.
      const archive = name.includes('step') ? sink : undefined
      await cleanup(client, { allowAll: true, before: CUTOFF, pauseMs: 0, batchSize: 3, archive })
      between = async () => {}
      expect(came).toMatch(STATEMENT)
      if (waits) {
        await other.query(action).catch((error) => {
          if (!isGone(error)) throw error
        })
      }
      outcomes[waits ? 'later' : 'before']++
      const note = `statement ${at}: ${came}`
      await expectLedger(database, note)
      if (archive) await expectArchived(durable, note)
      // What came behind it is left for the next cleanup, which leaves nothing.
      const left = async () => {
        const store = await readStore(database)
        return [idsOf(store), idsOf(leftOf(store, 1_717_200_000_000_000n))]
      }
      if (!isDeepStrictEqual(...((await left()) as [unknown, unknown]))) {
        await cleanup(client, { allowAll: true, before: CUTOFF, pauseMs: 0 })
        await expectLedger(database, note)
        const [is, must] = await left()
        expect(is, note).toEqual(must)
      }
    }
    // It came at every statement, at some of them while its row was locked, unless it has none.
    expect(outcomes.before).toBeGreaterThan(10)
    expect(outcomes.later > 0).toBe(!/ends|imported/.test(name))
  },
)
