// Rows per second of the recorder, the batch writer, import and export, compared with minimal statements for the same rows.
// Uses its own database with the whole schema.
import pg from 'pg'
import { wfstore } from './store.js'
import { batchEntries, batchSteps } from './write-batch.js'
import { finishes, pricedFinishes, wholeRuns } from './write-recorder.js'
import { exports, fill, imports, memoryOfImports, TABLES } from './write-transfer.js'

const DATABASE = 'bench_write'

/** A test uses a store with few runs and gets smaller sizes. */
const sizesOf = (runs) => ({
  /** The rows in the tables before the measurement. Imports begin with empty tables. */
  standing: Math.min(160_000, 4 * runs),
  entries: Math.min(10_000, 2 * runs),
  steps: Math.min(5_000, runs),
  finishes: Math.min(300, Math.ceil(runs / 10)),
  wholeRuns: Math.min(100, Math.ceil(runs / 10)),
  lines: Math.min(20_000, 2 * runs),
})

export async function measure(outer) {
  await outer.client.query(`drop database if exists ${DATABASE} with (force)`)
  await outer.client.query(`create database ${DATABASE}`)
  const url = new URL(outer.url)
  url.pathname = `/${DATABASE}`
  wfstore(outer.folder, 'migrate', 'up', '--database-url', url.href)
  const { close, ...bench } = await open({ ...outer, url: url.href })
  try {
    await fill(bench, bench.sizes.standing)
    await bench.client.query('vacuum analyze')
    const results = []
    for (const part of [
      batchEntries,
      batchSteps,
      finishes,
      pricedFinishes,
      wholeRuns,
      imports,
      exports,
    ]) {
      results.push(...(await part(bench)))
    }
    if (outer.memory) results.push(await memoryOfImports(bench))
    return results
  } finally {
    await close()
    await outer.client.query(`drop database ${DATABASE}`)
  }
}

async function open({ url, runs, ...rest }) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const pools = []
  const poolOf = async (max) => {
    const pool = new pg.Pool({ connectionString: url, max, idleTimeoutMillis: 0 })
    pools.push(pool)
    const all = await Promise.all(Array.from({ length: max }, () => pool.connect()))
    for (const each of all) each.release()
    return pool
  }
  return {
    ...rest,
    url,
    sizes: sizesOf(runs),
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
      for (const pool of pools) await pool.end()
    },
  }
}
