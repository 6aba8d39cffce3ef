// The recorder and a report on one server, and on one and two workers of the Citus cluster of --database-url.
// npm run bench -- citus --database-url URL [--runs N] [--rounds N] [--json]
import pg from 'pg'
import { openStore } from '../dist/index.js'
import { wfstore } from './store.js'
import { compare } from './turns.js'

const CALLS = 4
/** Runs of a measurement: long enough for the clock, also with one connection. */
const RECORDED = { 1: 60, 20: 400 }
/** All nodes share one machine, so the goals say only what the coordinator may cost. */
const [CALLS_GOAL, COST_GOAL] = [0.4, 1.6]

export async function measure({ url, client, rounds, say, 'database-url': server }) {
  if (!server) throw new Error('citus needs --database-url, a database of a coordinator')
  const made = []
  try {
    // A database that is copied has no sessions.
    await client.end()
    for (const workers of [1, 2]) made.push(await distributed(server, url, workers, say))
    const stores = [{ url, what: 'one server' }, ...made]
    const others = made
    const results = []
    for (const count of [1, 20]) {
      const rows = RECORDED[count] * CALLS
      const sides = stores.map(({ url }) => recorded(url, count, RECORDED[count]))
      const compared = others.map(({ what }, n) => ({
        what,
        goal: CALLS_GOAL,
        side: sides[n + 1].side,
      }))
      const name = `recorder calls, ${count} at once`
      results.push(
        ...(await compare(
          { rounds, say },
          { name, rows, unit: 'calls/s' },
          sides[0].side,
          compared,
        )),
      )
      for (const { close } of sides) await close()
    }
    const reports = await Promise.all(stores.map(({ url }) => reported(url)))
    const compared = others.map(({ what }, n) => ({
      what,
      goal: COST_GOAL,
      side: reports[n + 1].side,
    }))
    const few = { rounds, say }
    results.push(...(await compare(few, { name: 'cost --by mode' }, reports[0].side, compared)))
    for (const { close } of reports) await close()
    return results
  } finally {
    for (const { leave } of made) await leave()
  }
}

/** A copy of the store, distributed over this number of workers. */
async function distributed(server, template, workers, say) {
  const database = `bench_citus_${workers}`
  const nodes = await on(server, (client) =>
    client.query(
      `select nodename as host, nodeport as port from pg_dist_node where noderole = 'primary' order by groupid`,
    ),
  )
  const [coordinator, ...rest] = nodes.rows.slice(0, workers + 1)
  if (rest.length < workers)
    throw new Error(`the cluster has ${rest.length} workers, not ${workers}`)
  const at = ({ host, port }, name) => {
    const url = new URL(server)
    Object.assign(url, { hostname: host, port, pathname: `/${name}` })
    return url.href
  }
  say(`distributing the store over ${workers} of the workers`)
  const main = new URL(server).pathname.slice(1)
  await on(server, (client) =>
    client.query(`create database ${database} template ${new URL(template).pathname.slice(1)}`),
  )
  for (const worker of rest) {
    await on(at(worker, main), (client) => client.query(`create database ${database}`))
    await on(at(worker, database), (client) => client.query('create extension citus'))
  }
  const url = at(coordinator, database)
  await on(url, async (client) => {
    await client.query('create extension citus')
    await client.query('select citus_set_coordinator_host($1, $2)', [
      coordinator.host,
      coordinator.port,
    ])
    for (const { host, port } of rest)
      await client.query('select citus_add_node($1, $2)', [host, port])
  })
  wfstore('.', 'migrate', 'distribute', '--shards', '8', '--yes', '--database-url', url)
  await on(url, (client) => client.query('vacuum analyze'))
  const leave = async () => {
    for (const node of [coordinator, ...rest])
      await on(at(node, main), (client) => client.query(`drop database ${database} with (force)`))
  }
  return { url, leave, what: `${workers} ${workers === 1 ? 'worker' : 'workers'}` }
}

async function on(url, work) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Runs of four calls, by engines that work at once. */
function recorded(url, count, runs) {
  const pool = openPool(url, count)
  const store = openStore({ pool })
  const run = async () => {
    const of = { workflowName: 'bench', userId: 'user_7', mode: 'Sales', modelId: 'gpt-4o' }
    const execution = await store.startExecution(of)
    const step = await execution.startStep({ stepNumber: 1, stepName: 'search' })
    await step.finish({ status: 'success', cost: '0.0123', tokens: { input: 60, output: 40 } })
    await execution.finish({ status: 'success' })
  }
  const side = async () => async () => {
    let left = runs
    await Promise.all(
      Array.from({ length: count }, async () => {
        while (left-- > 0) await run()
      }),
    )
  }
  return { side, close: () => pool.end() }
}

async function reported(url) {
  const pool = openPool(url, 1)
  const store = openStore({ pool })
  return { side: async () => () => store.cost({ by: ['mode'] }), close: () => pool.end() }
}

/** After a failure its database is dropped while it has sessions. */
const openPool = (connectionString, max) =>
  new pg.Pool({ connectionString, max, idleTimeoutMillis: 0 })
    .on('connect', (client) => client.on('error', () => {}))
    .on('error', () => {})
