import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import type { ArchiveSink } from '../../src/cleanup/types.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'
import { inFolder, options, restore } from './archive-support.ts'
import { archiveInFolder } from '../../src/cleanup/archive/sink.ts'
import { addEntry, addRun, atStatements, clean, cleanupsIn, clear, uuid } from './cleanup-support.ts'

let database: TestDatabase
beforeAll(async () => { database = await createMigrated('review') })
afterAll(() => database.drop())
beforeEach(() => clear(database.sql))
const CUTOFF = '2024-06-01T00:00:00Z'
const elsewhere = (text: string) => withClient(database, (c) => c.query(text))
const old = (n: number, more = {}) => addRun(database.sql, { id: uuid(n), label: 'w', start: '2024-01-01Z', end: '2024-01-02Z', steps: 1, ...more })

it('ddl rewrite during audit', async () => {
  await old(1, { status: 'running', end: null })
  await addEntry(database.sql, { id: uuid(2), run: uuid(1), at: '2024-01-01Z' })
  const client = await database.connect()
  let did = 0
  const r = await cleanup(atStatements(client, async (_, text) => {
    if (text.includes('kept as materialized') && did++ === 0)
      await elsewhere(`set lock_timeout = '100ms'; alter table workflow_executions add column extra uuid default gen_random_uuid()`).catch((e) => console.log(e.message))
  }), { before: CUTOFF })
  await client.end()
  console.log(r, await database.sql('select log_id from audit_logs'))
  await database.sql('alter table workflow_executions drop column if exists extra')
})

it('column added meanwhile', () => inFolder(async (folder) => {
  for (const n of [1, 2, 3]) await old(n)
  const client = await database.connect()
  let did = 0
  const r = await cleanup(atStatements(client, async (_, text) => {
    if (text.startsWith('begin') && ++did === 3) await elsewhere(`alter table workflow_executions add column extra text; update workflow_executions set extra = 'kept?'`)
  }), { before: CUTOFF, batchSize: 1, archive: archiveInFolder(folder, options) }).catch((e) => e.message)
  await client.end()
  console.log(r)
  await restore(database, folder)
  console.log(await database.sql('select execution_id, extra from workflow_executions'))
  await database.sql('alter table workflow_executions drop column if exists extra')
}))

it('usage_history locked', async () => {
  for (const n of [1, 2, 3]) await old(n)
  const holder = await database.connect()
  await holder.query('begin; lock table usage_history in share mode')
  const began = performance.now()
  console.log(await clean(database, { before: CUTOFF }).catch((e) => e), performance.now() - began)
  await holder.query('rollback')
  await holder.query('begin; lock table cleanups in share mode')
  const limit = new AbortController(); 
  console.log(await Promise.race([clean(database, { before: CUTOFF }).catch((e) => e), new Promise((r) => setTimeout(() => r('HANGS'), 5000))]))
  await holder.query('rollback'); await holder.end()
})

it('fk', async () => {
  await old(1)
  await database.sql(`create table app (run uuid references workflow_executions); insert into app values ('${uuid(1)}')`)
  console.log(await clean(database, { before: CUTOFF }).catch((e) => ({ m: e.message, c: e.code, h: e.hint })))
  await database.sql('drop table app')
  await addEntry(database.sql, { id: uuid(2), run: uuid(1), at: '2024-07-01Z' })
  await database.sql(`insert into billing_records (user_id, execution_id, model_id, billing_period) values ('u', '${uuid(1)}', 'x', '2024-01')`)
  await database.sql(`alter table audit_logs add constraint a foreign key (execution_id) references workflow_executions on delete cascade;
   alter table billing_records add constraint b foreign key (execution_id) references workflow_executions on delete cascade`)
  console.log(await clean(database, { before: CUTOFF }).catch((e) => ({ m: e.message, c: e.code, h: e.hint })))
  console.log(await database.sql(`select (select count(*) from audit_logs) a, (select count(*) from billing_records) b, (select sum(entries) from audit_history) h`))
  await database.sql(`alter table audit_logs drop constraint a; alter table billing_records drop constraint b`)
})

it('sink errors mid copy; server goes mid copy', async () => {
  await database.sql(`insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, error_message)
    select 'w', 'u', 'm', 'x', 'success', '2024-01-01Z', '2024-01-02Z', repeat('x', 20000) from generate_series(1, 900)`)
  const bare = (write: ArchiveSink['write']): ArchiveSink => ({ place: 'x', open: async () => {}, write, sync: async () => {}, rollback: async () => {}, finish: async () => ({ place: 'x', files: [], lines: { execution: 0, step: 0, audit: 0, metric: 0 }, bytes: 0 }), abandon: async () => {} })
  for (const how of ['throw', 'terminate', 'destroy', 'terminateSlow']) {
    const client = await database.connect()
    client.on('error', () => {})
    let n = 0
    const pid = (client as unknown as { processID: number }).processID
    const out = await Promise.race([cleanup(client, { before: CUTOFF, archive: bare(async (kind, chunks) => {
      let lines = 0
      for await (const c of chunks) {
        lines++
        if (kind === 'execution' && n++ === 1) {
          if (how === 'throw') throw new Error('sink')
          if (how.startsWith('terminate')) await database.sql('select pg_terminate_backend($1, 5000)', [pid])
          if (how === 'destroy') (client as any).connection.stream.destroy()
        }
      }
      return lines
    }) }).then((r) => r.outcome, (e) => e.message), new Promise((r) => setTimeout(() => r('HANGS'), 8000))])
    console.log(how, out, n, await database.sql('select count(*) from workflow_executions'), (await cleanupsIn(database)).at(-1))
    await Promise.race([client.end().catch(() => {}), new Promise((r) => setTimeout(r, 2000))])
  }
}, 60000)
