// How soon a command is done: in pairs, turn by turn, beside the least that can be run for the same.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { openStore } from '../dist/index.js'
import { connect, makeStore, wfstore } from './store.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const RUNS = 1000
const LEAST_ROUNDS = 15

export async function run(words) {
  const asked = words.indexOf('--rounds') + 1
  const results = await measure({
    rounds: asked && Number(words[asked]),
    peers: words.includes('--peers'),
    say: (text) => process.stderr.write(`${text}\n`),
  })
  const text = words.includes('--json') ? JSON.stringify(results, null, 2) : table(results)
  process.stdout.write(`${text}\n`)
}

/** Rows of medians in milliseconds; `ratio` is the median of what the pairs give, `goal` the most that it may be. */
export async function measure({ rounds, peers = false, say = () => {} } = {}) {
  const folder = await makeStore(RUNS, say)
  wfstore(folder, 'migrate', 'up')
  try {
    const url = wfstore(folder, 'db', 'url')
    const results = []
    for (const pair of await pairs(folder, url, peers, say)) {
      results.push(compare(pair, Math.max(LEAST_ROUNDS, rounds || 0), folder))
      say(pair.name)
    }
    return results
  } finally {
    wfstore(folder, 'db', 'stop')
  }
}

async function pairs(folder, url, peers, say) {
  const node = process.execPath
  const ours = (...words) => [node, join(root, 'bin/wfstore.js'), ...words]
  const list = ours('executions', 'list', '--limit', '20', '--json', '--database-url', url)
  const up = ours('migrate', 'up', '--database-url', url)
  const idle = { what: 'node -e 0', theirs: [node, '-e', '0'], goal: 1.3 }
  const sql = await statement(folder)
  const all = [
    { name: '--version', ours: ours('--version'), ...idle },
    { name: '--help', ours: ours('--help'), ...idle },
    {
      name: 'executions list --help',
      ours: ours('executions', 'list', '--help'),
      ...idle,
    },
    {
      name: 'executions list --limit 20',
      ours: list,
      what: 'the same SQL and JSON, a bundled script over pg',
      theirs: [node, await script(folder, sql), url],
      goal: 1.25,
    },
    {
      name: 'migrate up, nothing to do',
      ours: up,
      what: 'executions list',
      theirs: list,
      goal: 2,
    },
  ]
  const psql = ['psql', '-X', '-q', '-c', sql, url]
  if (spawnSync(psql[0], ['--version']).status === 0) {
    const [what, goal] = ['psql -c of the same SQL', 3.5]
    all.push({ name: 'executions list --limit 20', ours: list, what, theirs: psql, goal })
  } else say('without psql, which is not on the PATH')
  if (peers) {
    const { dbosList } = await import('./startup-dbos.js')
    const theirs = await dbosList(folder, url, RUNS, say)
    all.push({
      name: 'executions list --limit 20',
      ours: list,
      what: 'dbos workflow list --limit 20',
      theirs,
      goal: 0.75,
    })
  }
  return all
}

/** What `executions list --limit 20` asks; the row after the last tells whether there are more. */
async function statement(folder) {
  const client = await connect(folder)
  let sql = ''
  const query = (config) => {
    if (config.values.length === 1) sql = config.text.replace('$1', config.values[0])
    return client.query(config)
  }
  await openStore({ pool: { query } }).executions.list({ limit: 20 })
  await client.end()
  return sql
}

/** By hand, in one file: connects, asks, prints. */
async function script(folder, sql) {
  const outfile = join(folder, 'list.mjs')
  const contents = `
    import pg from 'pg'
    const client = new pg.Client({ connectionString: process.argv[2] })
    await client.connect()
    const { rows } = await client.query(${JSON.stringify(sql)})
    process.stdout.write(JSON.stringify(rows, null, 2) + '\\n')
    await client.end()`
  await build({
    stdin: { contents, resolveDir: root },
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    external: ['pg-native', 'pg-cloudflare', 'cloudflare:sockets'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  })
  return outfile
}

function compare({ name, ours, theirs, what, goal }, rounds, folder) {
  time(ours, folder)
  time(theirs, folder)
  const turns = Array.from({ length: rounds }, () => [time(ours, folder), time(theirs, folder)])
  return {
    name,
    ours: median(turns.map(([mine]) => mine)),
    theirs: median(turns.map(([, other]) => other)),
    what,
    ratio: median(turns.map(([mine, other]) => mine / other)),
    goal,
  }
}

/** Milliseconds from start to end, with an environment that changes nothing of how either starts. */
function time([file, ...words], cwd) {
  const started = performance.now()
  const { status, stderr, error } = spawnSync(file, words, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ms = performance.now() - started
  if (status !== 0) throw error ?? new Error(`${file} ${words.join(' ')}: ${stderr}`)
  return ms
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1]

function table(results) {
  const header = ['command', 'ms', 'beside', 'ms', 'ratio', 'goal']
  const rows = results.map(({ name, ours, theirs, what, ratio, goal }) => [
    name,
    ours.toFixed(1),
    what,
    theirs.toFixed(1),
    ratio.toFixed(2),
    `${ratio <= goal ? '' : 'MISSED '}${goal}`,
  ])
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const isText = (column) => column === 0 || column === 2
  return all
    .map((row) =>
      row
        .map((cell, i) => (isText(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  '),
    )
    .join('\n')
}
