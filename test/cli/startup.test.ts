// What a command costs before it does anything, counted rather than timed: bench/startup.js does that.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { readMessages } from '../support/protocol.ts'

const root = join(import.meta.dirname, '../..')
const help = join(root, 'dist/help')
let folder: string
let witness: string

let database: TestDatabase
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-startup-'))
  witness = join(folder, 'witness.cjs')
  writeFileSync(
    witness,
    `process.on('exit', () => require('node:fs').writeFileSync(process.env.LOADED,
      JSON.stringify({ files: Object.keys(require.cache), builtins: process.moduleLoadList })))`,
  )
  database = await createMigrated('startup')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', 'u', 'm', 'x')`,
  )
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database.drop()
})

/** Runs the program as it is installed, and tells what it said and what of ours and of Node it loaded. */
async function run(argv: string[], url = database.url) {
  const { PATH, HOME } = process.env
  const loaded = join(folder, 'loaded.json')
  const child = spawn(
    process.execPath,
    ['--require', witness, join(root, 'bin/wfstore.js'), ...argv],
    { env: { PATH, HOME, DATABASE_URL: url, LOADED: loaded } },
  )
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  const { files, builtins } = JSON.parse(readFileSync(loaded, 'utf8')) as {
    files: string[]
    builtins: string[]
  }
  return {
    code,
    stdout,
    stderr,
    files: files.filter((file) => file !== witness).map((file) => relative(root, file)),
    slow: builtins
      .map((name) => name.replace('NativeModule ', ''))
      .filter((name) => SLOW.has(name)),
  }
}

/** Each takes Node 0.5 to 20 ms to load. */
const SLOW = new Set([
  ...['child_process', 'crypto', 'dgram', 'http', 'https', 'internal/crypto/webcrypto'],
  ...['internal/deps/undici/undici', 'readline', 'repl', 'tls', 'worker_threads', 'zlib'],
])

it('--version loads no part of the program', async () => {
  for (const flag of ['--version', '-V']) {
    const { code, stdout, files, slow } = await run([flag])
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect([code, stdout, slow]).toEqual([0, `${version}\n`, []])
    expect(files).toEqual(['bin/wfstore.js', 'package.json'])
  }
})

it('--help of any command loads no part of the program', async () => {
  for (const argv of [['--help'], ['executions', '-h'], ['executions', 'list', '--help']]) {
    const { code, stdout, files, slow } = await run(argv)
    expect([code, slow, files]).toEqual([0, [], ['bin/wfstore.js']])
    expect(stdout).toBe((await runCli(argv)).stdout)
  }
})

it('the prepared help of every command matches the program', async () => {
  const expected: string[] = []
  const { stdout: reference } = await runCli(['help', '--json'])
  for (const page of pagesOf(JSON.parse(reference))) {
    const words = page.split(' ').filter(Boolean)
    const { stdout } = await runCli([...words, '--help'], { terminal: 80 })
    const file = `${['wfstore', ...words].join('.')}.txt`
    expect(readFileSync(join(help, file), 'utf8')).toBe(stdout)
    expected.push(file)
  }
  const pages = readdirSync(help).filter((file) => file.endsWith('.txt'))
  expect(pages.sort()).toEqual(expected.sort())
})

interface Page {
  command: string
  commands: Page[]
}
const pagesOf = ({ command, commands }: Page): string[] => [command, ...commands.flatMap(pagesOf)]

it('help on a command or a topic, and the script of a shell, load no part of the program', async () => {
  for (const argv of [
    ['help'],
    ['help', 'time'],
    ['help', 'executions', 'list'],
    ['completion', 'bash'],
  ]) {
    const { code, stdout, slow, files } = await run(argv)
    expect([code, slow, files]).toEqual([0, [], ['bin/wfstore.js']])
    expect(stdout).toBe((await runCli(argv)).stdout)
  }
})

it('completion loads one file, except for values from the database', async () => {
  for (const words of [
    [''],
    ['executions', 'list', '--status', 'f'],
    ['cost', '--tz', 'Europe/'],
  ]) {
    const { code, stdout, slow, files } = await run(['complete', 'zsh', ...words])
    expect([code, slow, files]).toEqual([0, [], ['bin/wfstore.js', 'dist/cli/complete.cjs']])
    expect(stdout).toMatch(/^(words|open)\0/)
  }
})

it('help is not looked up for an unknown command', async () => {
  for (const argv of [
    ['exections', '--help'],
    ['../80/wfstore', '--help'],
    ['cost.by', '-h'],
  ]) {
    const { code, stdout, stderr } = await run(argv)
    expect({ code, stdout, stderr }).toEqual(await runCli(argv))
  }
})

/** What the command line loads first, for every command that needs the program. */
const PROGRAM = ['bin/wfstore.js', 'dist/cli/main.cjs', 'dist/cli/rolldown-runtime.cjs']

it('executions list loads the program and the store, and no slow module of Node', async () => {
  const { code, stdout, files, slow } = await run(['executions', 'list', '--limit', '20'])
  expect([code, stdout.split('\n').length]).toEqual([0, 3])
  expect(files).toEqual([...PROGRAM, 'dist/cli/store.cjs'])
  expect(slow).toEqual([])
  const sources = sourcesOf(files)
  expect(sources).toEqual(
    expect.arrayContaining(['src/cli/main.ts', 'node_modules/pg/lib/client.js']),
  )
  const heavy =
    /^node_modules\/(cli-table3|d3-|node-pg-migrate|pg-copy-streams)|^src\/(transfer|demo|db\/(migrate|adopt|verify)|queries\/doctor)\//
  expect(sources.filter((source) => heavy.test(source))).toEqual([])
})

it('only serve and open load the server, with which other commands share modules', async () => {
  const [row] = await database.sql('select execution_id from workflow_executions')
  for (const argv of [
    ['executions', 'show', String(row?.execution_id)],
    ...[
      ['audit'],
      ['errors'],
      ['tools'],
      ['stats'],
      ['metrics', 'current'],
      ['doctor'],
      ['prices'],
    ],
    ...[['cost', '--by', 'model'], ['billing'], ['cleanup', 'history'], ['settings'], ['export']],
    ['nonsense'],
  ]) {
    const { files } = await run(argv)
    const server = sourcesOf(files).filter((source) => /^src\/server\/|\/hono\//.test(source))
    expect([argv, server]).toEqual([argv, []])
  }
})

it('migrate up with nothing to do loads no migration tool', async () => {
  const { code, stdout, files } = await run(['migrate', 'up'])
  expect([code, stdout]).toEqual([0, 'the schema is up to date\n'])
  expect(files).toEqual([...PROGRAM, 'dist/cli/migrate.cjs'])
  expect(sourcesOf(files).filter((source) => /node-pg-migrate/.test(source))).toEqual([])
})

/** The sources that are in these bundles, by their source maps. That of rolldown has none. */
function sourcesOf(bundles: string[]): string[] {
  return bundles
    .filter((file) => existsSync(join(root, `${file}.map`)))
    .flatMap((file) => {
      const { sources } = JSON.parse(readFileSync(join(root, `${file}.map`), 'utf8'))
      return sources.map((source: string) => relative(root, join(root, dirname(file), source)))
    })
}

it('executions list has one round trip: the check of the schema and the query are sent together', async () => {
  const proxy = await startProxy(2)
  const { code, stdout } = await run(['executions', 'list', '--limit', '20'], proxy.url)
  proxy.close()
  expect([code, stdout.split('\n').length]).toEqual([0, 3])
  expect(proxy).toMatchObject({ connections: 1, statements: 2, goodbyes: 1 })
})

it('migrate up with nothing to do sends only the necessary queries', async () => {
  const proxy = await startProxy(0)
  const { code, stdout } = await run(['migrate', 'up'], proxy.url)
  proxy.close()
  expect([code, stdout]).toEqual([0, 'the schema is up to date\n'])
  expect(proxy).toMatchObject({ connections: 1, statements: 12, goodbyes: 1 })
})

const url = () => new URL(database.url)

/**
 * Counts the statements of a program, and holds the answers back until it has sent a number of statements: a program
 * that waits for an answer first would never end.
 */
async function startProxy(held: number) {
  const counts = { connections: 0, statements: 0, goodbyes: 0 }
  const sockets: Socket[] = []
  const host = url().searchParams.get('host') ?? url().hostname
  const port = Number(url().port || 5432)
  const server = createServer((program) => {
    counts.connections++
    const upstream = connect(
      host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port },
    )
    for (const socket of [program, upstream]) sockets.push(socket.on('error', () => {}))
    let ready = false
    const answers: Buffer[] = []
    const release = () => {
      if (ready && counts.statements < held) return
      for (const bytes of answers.splice(0)) program.write(bytes)
    }
    const count = (type: string) => {
      // Query, Sync and Terminate.
      if (type === 'Q' || type === 'S') counts.statements++
      if (type === 'X') counts.goodbyes++
      release()
    }
    readMessages(program, count, () => {})
    program.on('data', (bytes) => upstream.write(bytes)).on('close', () => upstream.end())
    readMessages(upstream, (type, bytes) => {
      answers.push(Buffer.from(bytes))
      release()
      ready ||= type === 'Z'
    })
    upstream.on('close', () => program.end())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const through = url()
  through.searchParams.delete('host')
  through.searchParams.set('sslmode', 'disable')
  through.host = `127.0.0.1:${(server.address() as { port: number }).port}`
  return Object.assign(counts, {
    url: through.href,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
}
