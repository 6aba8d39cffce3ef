// The time in the database and the buffers of each read command: first after a server start, then warm.
import { openStore } from '../dist/index.js'
import { cache, connect, embeddedStore, wfstore } from './store.js'
import { columns } from './table.js'

const WARM = 5

export async function run(words, say) {
  const asked = words.indexOf('--runs') + 1
  const runs = Number(asked && words[asked]) || 1_000_000
  const { folder, leave } = await embeddedStore(runs, cache, say)
  const first = await connect(folder)
  const { rows } = await first.query(
    `select user_id as user, (select execution_id from workflow_executions order by start_time offset ${Math.floor(runs / 2)} limit 1) as execution,
       to_char(now() - interval '40 days', 'YYYY-MM') as period from workflow_executions limit 1`,
  )
  await first.end()
  const results = []
  for (const [name, ask] of commands(rows[0])) {
    // This empties the cache of the server, but not that of the operating system.
    wfstore(folder, 'db', 'stop')
    const client = await connect(folder)
    const cold = await explain(client, ask)
    const warm = []
    for (let n = 0; n < WARM; n++) warm.push(await explain(client, ask))
    warm.sort((a, b) => a.ms - b.ms)
    await client.end()
    results.push({ name, cold, warm: warm[WARM >> 1] })
    say(name)
  }
  leave()
  const text = words.includes('--json') ? JSON.stringify(results, null, 2) : table(results)
  process.stdout.write(`${text}\n`)
}

/** Calls the library and explains every statement, except the schema check. */
async function explain(client, ask) {
  const total = { ms: 0, buffers: 0, read: 0, workers: 0, statements: 0 }
  const pool = {
    query: async (config) => {
      if (!/wfstore_migrations/.test(config.text)) {
        const { rows } = await client.query({
          ...config,
          types: undefined,
          text: `explain (analyze, buffers, timing off, format json) ${config.text}`,
        })
        const [plan] = rows[0]['QUERY PLAN']
        total.ms += plan['Execution Time'] + plan['Planning Time']
        total.buffers += plan.Plan['Shared Hit Blocks'] + plan.Plan['Shared Read Blocks']
        total.read += plan.Plan['Shared Read Blocks']
        total.statements++
        total.workers = Math.max(total.workers, workersOf(plan.Plan))
      }
      return client.query(config)
    },
  }
  if (typeof ask === 'string') await pool.query({ text: ask })
  else await ask(openStore({ pool }))
  return total
}

const workersOf = (node) =>
  Math.max(node['Workers Launched'] ?? 0, ...(node.Plans ?? []).map(workersOf), 0)

const at = (text) => ({
  text,
  at: new Date(Date.now() - Number.parseInt(text, 10) * 86_400_000).toISOString(),
})

function commands({ user, execution, period }) {
  const page = { limit: 50 }
  return [
    [
      '(bare scan: runs)',
      'select count(*), sum(total_cost), sum(total_tokens) from workflow_executions',
    ],
    ['(bare scan: audit)', 'select count(*) from audit_logs'],
    ['executions list', (s) => s.executions.list(page)],
    ['executions list --user', (s) => s.executions.list({ ...page, userId: user })],
    ['executions list --status failed', (s) => s.executions.list({ ...page, status: ['failed'] })],
    [
      'executions list --workflow',
      (s) => s.executions.list({ ...page, workflowName: 'workflow 7' }),
    ],
    ['executions list --until 300d', (s) => s.executions.list({ ...page, until: at('300d') })],
    ['executions running', (s) => s.executions.running(page)],
    ['executions show', (s) => s.executions.get(execution)],
    ['audit', (s) => s.audit.list(page)],
    ['audit --user', (s) => s.audit.list({ ...page, userId: user })],
    ['audit --execution', (s) => s.audit.list({ ...page, executionId: execution })],
    ['audit --success false', (s) => s.audit.list({ ...page, success: false })],
    ['audit --until 300d', (s) => s.audit.list({ ...page, until: at('300d') })],
    ['errors', (s) => s.errors.list(page)],
    ['errors --user', (s) => s.errors.list({ ...page, userId: user })],
    ['errors --group --since 24h', (s) => s.errors.groups()],
    ['tools --since 7d', (s) => s.tools({ since: at('7d') })],
    ['billing --period', (s) => s.billing.summary({ period })],
    ['billing --period, differences', (s) => s.billing.differences({ period })],
    ['billing records --user', (s) => s.billing.list({ ...page, userId: user })],
    ['billing records --period', (s) => s.billing.list({ ...page, billingPeriod: period })],
    ['metrics list', (s) => s.metrics.list(page)],
    ['getStats', (s) => s.getStats()],
    ['getStats --user', (s) => s.getStats(user)],
    ['stats', (s) => s.stats()],
    ['stats --user', (s) => s.stats({ userId: user })],
    ['cost --by mode', (s) => s.cost({ by: ['mode'] })],
    ['cost --by day --since 30d', (s) => s.cost({ by: ['day'], since: at('30d') })],
    ['cost --by user --user', (s) => s.cost({ by: ['user'], userId: user })],
  ]
}

function table(results) {
  const header = ['command', 'cold ms', 'read', 'warm ms', 'buffers', 'workers', 'statements']
  const rows = results.map(({ name, cold, warm }) => [
    name,
    cold.ms.toFixed(1),
    String(cold.read),
    warm.ms.toFixed(1),
    String(warm.buffers),
    String(warm.workers),
    String(warm.statements),
  ])
  return columns(header, rows)
}
