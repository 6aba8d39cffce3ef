import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { applyFix, detailsOf, findingOf } from './support.ts'

describe.skipIf(!citusUrl)('on a distributed store', () => {
  let store: TestDatabase
  const ids = Array.from({ length: 40 }, (_, n) => `00000000-0000-4000-8000-0000000000${n + 10}`)
  beforeAll(async () => {
    store = await createMigrated('doctor_nodes')
    await store.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
       select id, 'w', 'u', 'm', 'gpt-4o' from unnest($1::uuid[]) as id`,
      [ids],
    )
  })
  afterAll(() => store.drop())

  /** The first column of a statement on each node. */
  const onNodes = async (text: string) =>
    (await store.sql('select result from run_command_on_all_nodes($1)', [text])).map(
      ({ result }) => result as string,
    )

  it('each node is named, with its shards', async () => {
    const { state, details } = await findingOf(store, 'nodes')
    const { nodes, versions } = JSON.parse(details as string)
    const [row] = await store.sql('select count(*)::int as n from pg_dist_node')
    expect([state, nodes.length, versions.length]).toEqual(['ok', row?.n, 1])
    const shards = nodes.reduce((sum: number, node: { shards: number }) => sum + node.shards, 0)
    const [placed] = await store.sql(
      `select count(*)::int as n from pg_dist_shard join pg_dist_partition using (logicalrelid) where partmethod = 'h'`,
    )
    expect(shards).toBe(placed?.n)
  })

  it('a node that is not active fails, and the fix works', async () => {
    const [worker] = await store.sql(
      `select nodename, nodeport from pg_dist_node where groupid <> 0 order by groupid limit 1`,
    )
    await store.sql(`update pg_dist_node set isactive = false where nodeport = $1`, [
      worker?.nodeport,
    ])
    const nodes = await findingOf(store, 'nodes')
    expect(nodes).toMatchObject({
      state: 'failed',
      finding: `${worker?.nodename}:${worker?.nodeport} is not active`,
    })
    await applyFix(store, nodes)
    expect((await findingOf(store, 'nodes')).state).toBe('ok')
  })

  it('sizes are those of all shards, by the names of the tables', async () => {
    const { tables, totalBytes } = detailsOf(await findingOf(store, 'sizes'))
    const found = tables.find(({ name }: { name: string }) => name === 'workflow_executions')
    const [size] = await store.sql(
      `select citus_total_relation_size('workflow_executions')::text as bytes`,
    )
    expect(found.totalBytes).toBe(Number(size?.bytes))
    expect(totalBytes).toBeGreaterThan(found.totalBytes)
    expect(tables.filter(({ name }: { name: string }) => /\d/.test(name))).toEqual([])
  })

  it('an index that is invalid on one shard fails under its own name', async () => {
    await onNodes(
      `update pg_index set indisvalid = false where indexrelid = (select min(oid) from pg_class where relname ~ '^workflow_executions_user_start_idx_\\d+$') returning 1`,
    )
    const indexes = await findingOf(store, 'indexes')
    expect(indexes).toMatchObject({
      state: 'failed',
      finding: expect.stringMatching(/: workflow_executions_user_start_idx$/),
    })
  })

  it('a session that waits on a worker, and the one that blocks it, are named, and the fix ends it', async () => {
    const [holder, waiter] = [await store.connect(), await store.connect()]
    const [{ gpid } = { gpid: 0 }] = (
      await holder.query('select citus_backend_gpid()::text as gpid')
    ).rows
    await holder.query('begin')
    const text = `update workflow_executions set mode = 'n' where execution_id = $1`
    await holder.query(text, [ids[0]])
    const waits = waiter.query(text, [ids[0]])
    for (;;) {
      const [row] = await store.sql('select count(*)::int as n from citus_lock_waits')
      if (row?.n) break
    }
    let locks = await findingOf(store, 'locks')
    // It has to wait for deadlock_timeout first.
    while (locks.state === 'ok') locks = await findingOf(store, 'locks')
    expect(locks.state).toBe('warning')
    expect(locks.fix).toBe(`select pg_terminate_backend(${gpid})`)
    const ended = new Promise((resolve) => holder.once('end', resolve))
    await applyFix(store, locks)
    await ended
    expect((await waits).rowCount).toBe(1)
    await waiter.end()
  })

  it('a transaction that is open for long is named once, by its number in the cluster', async () => {
    const idle = await store.connect()
    const [{ gpid } = { gpid: 0 }] = (await idle.query('select citus_backend_gpid()::text as gpid'))
      .rows
    await idle.query('begin')
    await idle.query('select count(*) from workflow_executions')
    const found = await findingOf(store, 'transactions', { limits: { transactionMs: 0 } })
    const { open } = detailsOf(found)
    expect(open.filter(({ pid }: { pid: number }) => String(pid) === gpid)).toHaveLength(1)
    await idle.end()
  })
})
