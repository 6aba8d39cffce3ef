// The time of whole commands, compared with minimal programs that do the same.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { openStore } from '../dist/index.js'
import { compare } from './turns.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const { PATH, HOME } = process.env
const env = { PATH, HOME }

export async function measure(bench) {
  const results = []
  for (const { name, ours, others } of await commands(bench)) {
    const sides = others.map(({ theirs, ...rest }) => ({ ...rest, side: started(theirs, bench) }))
    results.push(...(await compare(bench, { name }, started(ours, bench), sides)))
  }
  return results
}

async function commands(bench) {
  const { url, peers, folder, say } = bench
  const node = process.execPath
  const ours = (...words) => [node, join(root, 'bin/wfstore.js'), ...words]
  const list = ours('executions', 'list', '--limit', '20', '--json', '--database-url', url)
  const sql = await statement(bench)
  const others = [
    {
      what: 'the same SQL and JSON, a bundled script over pg',
      theirs: [node, await script(folder, sql), url],
      goal: 1.25,
    },
  ]
  const psql = ['psql', '-X', '-q', '-c', sql, url]
  if (spawnSync(psql[0], ['--version']).status === 0) {
    others.push({ what: 'psql -c of the same SQL', theirs: psql, goal: 3.5 })
  } else say('psql is not on the PATH: skipped')
  if (peers) {
    const { dbosList } = await import('./startup-dbos.js')
    const theirs = await dbosList(bench)
    others.push({ what: 'dbos workflow list --limit 20', theirs, goal: 0.75 })
  }
  const idle = { what: 'node -e 0', theirs: [node, '-e', '0'], goal: 1.3 }
  return [
    { name: '--version', ours: ours('--version'), others: [idle] },
    { name: '--help', ours: ours('--help'), others: [idle] },
    { name: 'executions list --help', ours: ours('executions', 'list', '--help'), others: [idle] },
    { name: 'executions list --limit 20', ours: list, others: others },
    {
      name: 'migrate up, nothing to do',
      ours: ours('migrate', 'up', '--database-url', url),
      others: [{ what: 'executions list --limit 20', theirs: list, goal: 2 }],
    },
  ]
}

/** The statement of `executions list --limit 20`. It asks for one more row, to know if there are more. */
async function statement({ client }) {
  let sql = ''
  const query = (config) => {
    if (config.values.length === 1) sql = config.text.replace('$1', config.values[0])
    return client.query(config)
  }
  await openStore({ pool: { query } }).executions.list({ limit: 20 })
  return sql
}

/** A minimal script in one file: connects, queries, prints. */
async function script(folder, sql) {
  const input = join(root, 'bench/list.js')
  const outfile = join(folder, 'list.mjs')
  const text = `
    import pg from 'pg'
    const client = new pg.Client({ connectionString: process.argv[2] })
    await client.connect()
    const { rows } = await client.query(${JSON.stringify(sql)})
    process.stdout.write(JSON.stringify(rows, null, 2) + '\\n')
    await client.end()`
  await build({
    input,
    platform: 'node',
    external: ['pg-native', 'pg-cloudflare'],
    plugins: [
      {
        name: 'list',
        resolveId: (source) => (source === input ? input : null),
        load: (id) => (id === input ? text : null),
      },
    ],
    output: { file: outfile, format: 'esm', minify: true },
  })
  return outfile
}

/** The time from start to end. The environment has no NODE_OPTIONS and NODE_EXTRA_CA_CERTS, which slow the start of Node. */
const started =
  ([file, ...words], { folder }) =>
  async () =>
  () => {
    const { status, stderr, error } = spawnSync(file, words, {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (status !== 0) throw error ?? new Error(`${file} ${words.join(' ')}: ${stderr}`)
  }
