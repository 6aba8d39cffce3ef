// @module-tag slow
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { AUDIT } from '../../../src/queries/audit/audit.ts'
import { findAuditEntry } from '../../../src/queries/audit/find.ts'
import { listFailures } from '../../../src/queries/errors/errors.ts'
import { type Page, page } from '../../../src/queries/table/page.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
let client: pg.Client
let sent: [text: string, values: unknown[]]
const run: Run = (statement, shape) => {
  const { text, values } = bound(statement)
  sent = [text, [...values]]
  return query(client, statement, shape)
}

/** Rows lie where chance has put them, so that each that is read is on a page of its own: the worst there is. */
beforeAll(async () => {
  database = await createMigrated('entry_plans')
  client = await database.connect()
  await client.query(`
    set session_replication_role = replica;
    create temporary table run as
      select i, gen_random_uuid() as id, '2026-01-01Z'::timestamptz + i * interval '2 minutes' as start,
             'user_' || (20 * random() ^ 2)::int as user_id,
             case when i % 25 = 0 then 'failed' when i % 30 = 1 then 'partial' else 'success' end as status
      from generate_series(1, 60000) as i order by random();
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, status, error_message)
      select id, 'w', user_id, 'Sales', 'x', start, status, repeat('e', 200) from run;
    insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details, success)
      select id, start + s * interval '1 second', user_id, 'tool_call', repeat('d', 200), i % 25 <> 0
      from run, generate_series(0, 1) as s order by random();
    set session_replication_role = origin;
    analyze`)
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

type Lister = (options: object) => Promise<Page<object>>
const lists: [name: string, list: Lister, filters: object[]][] = [
  [
    'audit',
    (options) => page(run, AUDIT, options),
    [
      {},
      { userId: 'user_1' },
      { success: false },
      { since: '2026-02-01T00:00:00Z', until: '2026-03-01T00:00:00Z' },
    ],
  ],
  [
    'errors',
    (options) => listFailures(run, options),
    [{}, { since: '2026-02-01T00:00:00Z', until: '2026-03-01T00:00:00Z' }],
  ],
]

const MOST = 200

async function buffers(): Promise<number> {
  const [text, values] = sent
  const { rows } = await client.query(`explain (analyze, buffers, format json) ${text}`, values)
  const { 'Shared Hit Blocks': hit, 'Shared Read Blocks': read } = rows[0]['QUERY PLAN'][0].Plan
  return hit + read
}

describe.each(lists)('%s', (_, list, filters) => {
  it.each(filters)(
    `with %j reads at most ${MOST} buffers for 50 rows, at the first page and deep down`,
    async (filter) => {
      const { nextCursor: second } = await list({ ...filter, limit: 1000 })
      let cursor = second
      await list({ ...filter, limit: 50 })
      expect(await buffers()).toBeLessThanOrEqual(MOST)
      for (let pages = 0; pages < 2; pages++) {
        const deeper = await list({ ...filter, limit: 1000, cursor })
        cursor = deeper.nextCursor ?? cursor
      }
      expect((await list({ ...filter, limit: 50, cursor })).rows.length).toBeGreaterThan(0)
      expect(await buffers()).toBeLessThanOrEqual(MOST)
    },
  )
})

it('the entries of a run are found by its id, an entry by its own id', async () => {
  const [row] = await database.sql(
    `select a.execution_id as run, a.log_id as entry from audit_logs a where not success limit 1`,
  )
  for (const read of [
    () => page(run, AUDIT, { executionId: String(row?.run) }),
    () => listFailures(run, { executionId: String(row?.run) }),
    () => findAuditEntry(run, String(row?.entry).slice(0, 8)),
  ]) {
    await read()
    expect(await buffers()).toBeLessThanOrEqual(20)
  }
})
