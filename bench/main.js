// npm run bench                                              all parts, one table
// npm run bench -- startup|read|write|ingest|serve|cleanup   one part
// npm run bench -- citus --database-url URL                  a store on one server and on workers of a Citus cluster
// npm run bench -- buffers [--runs N] [--json]               the buffers that each read command reads, cold and warm
import { parseArgs } from 'node:util'
import { cache, connect, embeddedStore, storeOn } from './store.js'
import { circumstances, isMet, load, report } from './table.js'

const USAGE = `npm run bench [-- startup|read|write|ingest|serve|cleanup] [options]
  --runs N            number of runs in the store (default: 200000)
  --rounds N          number of pairs (default: 15); cleanup uses a third of them and a quarter of the runs
  --json              print JSON
  --peers             compare with other programs too, which npm installs
  --memory            measure the memory of imports and of ingest too
  --database-url URL  create and drop databases on this server instead of the embedded one
npm run bench -- citus --database-url URL   a store on one server and on the workers of this coordinator
npm run bench -- buffers [--runs N] [--json]
`

const parts = {
  startup: () => import('./startup.js'),
  read: () => import('./read.js'),
  write: () => import('./write.js'),
  ingest: () => import('./ingest.js'),
  serve: () => import('./serve.js'),
  cleanup: async () => {
    const { measure } = await import('./cleanup.js')
    // One pair takes many seconds, so measure fewer pairs with fewer runs.
    const few = ({ runs, rounds, say }) =>
      measure({ runs: Math.ceil(runs / 4), rounds: Math.ceil(rounds / 3), say })
    return { measure: few }
  },
  citus: () => import('./citus.js'),
}
const usual = Object.keys(parts).filter((name) => name !== 'citus')

const say = (text) => process.stderr.write(`${text}\n`)
const words = process.argv.slice(2)
const asked = read(words)
if (words[0] === 'buffers') {
  const { run } = await import('./buffers.js')
  await run(words, say)
} else if (asked) await run(asked)
else {
  process.stderr.write(USAGE)
  process.exitCode = 2
}

function read(args) {
  const options = {
    runs: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    'database-url': { type: 'string' },
  }
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
    const names = positionals.length > 0 ? positionals : usual
    const [runs, rounds] = [Number(values.runs), Number(values.rounds)]
    const isCount = (number) => Number.isInteger(number) && number > 0
    if (!isCount(runs) || !isCount(rounds) || names.some((name) => !(name in parts))) {
      return undefined
    }
    return { ...values, names, runs, rounds }
  } catch {
    return undefined
  }
}

async function run({ names, json, ...options }) {
  const { runs } = options
  const server = options['database-url']
  const { folder, url, leave } = await (server
    ? storeOn(server, runs, say)
    : embeddedStore(runs, cache, say))
  try {
    const client = await connect(folder, url)
    const bench = { ...options, say, folder, url, client }
    const about = await circumstances(bench)
    const results = []
    for (const name of names) {
      say(`${name}, load ${load()}`)
      const { measure } = await parts[name]()
      const rows = await measure(bench)
      results.push({ part: name, rows: rows.map((row) => ({ ...row, met: isMet(row) })) })
    }
    await client.end().catch(() => {})
    const all = { about: { ...about, loadAfter: load() }, parts: results }
    process.stdout.write(`${json ? JSON.stringify(all, null, 2) : report(all)}\n`)
  } finally {
    await leave()
  }
}
