// The speed of cleanup, compared with a plain DELETE of the same rows, with the old application, and by size; and the latency
// of an engine during a cleanup. The sides alternate on one server, with new copies of the databases.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openStore } from '../dist/index.js'
import { CUTOFF, cutoffOf, openServer, STORES } from './cleanup-data.js'
import { wfstore } from './store.js'
import { median } from './turns.js'

const folder = fileURLToPath(new URL('../node_modules/.cache/bench-cleanup', import.meta.url))
const child = fileURLToPath(new URL('./cleanup-child.js', import.meta.url))

const RUNS = 111_111
const LARGEST = 355_555
/** Doubled until LARGEST: about 100,000 to 3.2 million rows. */
const SMALLEST = 11_111
const LEGACY = [1000, 2000, 4000]
const ENGINE_MS = 5000

const CASCADE = [
  `delete from workflow_executions where start_time < '${CUTOFF}'`,
  `delete from audit_logs where timestamp < '${CUTOFF}'`,
]

/** In tables without foreign keys. */
const STEPS_FIRST = [
  `delete from workflow_steps where execution_id in (select execution_id from workflow_executions where start_time < '${CUTOFF}')`,
  ...CASCADE,
]

/** The statements of the old application. Its foreign keys set NULL in tables without an index. */
const OLD = [
  `delete from workflow_executions where start_time < '${CUTOFF}' and status in ('success', 'failed', 'cancelled')`,
  `delete from audit_logs where timestamp < '${CUTOFF}'`,
  `delete from observability_metrics where timestamp < '${CUTOFF}'`,
]

/** The tables of the minimal archive: JSON lines from the server, without deletes and compression. */
const LINES = ['workflow_steps', 'workflow_executions', 'audit_logs']

/**
 * Results as medians, in `unit`; `ratio` is the median of the ratios of all pairs, `goal` its maximum.
 * @param runs number of removed runs; when measuring by size, the largest number
 */
export async function measure({ runs, rounds = 3, say = () => {} } = {}) {
  const leave = () => {
    // Stop the server first: when it notices that its folder is gone, it removes the socket of the next server.
    if (existsSync(folder)) wfstore(folder, 'db', 'stop')
    rmSync(folder, { recursive: true, force: true })
  }
  leave()
  mkdirSync(folder, { recursive: true })
  try {
    const server = openServer(folder)
    const bench = { server, rounds, say, runs: runs ?? RUNS, largest: runs ?? LARGEST }
    const results = []
    for (const part of [besideLegacy, besideLimit, besideEngine, bySize]) {
      results.push(...(await part(bench)))
      say(`load ${loadavg()[0].toFixed(1)}`)
    }
    return results
  } finally {
    leave()
  }
}

/** Runs a cleanup in its own process, on a copy of the store. */
const ours = ({ server }, from, { cutoff = CUTOFF, archive = false } = {}) =>
  server.copied(from, async (copy) => {
    await server.on(copy, (client) => client.query('checkpoint'))
    const into = join(folder, 'archive')
    const words = [child, server.urlOf(copy), cutoff, ...(archive ? [into] : [])]
    try {
      const { stdout } = await promisify(execFile)(process.execPath, words)
      return JSON.parse(stdout)
    } finally {
      rmSync(into, { recursive: true, force: true })
    }
  })

/** The milliseconds of statements, one after the other, each in its own transaction. */
const timed = ({ server }, from, statements) =>
  server.copied(from, (copy) =>
    server.on(copy, async (client) => {
      await client.query('checkpoint')
      const start = performance.now()
      for (const statement of statements) await client.query(statement)
      return performance.now() - start
    }),
  )

async function turns({ rounds }, first, second) {
  const pairs = []
  for (let round = 0; round < rounds; round++) {
    const pair =
      round % 2 === 0 ? [await first(), await second()] : [await second(), await first()].reverse()
    pairs.push(pair)
  }
  return {
    ours: median(pairs.map(([mine]) => mine)),
    theirs: median(pairs.map(([, other]) => other)),
    ratio: median(pairs.map(([mine, other]) => mine / other)),
    pairs: rounds,
  }
}

/** The data of each store, compared with plain deletes and with copies of the same rows. */
async function besideLimit(bench) {
  const { server, runs, say } = bench
  const results = []
  for (const [store, { rowsPerRun, ...kind }] of Object.entries(STORES)) {
    say(`a store of ${runs} runs to remove: ${store}`)
    await server.makeStore('store', runs, kind)
    await server.makeBare('bare', 'store')
    const plain = () => timed(bench, 'bare', STEPS_FIRST)
    const sides = [
      [false, 'one DELETE per table, no foreign keys', plain, 1.6],
      [false, 'two DELETEs, steps by their foreign key', () => timed(bench, 'store', CASCADE), 1.6],
      [
        true,
        'DELETE and COPY of row_to_json',
        () => both(plain, () => copiedOut(bench, 'store')),
        3,
      ],
    ]
    for (const [archive, what, theirs, goal] of sides) {
      const mine = async () => (await ours(bench, 'store', { archive })).ms
      const name = `cleanup${archive ? ' --archive' : ''}, ${store} store`
      const rows = runs * rowsPerRun
      results.push({ name, unit: 'ms', rows, ...(await turns(bench, mine, theirs)), what, goal })
      say(`${name}, ${what}`)
    }
    await server.drop('bare')
    if (store !== Object.keys(STORES)[0]) await server.drop('store')
    else await server.rename('store', 'busy')
  }
  await server.rename('busy', 'store')
  return results
}

const both = async (first, second) => (await first()) + (await second())

/** The milliseconds of reading all removed rows as JSON lines. */
const copiedOut = ({ server }, from) =>
  server.on(from, async (client) => {
    const start = performance.now()
    for (const name of LINES) {
      const time = name === 'audit_logs' ? 'timestamp' : 'start_time'
      await client.query(
        `copy (select row_to_json(t) from ${name} t where ${time} < '${CUTOFF}') to program 'cat > /dev/null'`,
      )
    }
    return performance.now() - start
  })

async function besideLegacy(bench) {
  const { server, say } = bench
  const results = []
  for (const runs of LEGACY) {
    await server.makeStore('small', runs)
    await server.makeLegacy('old', 'small')
    const mine = async () => (await ours(bench, 'small')).ms
    const old = () => timed(bench, 'old', OLD)
    const rows = runs * STORES.busy.rowsPerRun
    // Only once: quadratic time needs no median.
    const pair = await turns({ rounds: 1 }, mine, old)
    results.push({
      name: `cleanup of ${runs} runs`,
      unit: 'ms',
      rows,
      ...pair,
      what: 'the old application’s three statements',
      goal: 0.2,
    })
    await server.drop('old')
    await server.drop('small')
    say(`${runs} runs, compared with the old application`)
  }
  return results
}

/** Twice the rows, from the same store, because kept rows cost nothing. Memory is the maximum of the process. */
async function bySize(bench) {
  const { server, runs, largest, rounds, say } = bench
  const from = largest === runs ? 'store' : 'large'
  if (from === 'large') {
    await server.drop('store')
    say(`a store of ${largest} runs to remove`)
    await server.makeStore(from, largest)
  }
  const sizes = []
  for (let size = SMALLEST; size <= largest; size *= 2) sizes.push({ size, ms: [], rss: [] })
  for (let round = 0; round < rounds; round++) {
    for (const { size, ms, rss } of sizes) {
      const measured = await ours(bench, from, { cutoff: cutoffOf(largest, size) })
      ms.push(measured.ms)
      rss.push(measured.rss)
      say(`${size} of ${largest} runs: ${Math.round(measured.ms)} ms`)
    }
  }
  const results = []
  for (const [n, { size, ms }] of sizes.entries()) {
    const half = sizes[n - 1]
    if (!half) continue
    results.push({
      name: `cleanup of ${size} runs`,
      unit: 'ms',
      rows: size * STORES.busy.rowsPerRun,
      ours: median(ms),
      theirs: median(half.ms),
      ratio: median(ms.map((each, round) => each / half.ms[round])),
      what: 'half of the runs',
      goal: 2.2,
      pairs: rounds,
    })
  }
  const [least, most] = [sizes[0], sizes.at(-1)]
  if (most && most !== least)
    results.push({
      name: `memory, ${most.size} runs`,
      unit: 'MB',
      ours: median(most.rss),
      theirs: median(least.rss),
      ratio: median(most.rss) / median(least.rss),
      what: `${least.size} runs`,
      goal: 1.2,
      pairs: rounds,
    })
  return results
}

async function besideEngine(bench) {
  const { server, say } = bench
  const result = await turns(
    bench,
    () =>
      server.copied('store', async (copy) => {
        const words = [child, server.urlOf(copy), CUTOFF]
        const cleanup = promisify(execFile)(process.execPath, words)
        return p99(await latencies(server.urlOf(copy), cleanup))
      }),
    () =>
      server.copied('store', async (copy) =>
        p99(
          await latencies(server.urlOf(copy), new Promise((done) => setTimeout(done, ENGINE_MS))),
        ),
      ),
  )
  say('an engine during a cleanup')
  const name = 'p99 of engine calls during a cleanup'
  return [{ name, unit: 'ms', ...result, what: 'without a cleanup', goal: 2 }]
}

/** The milliseconds of each call of an engine, until the promise settles. */
async function latencies(databaseUrl, until) {
  const store = openStore({ databaseUrl })
  const all = []
  const time = async (call) => {
    const start = performance.now()
    const result = await call()
    all.push(performance.now() - start)
    return result
  }
  let over = false
  const done = until.finally(() => {
    over = true
  })
  try {
    for (let n = 0; !over; n++) {
      const user = { userId: `user_${n % 50}`, mode: 'Sales', modelId: 'gpt-4o' }
      const run = await time(() => store.startExecution({ workflowName: 'live', ...user }))
      const step = await time(() => run.startStep({ stepNumber: 1, stepName: 'search' }))
      const end = { status: 'success', tokens: { input: 60, output: 40 }, cost: '0.001' }
      await time(() => step.finish(end))
      await time(() => run.finish({ status: 'success' }))
    }
    await done
    // The first calls include the connection.
    return all.slice(20)
  } finally {
    await store.close()
  }
}

const p99 = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length * 0.99)]
