import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MIGRATIONS } from '../../src/db/schema.ts'
import type { TestDatabase } from '../support/database.ts'
import { dataFolder } from '../support/folder.ts'
import { createMigrated } from '../support/migrated.ts'
import { ALL_NAMED } from '../support/migrations.ts'

/** The program as it is installed: bin over the bundle that `npm run build` made. */
const bin = join(import.meta.dirname, '../../bin/wfstore.js')
const ROWS = 5000

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('process')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time)
     select 'w', 'u', 'm', 'x', timestamptz '2026-01-01Z' + n * interval '1 s' from generate_series(1, $1::int) n`,
    [ROWS],
  )
})
afterAll(() => database.drop())

function start(...argv: string[]): ChildProcess {
  const { PATH, HOME } = process.env
  return spawn(process.execPath, [bin, ...argv], {
    env: { PATH, HOME, DATABASE_URL: database.url },
  })
}

async function finish(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

it('output of any length arrives whole in a pipe', async () => {
  const { code, stdout, stderr } = await finish(
    start('executions', 'list', '--limit', 'all', '-o', 'jsonl'),
  )
  expect([code, stderr]).toEqual([0, ''])
  const lines = stdout.trimEnd().split('\n')
  expect(new Set(lines.map((line) => JSON.parse(line).executionId)).size).toBe(ROWS)
})

it('a reader that closes the pipe, like head, ends the command without an error', async () => {
  for (const form of [[], ['-o', 'json'], ['-o', 'csv']]) {
    const child = start('executions', 'list', '--limit', 'all', ...form)
    child.stdout?.once('data', () => child.stdout?.destroy())
    const [stderr, [code]] = await Promise.all([
      text(child.stderr as NodeJS.ReadableStream),
      once(child, 'exit'),
    ])
    expect([code, stderr]).toEqual([0, ''])
  }
})

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s while the database does not answer ends with exit %i and leaves no query',
  async (signal, status) => {
    const locker = await database.connect()
    await locker.query('begin; lock table workflow_executions')
    const child = start('executions', 'list')
    const ended = finish(child)
    const waiting = async () =>
      (
        await database.sql(
          `select pid from pg_stat_activity where datname = current_database()
           and application_name = 'wfstore executions list' and wait_event_type = 'Lock'`,
        )
      ).length
    while ((await waiting()) === 0);
    child.kill(signal)
    expect(await ended).toEqual({ code: status, stdout: '', stderr: '' })
    // The lock is still held: only a cancelled query is gone.
    while ((await waiting()) > 0);
    await locker.end()
  },
)

it('a full disk is an error, also for a help page', async () => {
  const full = openSync('/dev/full', 'w')
  for (const argv of [
    ['--help'],
    ['help', '--json'],
    ['cost', '--no-color', '--help'],
    ['executions', 'list'],
    ['export'],
    ['report'],
    ['completion', 'zsh'],
  ]) {
    const { PATH, HOME } = process.env
    const child = spawn(process.execPath, [bin, ...argv], {
      env: { PATH, HOME, DATABASE_URL: database.url },
      stdio: ['ignore', full, 'pipe'],
    })
    const [stderr, [code]] = await Promise.all([
      text(child.stderr as NodeJS.ReadableStream),
      once(child, 'close'),
    ])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^[^\n]*cannot write to stdout: [^\n]*\n$/),
    ])
  }
  closeSync(full)
})

it('a removed working folder is an error of one line', async () => {
  const folder = dataFolder('gone')
  const script = 'cd "$0" && rmdir "$0" && exec "$1" "$2" executions list'
  const child = spawn('sh', ['-c', script, folder, process.execPath, bin])
  expect(await finish(child)).toEqual({
    code: 1,
    stdout: '',
    stderr: 'error: the working folder does not exist any more; go to another one\n',
  })
})

it('errors have their exit status and nothing on stdout', async () => {
  const runs: [string[], number][] = [
    [['executions', 'list', '--nope'], 2],
    [['executions', 'list', '--database-url', 'postgresql://u@127.0.0.1:1/d'], 3],
    [['executions', 'show', '00000000-0000-4000-8000-000000000000'], 6],
  ]
  for (const [argv, status] of runs) {
    const { code, stdout, stderr } = await finish(start(...argv))
    expect([argv, code, stdout]).toEqual([argv, status, ''])
    expect(stderr).toMatch(/^error: [^\n]+\n$/)
  }
})

it('--verbose names the files and lines of the sources', async () => {
  const { stderr } = await finish(
    start('executions', 'list', '--database-url', 'postgresql://u@127.0.0.1:1/d', '--verbose'),
  )
  expect(stderr).toMatch(/at connectError \(.*\/src\/db\/connect\/errors\.ts:\d+:\d+\)/)
  expect(stderr).toMatch(/at async main \(.*\/src\/cli\/main\.ts:\d+:\d+\)/)
  expect(stderr).not.toContain('dist/cli')
})

it('the embedded database serves all commands of a folder', async () => {
  const cwd = dataFolder('folder')
  const { PATH, HOME } = process.env
  const run = (...argv: string[]) =>
    finish(spawn(process.execPath, [bin, ...argv], { cwd, env: { PATH, HOME } }))
  try {
    expect(await run('db', 'status', '--columns', 'state')).toMatchObject({
      code: 0,
      stdout: 'state\nnone\n',
    })
    expect(await run('db', 'url')).toMatchObject({ code: 3, stdout: '' })
    // An earlier command that was interrupted leaves the folder.
    mkdirSync(`${cwd}/.wfstore`, { mode: 0o700 })
    writeFileSync(`${cwd}/.wfstore/.gitignore`, '*\n')
    expect(await run('migrate', 'up')).toMatchObject({
      code: 0,
      stdout: `applied ${ALL_NAMED}\n`,
      // After a lost DATABASE_URL the output names the database.
      stderr: `created an embedded database in ${cwd}/.wfstore\n`,
    })
    expect(await run('migrate', 'up')).toEqual({
      code: 0,
      stdout: 'the schema is up to date\n',
      stderr: '',
    })
    expect(await run('executions', 'list', '-o', 'name')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    const url = (await run('db', 'url')).stdout
    expect(url).toMatch(/^postgresql:\/\/wfstore@localhost:5432\/wfstore\?host=.*\n$/)
    expect((await run('executions', 'list', '--database-url', url.trim())).code).toBe(0)
    expect((await run('db', 'stop')).stderr).toMatch(/^stopped the embedded server \(pid \d+\)\n$/)
    expect(await run('db', 'stop')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no embedded server is running in this folder\n',
    })
    expect(await run('db', 'status', '--columns', 'state')).toMatchObject({
      stdout: 'state\nstopped\n',
    })
    expect((await run('executions', 'list')).code).toBe(0)
  } finally {
    await run('db', 'stop')
    rmSync(cwd, { recursive: true, force: true })
  }
})

it('migrate up prints the applied migrations as JSON, an empty array if there are none', async () => {
  const outcome = async () => JSON.parse((await finish(start('migrate', 'up', '--json'))).stdout)
  expect(await outcome()).toEqual({
    applied: [],
    adopted: false,
    created: [],
    recreated: [],
    rebuilt: [],
    removed: [],
    revoked: [],
    pending: [],
  })
  await database.sql('drop schema public cascade; create schema public')
  expect(await outcome()).toMatchObject({
    applied: [...MIGRATIONS],
    adopted: false,
  })
})

it.each([
  ['', 'UTC'],
  ['IST', 'UTC'],
  ['no zone', 'UTC'],
  ['CET', 'Europe/Brussels'],
  ['Asia/Tokyo', 'Asia/Tokyo'],
])('with TZ=%j a terminal has times in %s, as other programs print them', async (TZ, zone) => {
  const asTerminal = `process.stdout.isTTY = true; process.argv[1] = ${JSON.stringify(bin)}; require(${JSON.stringify(bin)})`
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, ['-e', asTerminal, '-', 'config'], {
    env: { PATH, HOME, TZ },
  })
  expect((await finish(child)).stdout).toContain(`${zone} for times`)
})

it.each([['import'], ['restore']])(
  '%s ends at once when a signal comes while it reads stdin, and leaves no file',
  async (command) => {
    const temporary = dataFolder('temporary')
    const { PATH, HOME } = process.env
    const child = spawn(process.execPath, [bin, command, '-'], {
      env: { PATH, HOME, DATABASE_URL: database.url, TMPDIR: temporary },
    })
    const ended = finish(child)
    child.stdin?.on('error', () => {})
    // It has read a part when the pipe takes more than it holds.
    const chunk = Buffer.from(`{"metric":{"metricId":"${'x'.repeat(1000)}"}}\n`.repeat(1000))
    for (let n = 0; n < 5; n++)
      await new Promise<void>((resolve) => child.stdin?.write(chunk, () => resolve()))
    child.kill('SIGTERM')
    expect((await ended).code).toBe(143)
    expect(readdirSync(temporary)).toEqual([])
  },
)
