// Rows per second of the batch writer, the import and the recorder, beside the least that PostgreSQL can be asked for the
// same rows: on one server with the whole schema, turn by turn, as only ratios count.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { from, to } from 'pg-copy-streams'
import { openStore } from '../dist/index.js'
import { wfstore } from './store.js'

const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url))
const library = new URL('../dist/index.js', import.meta.url).href

const ENTRIES = 20_000
const STEPS = 5_000
const MAX_ROWS = 500
/** As many statements as a batch has under way. */
const FLIGHTS = 2
const LINES = 20_000
/** In the tables before anything is timed but the imports, which begin with empty ones. */
const STANDING = 160_000
const LINES_PER_RUN = 16
const FINISHES = 1_000
const AT_ONCE = 20
const RUNS = 200

const TABLES = ['workflow_executions', 'workflow_steps', 'audit_logs', 'billing_records']

export async function run(words) {
  const asked = words.indexOf('--rounds') + 1
  const rounds = Math.max(5, (asked && Number(words[asked])) || 5)
  const say = (text) => process.stderr.write(`${text}\n`)
  const folder = join(cache, 'bench-write')
  const leave = () => {
    // A server that loses its folder takes the next one's socket with it when it notices.
    if (existsSync(folder)) wfstore(folder, 'db', 'stop')
    rmSync(folder, { recursive: true, force: true })
  }
  leave()
  mkdirSync(folder, { recursive: true })
  try {
    wfstore(folder, 'migrate', 'up')
    const bench = await open(folder, rounds, say)
    const about = await bench.about()
    say(`a store of ${STANDING} rows`)
    await fill(bench, STANDING)
    await bench.client.query('vacuum analyze')
    const results = []
    for (const part of [batchEntries, batchSteps, finishes, wholeRuns, imports]) {
      results.push(...(await part(bench)))
    }
    const memory = words.includes('--memory') ? await memoryOfImports(bench) : undefined
    await bench.close()
    const text = words.includes('--json')
      ? JSON.stringify({ ...about, rounds, results, memory }, null, 2)
      : table(about, rounds, results, memory)
    process.stdout.write(`${text}\n`)
  } finally {
    leave()
  }
}

async function open(folder, rounds, say) {
  const url = wfstore(folder, 'db', 'url')
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
    folder,
    url,
    rounds,
    say,
    client,
    poolOf,
    about: async () => {
      const setting = async (name) => (await client.query(`show ${name}`)).rows[0][name]
      return {
        server: await setting('server_version'),
        node: process.version,
        cpus: availableParallelism(),
        fsync: await setting('fsync'),
        synchronousCommit: await setting('synchronous_commit'),
      }
    },
    reset: async () => {
      await client.query(`truncate ${TABLES.join(', ')}`)
      await client.query('vacuum analyze')
      await client.query('checkpoint')
    },
    /** So many runs more, that go on. */
    add: async (runs) => {
      const { rows } = await client.query(
        `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
         select gen_random_uuid(), 'workflow ' || n % 40, 'user_' || n % 200, 'Sales', 'gpt-4o' from generate_series(1, $1::integer) as n
         returning execution_id as id, user_id as user, model_id as model`,
        [runs],
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

/**
 * Does both in turn, the other first in every second round, after one of each that does not count.
 * Each side is a function that makes ready and gives what is timed.
 */
async function compare({ rounds, say }, { what, against, rows, goal }, ours, bare) {
  const [left, right] = [[], []]
  const once = async (side, rates) => {
    const timed = await side()
    globalThis.gc?.()
    const start = performance.now()
    await timed()
    rates.push((rows * 1000) / (performance.now() - start))
  }
  for (let round = -1; round < rounds; round++) {
    const turns = [() => once(ours, left)]
    if (bare) turns.push(() => once(bare, right))
    if (round % 2 === 1) turns.reverse()
    for (const turn of turns) await turn()
  }
  left.shift()
  right.shift()
  const ratios = left.map((rate, n) => rate / right[n]).sort((a, b) => a - b)
  say(what)
  return {
    what,
    against,
    rows,
    ours: median(left),
    ...(bare
      ? { bare: median(right), ratio: median(ratios), from: ratios[0], to: ratios.at(-1) }
      : {}),
    ...(goal === undefined ? {} : { goal }),
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

/** UUIDv7, as the store gives them: what is new stands at the end of the index. */
function newId() {
  const hex = Date.now().toString(16).padStart(12, '0') + randomBytes(10).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

// Rows of many: each form takes rows as arrays in the order of the columns, with values of jsonb as they are.

const textOf = (value) => (value === null ? null : JSON.stringify(value))
const names = (columns) => columns.map(([name]) => `"${name}"`).join(', ')
const record = (columns) => columns.map(([name, type]) => `"${name}" ${type}`).join(', ')

const FORMS = {
  values: ({ table, columns }) => {
    const row = (n) => `(${columns.map((_, i) => `$${n * columns.length + i + 1}`).join(', ')})`
    return (rows) => ({
      text: `insert into ${table} (${names(columns)}) values ${rows.map((_, n) => row(n)).join(', ')}`,
      values: rows.flatMap((values) =>
        columns.map(([, type], i) => (type === 'jsonb' ? textOf(values[i]) : values[i])),
      ),
    })
  },
  unnest: ({ table, columns }) => {
    const arrays = columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')
    const text = `insert into ${table} (${names(columns)}) select * from unnest(${arrays})`
    return (rows) => ({
      text,
      values: columns.map(([, type], i) =>
        rows.map((values) => (type === 'jsonb' ? textOf(values[i]) : values[i])),
      ),
    })
  },
  json: ({ table, columns }) => {
    const text = `insert into ${table} (${names(columns)}) select ${names(columns)} from json_to_recordset($1::json) as g (${record(columns)})`
    return (rows) => ({ text, values: [jsonOf(columns, rows)] })
  },
}

const jsonOf = (columns, rows) =>
  JSON.stringify(
    rows.map((values) => Object.fromEntries(columns.map(([name], i) => [name, values[i]]))),
  )

/** Sends chunks of things over so many connections, each chunk as one statement. */
async function sendAll(pool, things, valuesOf, statement) {
  let next = 0
  await together(FLIGHTS, async () => {
    while (next < things.length) {
      const chunk = things.slice(next, next + MAX_ROWS)
      next += MAX_ROWS
      await pool.query(statement(chunk.map(valuesOf)))
    }
  })
}

const together = (count, work) => Promise.all(Array.from({ length: count }, (_, n) => work(n)))

/** The form that takes these rows in the least time: the best of three tries of each. */
async function fastest(bench, target, ready) {
  const times = {}
  for (let tried = 0; tried < 3; tried++) {
    for (const [name, form] of Object.entries(FORMS)) {
      const { pool, things, valuesOf } = await ready()
      const statement = form(target)
      const start = performance.now()
      await sendAll(pool, things, valuesOf, statement)
      times[name] = Math.min(times[name] ?? Number.POSITIVE_INFINITY, performance.now() - start)
    }
  }
  const order = Object.entries(times).sort(([, a], [, b]) => a - b)
  bench.say(
    `${target.table}: ${order.map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`).join(', ')}`,
  )
  return order[0][0]
}

const AUDIT = {
  table: 'audit_logs',
  columns: [
    ['log_id', 'uuid'],
    ['execution_id', 'uuid'],
    ['step_id', 'uuid'],
    ['timestamp', 'timestamptz'],
    ['user_id', 'text'],
    ['action_type', 'text'],
    ['action_details', 'text'],
    ['tool_name', 'text'],
    ['tool_input', 'jsonb'],
    ['tool_output', 'jsonb'],
    ['tokens_used', 'bigint'],
    ['cost', 'numeric'],
    ['model_id', 'text'],
    ['success', 'boolean'],
    ['error_message', 'text'],
    ['metadata', 'jsonb'],
  ],
}

const entriesOf = (runs) =>
  Array.from({ length: ENTRIES }, (_, n) => {
    const { id, user, model } = runs[n % runs.length]
    return {
      user,
      model,
      entry: {
        executionId: id,
        action: 'tool_call',
        toolName: 'SEARCH',
        input: { query: `companies like number ${n}`, limit: 20, filters: ['region', 'size'] },
        output: { rows: n % 20, next: null, first: `result of ${n}` },
        tokens: n % 900,
        cost: '0.000123',
      },
    }
  })

const entryValues = ({ user, model, entry }) => [
  newId(),
  entry.executionId,
  null,
  new Date().toISOString(),
  user,
  entry.action,
  `Tool call: ${entry.toolName}`,
  entry.toolName,
  entry.input,
  entry.output,
  entry.tokens,
  entry.cost,
  model,
  true,
  null,
  {},
]

async function batchEntries(bench) {
  const pool = await bench.poolOf(FLIGHTS)
  const store = openStore({ pool })
  const ready = async () => ({
    pool,
    things: entriesOf(await bench.add(500)),
    valuesOf: entryValues,
  })
  const form = await fastest(bench, AUDIT, ready)
  const statement = FORMS[form](AUDIT)
  return [
    await compare(
      bench,
      {
        what: 'batch.audit',
        against: `INSERT of ${MAX_ROWS} rows (${form})`,
        rows: ENTRIES,
        goal: 0.6,
      },
      async () => {
        const { things } = await ready()
        return async () => {
          const batch = store.batch({ maxRows: MAX_ROWS })
          const written = things.map(({ entry }) => batch.audit(entry))
          await batch.close()
          await Promise.all(written)
        }
      },
      async () => {
        const { things } = await ready()
        return () => sendAll(pool, things, entryValues, statement)
      },
    ),
  ]
}

const STEP = {
  table: 'workflow_steps',
  columns: [
    ['execution_id', 'uuid'],
    ['step_id', 'uuid'],
    ['step_number', 'integer'],
    ['step_name', 'text'],
    ['step_description', 'text'],
    ['tool_name', 'text'],
    ['tool_parameters', 'jsonb'],
    ['status', 'text'],
    ['start_time', 'timestamptz'],
    ['end_time', 'timestamptz'],
    ['duration_ms', 'bigint'],
    ['tokens_used', 'bigint'],
    ['cost', 'numeric'],
    ['tokens_input', 'bigint'],
    ['tokens_output', 'bigint'],
    ['tokens_cache_read', 'bigint'],
    ['tokens_cache_write', 'bigint'],
    ['tokens_reasoning', 'bigint'],
    ['result', 'jsonb'],
    ['error_message', 'text'],
  ],
}

/** Ten steps of a run stand together, so that no two statements of the bare kind lock the same runs. */
const stepsOf = (runs) =>
  Array.from({ length: STEPS }, (_, n) => ({
    executionId: runs[Math.floor(n / 10)].id,
    stepNumber: n % 10,
    stepName: `search for company ${n}`,
    toolName: 'SEARCH',
    toolParameters: { query: `companies like number ${n}`, limit: 20 },
    status: 'success',
    startTime: '2025-01-01T10:00:00.000Z',
    endTime: '2025-01-01T10:00:01.234Z',
    tokens: { input: n % 700, output: n % 200 },
    cost: '0.000123',
    result: { rows: n % 20, first: `result of ${n}` },
  }))

const stepValues = (step) => [
  step.executionId,
  newId(),
  step.stepNumber,
  step.stepName,
  null,
  step.toolName,
  step.toolParameters,
  step.status,
  step.startTime,
  step.endTime,
  Date.parse(step.endTime) - Date.parse(step.startTime),
  step.tokens.input + step.tokens.output,
  step.cost,
  step.tokens.input,
  step.tokens.output,
  null,
  null,
  null,
  step.result,
  null,
]

/** What a batch writes for steps, without locks, bills, repeats and answers. */
const STEPS_AND_ALL = `
with s as (
  insert into workflow_steps (${names(STEP.columns)})
  select ${names(STEP.columns)} from json_to_recordset($1::json) as g (${record(STEP.columns)})
  returning *
), entry as (
  insert into audit_logs (execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output, tokens_used, cost,
    model_id, success, error_message)
  select s.execution_id, s.step_id, e.user_id, 'step_end', 'Step completed: ' || s.step_name, s.tool_name, s.result, s.tokens_used,
    s.cost, e.model_id, true, null
  from s join workflow_executions e using (execution_id)
)
update workflow_executions e
set total_tokens = e.total_tokens + m.tokens, total_cost = e.total_cost + m.cost, steps_completed = e.steps_completed + m.steps
from (select execution_id, sum(tokens_used) as tokens, sum(cost) as cost, count(*) as steps from s group by 1) as m
where e.execution_id = m.execution_id`

async function batchSteps(bench) {
  const pool = await bench.poolOf(FLIGHTS)
  const store = openStore({ pool })
  const ready = async () => ({
    pool,
    things: stepsOf(await bench.add(STEPS / 10)),
    valuesOf: stepValues,
  })
  const form = await fastest(bench, STEP, ready)
  const ours = async () => {
    const { things } = await ready()
    return async () => {
      const batch = store.batch({ maxRows: MAX_ROWS })
      const written = things.map((step) => batch.step(step))
      await batch.close()
      await Promise.all(written)
    }
  }
  const bare = (statement) => async () => {
    const { things } = await ready()
    return () => sendAll(pool, things, stepValues, statement)
  }
  const what = 'batch.step'
  return [
    await compare(
      bench,
      { what, against: `INSERT of ${MAX_ROWS} steps alone (${form})`, rows: STEPS, goal: 0.6 },
      ours,
      bare(FORMS[form](STEP)),
    ),
    await compare(
      bench,
      { what, against: 'INSERT of steps and entries, UPDATE of runs', rows: STEPS },
      ours,
      bare((rows) => ({ text: STEPS_AND_ALL, values: [jsonOf(STEP.columns, rows)] })),
    ),
  ]
}

/** Runs with 5 steps, 9 entries and a bill each. */
async function fill({ client, reset }, lines) {
  await reset()
  await client.query(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost,
       total_tokens, steps_total, steps_completed, metadata)
     select gen_random_uuid(), 'workflow ' || n % 40, 'user_' || n % 200, 'Sales', 'gpt-4o', at, at + interval '5 seconds', 'success',
       0.000615, n % 9000, 5, 5, '{"source": "crm"}'
     from generate_series(1, $1::integer) as n, lateral (select now() - n * interval '63 seconds' as at) as t`,
    [Math.floor(lines / LINES_PER_RUN)],
  )
  await client.query(
    `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time, end_time,
       duration_ms, tokens_used, cost, result, tokens_input, tokens_output)
     select execution_id, gen_random_uuid(), k, 'step ' || k, 'SEARCH', '{"limit": 20, "query": "companies"}', 'success', start_time,
       end_time, 5000, total_tokens / 5, 0.000123, '{"rows": 3, "first": "a company"}', 60, 40
     from workflow_executions, generate_series(1, 5) as k`,
  )
  await client.query(
    `insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details, tool_name, tool_input, tool_output,
       tokens_used, cost, model_id)
     select execution_id, start_time + k * interval '1 second', user_id, 'tool_call', 'Tool call: SEARCH', 'SEARCH',
       '{"limit": 20, "query": "companies"}', '{"rows": 3, "first": "a company"}', 10, 0.000123, model_id
     from workflow_executions, generate_series(1, 9) as k`,
  )
  await client.query(
    `insert into billing_records (user_id, execution_id, timestamp, model_id, tokens_input, tokens_output, tokens_total, cost,
       billing_period)
     select user_id, execution_id, end_time, model_id, 60, 40, total_tokens, total_cost, to_char(end_time, 'YYYY-MM')
     from workflow_executions`,
  )
}

async function exportFile(bench, lines) {
  await fill(bench, lines)
  const file = join(bench.folder, `${lines}.jsonl`)
  await pipeline(openStore({ pool: bench.client }).export(), createWriteStream(file))
  return file
}

async function imports(bench) {
  const { client, reset } = bench
  const file = await exportFile(bench, LINES)
  const copies = []
  for (const name of TABLES) {
    const rows = await buffer(client.query(to(`copy ${name} to stdout`)))
    copies.push([`copy ${name} from stdin`, rows])
  }
  const store = openStore({ pool: client })
  const rows = Math.floor(LINES / LINES_PER_RUN) * LINES_PER_RUN
  return [
    await compare(
      bench,
      {
        what: 'import of an export',
        against: 'COPY of typed columns, 1 transaction',
        rows,
        goal: 0.5,
      },
      async () => {
        await reset()
        return () => store.import(createReadStream(file))
      },
      async () => {
        await reset()
        return async () => {
          await client.query('begin')
          for (const [text, data] of copies) {
            const stream = client.query(from(text))
            await new Promise((resolve, reject) => {
              stream.on('finish', resolve).on('error', reject)
              stream.end(data)
            })
          }
          await client.query('commit')
        }
      },
    ),
  ]
}

const FINISH = (totals) => `
with u as (
  update workflow_steps s
  set status = $3, result = $4::jsonb, end_time = now(),
      duration_ms = round(extract(epoch from now() - s.start_time) * 1000), tokens_used = s.tokens_used + $5::bigint,
      cost = s.cost + $6::numeric, tokens_input = $7::bigint, tokens_output = $8::bigint
  where execution_id = $1::uuid and step_id = $2::uuid
  returning s.execution_id, s.step_id, s.step_name, s.tool_name, s.result
)${totals}
insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output, tokens_used, cost,
  model_id, metadata)
select $9::uuid, execution_id, step_id, $10, 'step_end', 'Step completed: ' || step_name, tool_name, result, $5::bigint, $6::numeric,
       $11, $12::jsonb
from u`

const TOTALS = `, totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + $5::bigint, total_cost = e.total_cost + $6::numeric, steps_completed = e.steps_completed + 1
  from u where e.execution_id = u.execution_id
)`

const BARE = { user: 'user_7', model: 'gpt-4o' }
const END = {
  status: 'success',
  tokens: { input: 60, output: 40 },
  cost: '0.0123',
  result: { rows: 3, first: 'a company' },
}

async function finishes(bench) {
  const many = await bench.poolOf(AT_ONCE)
  const single = await bench.poolOf(1)
  /** Where the store sends its statements: what is made ready goes over many connections. */
  let current = many
  const switched = {
    query: (config) => current.query(config),
    // What tells a pool from one connection, on which the store would prepare nothing.
    get totalCount() {
      return current.totalCount
    },
  }
  const store = openStore({ pool: switched })
  /** Steps that run, ten of each run, the next one always of another run. */
  const started = async () => {
    current = many
    const runs = await together(FINISHES / 10, () => start(store))
    const steps = []
    for (let k = 0; k < 10; k++) {
      steps.push(...(await Promise.all(runs.map((run) => startStep(run, k)))))
    }
    await bench.client.query('checkpoint')
    return steps
  }
  /** The same rows, of which only the ids are needed. */
  const inserted = async () => {
    const runs = await bench.add(FINISHES / 10)
    const { rows } = await bench.client.query(
      `with step as (
         insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time)
         select execution_id, gen_random_uuid(), k, 'search', 'SEARCH', '{"limit": 20}', 'running', now()
         from generate_series(0, 9) as k, workflow_executions where execution_id = any ($1)
         returning *
       ), entry as (
         insert into audit_logs (execution_id, step_id, user_id, action_type, action_details)
         select execution_id, step_id, 'user_7', 'step_start', 'Step 1: search' from step
         union all
         select execution_id, null, 'user_7', 'workflow_start', 'Started workflow' from workflow_executions where execution_id = any ($1)
       )
       select execution_id as "executionId", step_id as "stepId" from step order by step_number, execution_id`,
      [runs.map(({ id }) => id)],
    )
    await bench.client.query('checkpoint')
    return rows
  }
  const workers = async (count, steps, work) => {
    let next = 0
    await together(count, async () => {
      while (next < steps.length) await work(steps[next++])
    })
  }
  const bareValues = ({ stepId, executionId }) => [
    executionId,
    stepId,
    END.status,
    JSON.stringify(END.result),
    END.tokens.input + END.tokens.output,
    END.cost,
    END.tokens.input,
    END.tokens.output,
    newId(),
    BARE.user,
    BARE.model,
    JSON.stringify({ attempt: 0, status: END.status, tokens: END.tokens }),
  ]
  const results = []
  const forms = [
    ['UPDATE + INSERT in one statement', FINISH(''), {}, 0.7],
    ['the same, prepared', FINISH(''), { name: 'finish' }],
    ['the same and UPDATE of the run', FINISH(TOTALS), {}],
  ]
  for (const [count, pool] of [
    [1, single],
    [AT_ONCE, many],
  ]) {
    for (const [against, text, config, goal] of forms) {
      results.push(
        await compare(
          bench,
          {
            what: `step.finish, ${count} connection${count === 1 ? '' : 's'}`,
            against,
            rows: FINISHES,
            ...(goal === undefined ? {} : { goal }),
          },
          async () => {
            const steps = await started()
            current = pool
            return () => workers(count, steps, (step) => step.finish(END))
          },
          async () => {
            const steps = await inserted()
            return () =>
              workers(count, steps, (each) =>
                pool.query({ ...config, text, values: bareValues(each) }),
              )
          },
        ),
      )
    }
  }
  return results
}

const start = (store) =>
  store.startExecution({
    workflowName: 'Lead enrichment',
    userId: BARE.user,
    mode: 'Sales',
    modelId: BARE.model,
    stepsTotal: 10,
  })

const startStep = (run, stepNumber) =>
  run.startStep({
    stepNumber,
    stepName: 'search',
    toolName: 'SEARCH',
    toolParameters: { limit: 20 },
  })

async function wholeRuns(bench) {
  const results = []
  for (const count of [1, AT_ONCE]) {
    const store = openStore({ pool: await bench.poolOf(count) })
    const what = `runs of 4 calls, ${count} connection${count === 1 ? '' : 's'}`
    results.push(
      await compare(bench, { what, against: '', rows: RUNS }, async () => {
        return () =>
          together(count, async () => {
            for (let n = 0; n < RUNS / count; n++) {
              const run = await start(store)
              const step = await startStep(run, 1)
              await step.finish(END)
              await run.finish({ status: 'success' })
            }
          })
      }),
    )
  }
  return results
}

/** The most memory that a process of its own takes for an import, in MB. */
async function memoryOfImports(bench) {
  const code = `import { createReadStream } from 'node:fs'
    const [url, file] = process.argv.slice(1)
    const { openStore } = await import(${JSON.stringify(library)})
    const store = openStore({ databaseUrl: url })
    await store.import(createReadStream(file))
    await store.close()
    process.stdout.write(String(Math.round(process.resourceUsage().maxRSS / 1024)))`
  const peaks = {}
  for (const lines of [LINES, 10 * LINES]) {
    const file = await exportFile(bench, lines)
    await bench.reset()
    const words = ['--input-type=module', '-e', code, bench.url, file]
    peaks[lines] = Number(execFileSync(process.execPath, words, { encoding: 'utf8' }))
    bench.say(`memory of ${lines} lines`)
  }
  return peaks
}

function table({ server, node, cpus, fsync, synchronousCommit }, rounds, results, memory) {
  const whole = (number) => (number === undefined ? '' : Math.round(number).toLocaleString('en'))
  const header = ['what', 'beside', 'rows', 'ours/s', 'bare/s', 'ratio', 'from', 'to', 'goal']
  const rows = results.map(
    ({ what, against, rows: count, ours, bare, ratio, from: low, to: high, goal }) => [
      what,
      against,
      whole(count),
      whole(ours),
      whole(bare),
      ...[ratio, low, high, goal].map((number) => number?.toFixed(2) ?? ''),
    ],
  )
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const line = (row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')
  return [
    `PostgreSQL ${server}, Node ${node}, ${cpus} CPUs, fsync ${fsync}, synchronous_commit ${synchronousCommit}`,
    `medians of ${rounds} rounds; the ratio is that of each round, and its median`,
    '',
    ...all.map(line),
    ...Object.entries(memory ?? {}).map(
      ([lines, mb]) => `import of ${whole(Number(lines))} lines: ${mb} MB at most`,
    ),
  ].join('\n')
}
