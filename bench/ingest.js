// Spans per second through HTTP into the store until their runs are settled and billed, compared with the library, which writes
// the same runs, steps, audit entries and bills.
import { setTimeout as delay } from 'node:timers/promises'
import { openStore } from '../dist/index.js'
import { inOwnDatabase } from './database.js'
import { startIngest } from './ingest-server.js'
import { bodies, MODEL, SPANS_PER_RUN, TOKENS, TOOL, trace } from './ingest-spans.js'
import { compare } from './turns.js'
import { MAX_ROWS, together } from './write-forms.js'

/** Calls of the library at the same time. */
const AT_ONCE = 20
const STEPS_PER_RUN = 5
const MILLION = 1_000_000
/** Megabytes that a process which receives may have. */
const MOST_MEMORY = 250

export const measure = (outer) =>
  inOwnDatabase(outer, 'bench_ingest', async (database) => {
    // A test has few runs.
    const [runs, runsInOneTrace] = [Math.min(2000, outer.runs), Math.min(5000, outer.runs)]
    const bench = { ...database, runs, runsInOneTrace }
    const store = openStore({ pool: await bench.poolOf(AT_ONCE) })
    await store.prices.import()
    const server = await startIngest(bench.url)
    try {
      const results = []
      for (const encoding of ['protobuf', 'json'])
        results.push(...(await manyRuns({ ...bench, store, server }, encoding)))
      results.push(...(await oneTrace({ ...bench, server })))
      if (outer.memory) results.push(await memory({ ...bench, server }))
      return results
    } finally {
      await server.stop()
    }
  })

async function manyRuns(bench, encoding) {
  const { runs, server, store, reset } = bench
  const received = async () => {
    await reset()
    const all = [...bodies(runs, encoding)]
    return async () => {
      await server.sendAll(all, encoding)
      await settled(bench, runs)
    }
  }
  const recorded = async () => {
    await reset()
    return async () => {
      const started = await inTurn(runs, (n) =>
        store.startExecution({
          ...{ workflowName: 'Lead enrichment', userId: `user_${n % AT_ONCE}`, mode: 'lead-agent' },
          modelId: MODEL,
        }),
      )
      const ids = started.map(({ executionId }) => executionId)
      await writeSteps(store, ids)
      await inTurn(runs, (n) => started[n].finish({ status: 'success' }))
      await settled(bench, runs)
    }
  }
  return compare(
    bench,
    { name: `ingest, ${encoding}`, rows: runs * SPANS_PER_RUN, unit: 'spans/s' },
    received,
    [{ what: 'the same runs by startExecution, batch.step and finish', goal: 1, side: recorded }],
  )
}

async function writeSteps(store, ids) {
  const batch = store.batch({ maxRows: MAX_ROWS })
  const written = ids.flatMap((id) => stepsOf(id).map((step) => batch.step(step)))
  await batch.close()
  await Promise.all(written)
}

const stepsOf = (executionId) => {
  const started = Date.now() - 1000
  const at = (ms) => new Date(started + ms).toISOString()
  const step = (stepNumber, fields) => ({
    ...{ executionId, stepNumber, status: 'success', ...fields },
    ...{ startTime: at(100 * stepNumber), endTime: at(100 * stepNumber + 90) },
  })
  const call = (n) =>
    step(n, { stepName: `chat ${MODEL}`, modelId: MODEL, provider: 'openai', tokens: TOKENS })
  const tool = (n) => step(n, { stepName: TOOL, toolName: TOOL })
  return [call(1), tool(2), call(3), tool(4), call(5)]
}

/** One trace, compared with as many spans in traces of ten. */
async function oneTrace(bench) {
  const { server, reset, runsInOneTrace: runs } = bench
  const sending = (made, count) => async () => {
    await reset()
    const all = [...made(runs)]
    return async () => {
      await server.sendAll(all, 'protobuf')
      await settled(bench, count, runs * STEPS_PER_RUN)
    }
  }
  const spans = (runs * SPANS_PER_RUN).toLocaleString('en')
  const few = { ...bench, rounds: Math.ceil(bench.rounds / 5) }
  return compare(
    few,
    { name: `ingest, one trace of ${spans} spans`, rows: runs * SPANS_PER_RUN, unit: 'spans/s' },
    sending((count) => trace(count), 1),
    [
      {
        what: `traces of ${SPANS_PER_RUN} spans`,
        goal: 0.8,
        side: sending((count) => bodies(count, 'protobuf'), runs),
      },
    ],
  )
}

/** The memory of the process after each 100,000 spans. */
async function memory({ client, reset, say, server }) {
  await reset()
  const measured = []
  const part = MILLION / 10
  let spans = 0
  while (spans < MILLION) {
    const runs = part / SPANS_PER_RUN
    await server.sendAll(bodies(runs, 'protobuf'), 'protobuf')
    spans += part
    await settled({ client }, spans / SPANS_PER_RUN)
    const megabytes = server.memory()
    measured.push(megabytes)
    say(`${spans.toLocaleString('en')} spans: ${megabytes.toFixed(0)} MB`)
    if (megabytes > MOST_MEMORY) throw new Error(`the memory is more than ${MOST_MEMORY} MB`)
  }
  const [first, last] = [measured[0], measured.at(-1)]
  return {
    ...{ name: 'memory of ingest, 1,000,000 spans', unit: 'MB', ours: last },
    ...{ what: '100,000 spans', theirs: first, ratio: last / first, goal: 1.2, pairs: 1 },
  }
}

/** Calls `work` for each number below `count`, AT_ONCE at the same time. */
async function inTurn(count, work) {
  const results = []
  let next = 0
  await together(AT_ONCE, async () => {
    while (next < count) {
      const n = next++
      results[n] = await work(n)
    }
  })
  return results
}

/** Waits until all traces are settled and checks that their runs, steps and bills are there. */
async function settled({ client }, runs, steps = runs * STEPS_PER_RUN) {
  const due = 'select 1 from wfstore_traces where due_at is not null limit 1'
  while ((await client.query(due)).rows.length > 0) await delay(10)
  const { rows } = await client.query(`select
    (select count(*)::integer from billing_records where cost > 0) as runs,
    (select count(*)::integer from workflow_steps) as steps`)
  const [found] = rows
  if (found.runs !== runs || found.steps !== steps)
    throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify({ runs, steps })}`)
}
