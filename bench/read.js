// Reads of the library, compared with the same SQL sent by pg; totals also with a minimal scan of the same columns.
import { openStore } from '../dist/index.js'
import { compare } from './turns.js'

/** Short calls are repeated until one measurement takes about this long. */
const LEAST_MS = 10
const MOST_CALLS = 20
/** A list of 50 rows is decoded row by row; a total is one row or a few. */
const [LISTS, TOTALS] = [2, 1.15]
/** The goal for totals: at most this multiple of the scan. */
const SCANS = 1.5

const RUNS = 'select count(*), sum(total_cost), sum(total_tokens) from workflow_executions'
const ENTRIES = 'select count(*) from audit_logs'
const BILLS = 'select count(*), sum(cost), sum(tokens_total) from billing_records'

export async function measure(bench) {
  const { client } = bench
  const store = openStore({ pool: client })
  const results = []
  for (const { name, ask, scan } of await reads(bench)) {
    const statements = await statementsOf(client, ask)
    const ours = () => ask(store)
    const theirs = async () => {
      for (const statement of statements) await client.query(statement)
    }
    await theirs()
    const start = performance.now()
    await theirs()
    const calls = Math.ceil(LEAST_MS / (performance.now() - start))
    const repeated = { name, calls: Math.min(MOST_CALLS, calls) }
    const times = (call) => async () => async () => {
      for (let n = 0; n < repeated.calls; n++) await call()
    }
    const goal = scan ? TOTALS : LISTS
    const others = [{ what: 'the same SQL, bare pg', goal, side: times(theirs) }]
    if (scan) {
      const side = times(async () => {
        for (const text of scan.statements) await client.query(text)
      })
      others.push({ what: scan.what, goal: scan.goal, side })
    }
    results.push(...(await compare(bench, repeated, times(ours), others)))
  }
  return results
}

/** The statements of a call, without the schema check, which runs only once. */
async function statementsOf(client, ask) {
  const statements = []
  const query = (config) => {
    if (!/wfstore_migrations/.test(config.text)) {
      statements.push({ text: config.text, values: config.values })
    }
    return client.query(config)
  }
  await ask(openStore({ pool: { query } }))
  return statements
}

async function reads({ client, runs }) {
  const { rows } = await client.query(
    `select user_id as user, execution_id as execution, start_time as at, to_char(start_time at time zone 'UTC', 'YYYY-MM') as period
     from workflow_executions order by start_time offset $1 limit 1`,
    [Math.floor(runs / 10)],
  )
  const { user, execution, at, period } = rows[0]
  const page = { limit: 50 }
  const deep = { ...page, until: { text: at.toISOString(), at: at.toISOString() } }
  const scanOfRuns = { what: 'bare scan of the runs', statements: [RUNS], goal: SCANS }
  return [
    { name: 'executions list, the newest 50', ask: (s) => s.executions.list(page) },
    {
      name: 'executions list --user',
      ask: (s) => s.executions.list({ ...page, userId: user }),
    },
    { name: 'executions list, the oldest 10 %', ask: (s) => s.executions.list(deep) },
    { name: 'executions show', ask: (s) => s.executions.get(execution) },
    { name: 'audit, the newest 50', ask: (s) => s.audit.list(page) },
    { name: 'audit --user, the oldest 10 %', ask: (s) => s.audit.list({ ...deep, userId: user }) },
    {
      name: 'billing --period',
      ask: (s) => s.billing.summary({ period }),
      scan: {
        what: 'bare scan of its bills',
        // One row for each user.
        goal: 4,
        statements: [{ text: `${BILLS} where billing_period = $1`, values: [period] }],
      },
    },
    { name: 'cost --by mode', ask: (s) => s.cost({ by: ['mode'] }), scan: scanOfRuns },
    { name: 'cost --by month', ask: (s) => s.cost({ by: ['month'] }), scan: scanOfRuns },
    {
      name: 'stats',
      ask: (s) => s.stats(),
      scan: { what: 'bare scans of runs and audit', statements: [RUNS, ENTRIES], goal: SCANS },
    },
  ]
}
