// npm run bench                                   all parts, one table
// npm run bench -- startup|read|write|cleanup     a part alone
// npm run bench -- buffers                        what each read command reads, cold and warm, by EXPLAIN
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect, makeStore, wfstore } from './store.js'
import { circumstances, isMet, load, report } from './table.js'

const USAGE = `npm run bench [-- startup|read|write|cleanup|buffers] [options]
  --runs N      in the store, which is made once and kept: 200000 unless given
  --rounds N    of each pair: 15 unless given
  --json        the rows as data
  --peers       beside programs of others too, which npm installs
  --memory      of imports by their size too
  --folder DIR  where the store is kept
`

const parts = {
  startup: () => import('./startup.js'),
  read: () => import('./read.js'),
  write: () => import('./write.js'),
  cleanup: () => import('./cleanup.js'),
}

/** They slow Node's start by more than all that a command does, and would be in every number here. */
delete process.env.NODE_EXTRA_CA_CERTS
delete process.env.NODE_OPTIONS

const say = (text) => process.stderr.write(`${text}\n`)
const asked = read(process.argv.slice(2))
if (asked) await run(asked)
else {
  process.stderr.write(USAGE)
  process.exitCode = 2
}

function read(args) {
  const flags = { json: false, peers: false, memory: false }
  const words = { runs: '200000', rounds: '15', folder: '' }
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...options('boolean', flags),
        ...options('string', words),
      },
    })
    const names = positionals.length > 0 ? positionals : Object.keys(parts)
    const [runs, rounds] = [Number(values.runs), Number(values.rounds)]
    const isCount = (number) => Number.isInteger(number) && number > 0
    if (!isCount(runs) || !isCount(rounds)) return undefined
    if (names.some((name) => !(name in parts || name === 'buffers'))) return undefined
    return { ...values, names, runs, rounds }
  } catch {
    return undefined
  }
}

function options(type, defaults) {
  return Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, { type, default: value }]),
  )
}

async function run({ names, json, ...options }) {
  const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url))
  const folder = await makeStore(options.runs, say, options.folder || cache)
  try {
    wfstore(folder, 'migrate', 'up')
    const client = await connect(folder)
    const bench = { ...options, say, folder, url: wfstore(folder, 'db', 'url'), client }
    const about = await circumstances(bench)
    if (names.includes('buffers')) {
      await client.end()
      const { run } = await import('./buffers.js')
      return process.stdout.write(`${await run(folder, { json, say })}\n`)
    }
    const results = []
    for (const name of names) {
      say(`${name}, load ${load()}`)
      const { measure } = await parts[name]()
      const rows = await measure(bench)
      results.push({ part: name, rows: rows.map((row) => ({ ...row, met: isMet(row) })) })
    }
    await client.end()
    const all = { about: { ...about, loadAfter: load() }, parts: results }
    process.stdout.write(`${json ? JSON.stringify(all, null, 2) : report(all)}\n`)
  } finally {
    wfstore(folder, 'db', 'stop')
  }
}
