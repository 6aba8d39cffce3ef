// A database of its own for a part of the benchmarks, with the whole schema.
import pg from 'pg'
import { wfstore } from './store.js'
import { TABLES } from './write-transfer.js'

/** For connections of the other side: its statements write the totals themselves, without the triggers that keep them. */
export const WITHOUT_TRIGGERS = '-c wfstore.keeps_totals=on'

/** Creates the database `name`, and drops it after `work`. */
export async function inOwnDatabase(outer, name, work) {
  await outer.client.query(`drop database if exists ${name} with (force)`)
  await outer.client.query(`create database ${name}`)
  const url = new URL(outer.url)
  url.pathname = `/${name}`
  wfstore(outer.folder, 'migrate', 'up', '--database-url', url.href)
  const { close, ...bench } = await open({ ...outer, url: url.href })
  try {
    return await work(bench)
  } finally {
    await close()
    await outer.client.query(`drop database ${name}`)
  }
}

async function open({ url, ...rest }) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const pools = new Map()
  const opened = async (max, options) => {
    const pool = new pg.Pool({ connectionString: url, max, idleTimeoutMillis: 0, options })
    const all = await Promise.all(Array.from({ length: max }, () => pool.connect()))
    for (const each of all) each.release()
    return pool
  }
  /** Parts share a pool, so that there are not too many connections. */
  const poolOf = async (max, options = '') => {
    const key = `${max} ${options}`
    if (!pools.has(key)) pools.set(key, await opened(max, options))
    return pools.get(key)
  }
  return {
    ...rest,
    url,
    client,
    poolOf,
    reset: async () => {
      await client.query(`truncate ${TABLES.join(', ')}`)
      await client.query('vacuum analyze')
      await client.query('checkpoint')
    },
    /** Adds running runs. */
    add: async (count) => {
      const { rows } = await client.query(
        `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
         select gen_random_uuid(), 'workflow ' || n % 40, 'user_' || n % 200, 'Sales', 'gpt-4o' from generate_series(1, $1::integer) as n
         returning execution_id as id, user_id as user, model_id as model`,
        [count],
      )
      await client.query('checkpoint')
      return rows
    },
    close: async () => {
      await client.end()
      for (const pool of pools.values()) await pool.end()
    },
  }
}
