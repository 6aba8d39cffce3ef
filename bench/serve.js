// `wfstore serve` over HTTP, compared with the statements of each request sent by pg from this process.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { createHandler, openStore } from '../dist/index.js'
import { startServer } from './serve-process.js'
import { compare, median } from './turns.js'

/** As many as the server lets use the database at once. */
const AT_ONCE = 8
const CLIENTS = 50
const STREAMS = 200
const MINUTE = 60
/** Requests of one measurement; a test has few runs and asks less. */
const REQUESTS = 400
/** Answers of a page in one measurement. */
const CALLS = 5
/** A page is ready within this multiple of its statements. */
const PAGES = 1.5
/** A list is 50 rows of JSON, which bare pg does not write. */
const [LISTS, ROWS] = [0.25, 0.5]
/** For many clients at once, which share one thread of the server. */
const SLOWEST = 3.5
/** Megabytes that the process may have with all its streams. */
const MOST_MEMORY = 300

export async function measure(outer) {
  const pool = new pg.Pool({ connectionString: outer.url, max: AT_ONCE })
  pool.on('error', () => {})
  const server = await startServer(outer.url)
  const requests = Math.min(REQUESTS, outer.runs)
  const bench = { ...outer, pool, server, requests }
  try {
    return [
      ...(await requestsPerSecond(bench)),
      ...(await slowest(bench)),
      ...(await pages(bench)),
      await streams(bench),
    ]
  } finally {
    await server.stop()
    await pool.end()
  }
}

async function anyRun({ client, runs }) {
  const { rows } = await client.query(
    'select execution_id as id from workflow_executions order by start_time offset $1 limit 1',
    [Math.floor(runs / 10)],
  )
  return rows[0].id
}

async function requestsPerSecond(bench) {
  const { server, pool, requests: rows } = bench
  const id = await anyRun(bench)
  const results = []
  for (const [name, path, goal] of [
    ['GET a list of 50', '/api/v1/executions?limit=50', LISTS],
    ['GET one execution', `/api/v1/executions/${id}`, ROWS],
  ]) {
    const statements = await statementsOf(bench, path)
    const ours = async () => () => inTurn(rows, AT_ONCE, () => server.ask(path))
    const theirs = async () => () => inTurn(rows, AT_ONCE, () => send(pool, statements))
    const of = { name: `${name}, ${AT_ONCE} at once`, rows, unit: 'requests/s' }
    results.push(...(await compare(bench, of, ours, [{ what: SAME, goal, side: theirs }])))
  }
  return results
}

const SAME = 'the same SQL, bare pg'

/** The 99th percentile of clients that each send one request after the other. */
async function slowest(bench) {
  const { server, pool, requests, rounds, say } = bench
  const path = '/api/v1/executions?limit=50'
  const statements = await statementsOf(bench, path)
  const p99 = async (work) => {
    const times = []
    await inTurn(requests * 2, CLIENTS, async () => {
      const start = performance.now()
      await work()
      times.push(performance.now() - start)
    })
    return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]
  }
  const pairs = []
  for (let round = 0; round < rounds; round++)
    pairs.push([await p99(() => server.ask(path)), await p99(() => send(pool, statements))])
  const name = `99 % of lists of 50, ${CLIENTS} clients`
  say(name)
  return [
    {
      ...{ name, unit: 'ms', ours: median(pairs.map(([ours]) => ours)), what: SAME },
      ...{ theirs: median(pairs.map(([, theirs]) => theirs)), pairs: rounds },
      ratio: median(pairs.map(([ours, theirs]) => ours / theirs)),
      goal: SLOWEST,
    },
  ]
}

async function pages(bench) {
  const { server, pool } = bench
  const id = await anyRun(bench)
  const paths = ['/', '/executions', `/executions/${id}`, '/errors', '/cost', '/bills']
  const results = []
  // Health and Cleanup keep what they have read for a while.
  for (const path of paths) {
    const statements = await statementsOf(bench, path)
    const ours = async () => () => inTurn(CALLS, 1, () => server.ask(path))
    const theirs = async () => () => inTurn(CALLS, 1, () => send(pool, statements))
    const of = { name: `page ${path.replace(id, '<id>')}`, calls: CALLS }
    results.push(...(await compare(bench, of, ours, [{ what: SAME, goal: PAGES, side: theirs }])))
  }
  return results
}

/** The memory of the server during live updates, in which a run begins each second, compared with the second quarter, when it is warm. */
async function streams({ server, client, rounds, say }) {
  const seconds = Math.min(MINUTE, 4 * rounds)
  let heard = 0
  const paths = Array.from(
    { length: STREAMS },
    (_, n) => `/events?page=executions&limit=${10 + (n % 20)}`,
  )
  const ends = await Promise.all(paths.map((path) => server.listen(path, () => heard++)))
  const measured = []
  try {
    for (let second = 0; second < seconds; second++) {
      await client.query(
        `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('live', 'user_live', 'Sales', 'gpt-4o')`,
      )
      await delay(1000)
      measured.push(server.memory())
      if (measured.at(-1) > MOST_MEMORY)
        throw new Error(`the memory is more than ${MOST_MEMORY} MB`)
    }
  } finally {
    for (const end of ends) end()
    await client.query(`delete from workflow_executions where user_id = 'user_live'`)
  }
  say(`${STREAMS} streams: ${heard} events`)
  if (heard < STREAMS * 2) throw new Error(`${STREAMS} streams had only ${heard} events`)
  const quarter = seconds >> 2
  const [first, last] = [
    median(measured.slice(quarter, 2 * quarter)),
    median(measured.slice(-quarter)),
  ]
  return {
    ...{ name: `memory of ${STREAMS} streams, ${seconds} s`, unit: 'MB', ours: last },
    ...{ what: 'in the second quarter', theirs: first, ratio: last / first, goal: 1.2, pairs: 1 },
  }
}

/** The statements of an answer, without the check of the schema and the settings of the session. */
async function statementsOf({ url }, path) {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  const statements = []
  pool.on('connect', (client) => {
    const query = client.query.bind(client)
    client.query = (config, ...rest) => {
      const { text = config, values } = typeof config === 'string' ? {} : config
      if (typeof text === 'string' && !OF_THE_SESSION.test(text)) statements.push({ text, values })
      return query(config, ...rest)
    }
  })
  const store = openStore({ pool })
  const handler = createHandler({ store, authorize: () => ({ name: 'bench', can: 'read' }) })
  const answer = async () => {
    const response = await handler(new Request(`http://127.0.0.1${path}`))
    if (response.status !== 200) throw new Error(`${path}: status ${response.status}`)
    return response.text()
  }
  // The first answer also checks the schema.
  await answer()
  statements.length = 0
  await answer()
  await pool.end()
  return statements
}

/** `wfstore serve` sets its sessions once; the handler, which tells the statements, sets those of an application for each answer. */
const OF_THE_SESSION =
  /wfstore_migrations|json_each_text|source operator\(pg_catalog\.=\) 'session'|^reset /

async function send(pool, statements) {
  const client = await pool.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    client.release()
  }
}

/** Does `work` a number of times, `atOnce` at the same time. */
async function inTurn(count, atOnce, work) {
  let left = count
  const next = async () => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, next))
}
