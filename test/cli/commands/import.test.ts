import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { NOW, runCli } from '../../support/cli.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'
import { EMPTY, id, line, rowsIn } from '../../transfer/import/support.ts'

let legacy: TestDatabase
let database: TestDatabase
let folder: string

beforeAll(async () => {
  ;[legacy, database] = await Promise.all([
    createAdopted('cli_export'),
    createMigrated('cli_import'),
  ])
  folder = mkdtempSync(join(tmpdir(), 'wfstore-cli-import-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await Promise.all([legacy.drop(), database.drop()])
})
beforeEach(async () => {
  await database.sql(EMPTY)
})

const on = (of: TestDatabase, ...argv: string[]) =>
  runCli([...argv, '--database-url', of.url], { cwd: folder })
const file = (name: string, text: string) => writeFileSync(join(folder, name), text)
const ALL = [line.execution(), line.step(), line.audit(), line.bill(), line.metric()].join('')
const NOTHING = { execution: 0, step: 0, audit: 0, bill: 0, metric: 0 }

it('export writes the same to a file, plain or gzip, as to stdout, and import reads it', async () => {
  const { code, stdout, stderr } = await on(legacy, 'export')
  expect([code, stderr]).toEqual([0, ''])
  for (const name of ['all.jsonl', 'all.jsonl.gz']) {
    const done = await on(legacy, 'export', '--out', name, '--json')
    const { file: named, exported } = JSON.parse(done.stdout)
    expect([done.code, named, exported]).toEqual([0, name, await rowsIn(legacy)])
    const bytes = readFileSync(join(folder, name))
    expect(String(name.endsWith('.gz') ? gunzipSync(bytes) : bytes)).toBe(stdout)
    await database.sql(EMPTY)
    const taken = await on(database, 'import', name, '--json')
    expect([taken.code, JSON.parse(taken.stdout).inserted]).toEqual([0, exported])
    expect((await on(database, 'export')).stdout).toBe(stdout)
  }
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([])
})

it('export takes the filters of a list', async () => {
  const { stdout } = await on(
    legacy,
    'export',
    '--status',
    'failed',
    '--user',
    'user_9',
    '--until',
    '2100-01-01',
  )
  const [wanted] = await legacy.sql(
    `select count(*)::int as n from workflow_executions where status = 'failed' and user_id = 'user_9'`,
  )
  const runs = stdout.split('\n').filter((text) => text.startsWith('{"execution"'))
  expect(runs).toHaveLength(Number(wanted?.n))
  expect((await on(legacy, 'export', '--status', 'done')).code).toBe(2)
})

it('import - reads stdin, and prints the result', async () => {
  const fed = (...argv: string[]) =>
    runCli(['import', '-', ...argv, '--database-url', database.url], { answer: ALL })
  const { code, stdout } = await fed('--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    read: 5,
    inserted: { execution: 1, step: 1, audit: 1, bill: 1, metric: 1 },
    repeated: 0,
    invalidCount: 0,
    invalid: [],
  })
  expect((await fed()).stdout).toBe(
    'read\texecution\tstep\taudit\tbill\tmetric\trepeated\tinvalidCount\n5\t0\t0\t0\t0\t0\t5\t0\n',
  )
})

it('an invalid line makes exit status 2, is named, and nothing is imported', async () => {
  file('bad.jsonl', `${ALL}\n${line.execution({ executionId: id(9), status: 'done' })}{}\n`)
  const { code, stdout, stderr } = await on(database, 'import', 'bad.jsonl')
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toBe(
    'error: line 7: status is "done", not one of running, success, failed, partial, cancelled; 1 more line is invalid; nothing was imported; correct the file, or import the other lines with --skip-invalid\n',
  )
  expect(await rowsIn(database)).toEqual(NOTHING)
})

it('--skip-invalid imports the other lines and reports those on stderr and in JSON', async () => {
  file('bad.jsonl', `{}\n${ALL}`)
  const { code, stdout, stderr } = await on(
    database,
    'import',
    'bad.jsonl',
    '--skip-invalid',
    '--json',
  )
  const reason = 'has no key, not one of execution, step, audit, bill, metric'
  expect([code, stderr]).toEqual([0, `line 1: ${reason}\n`])
  expect(JSON.parse(stdout)).toMatchObject({
    read: 6,
    invalidCount: 1,
    invalid: [{ line: 1, reason }],
  })
  expect((await rowsIn(database)).step).toBe(1)
})

it('a file of which no line is valid is a failure with --skip-invalid, too', async () => {
  file('bad.jsonl', '{}\n'.repeat(120))
  const { code, stderr } = await on(database, 'import', 'bad.jsonl', '--skip-invalid')
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^line 1: .*\n[\s\S]*line 100: .*\n20 more lines are invalid\nerror: all lines are invalid; nothing was imported\n$/,
  )
})

it('a missing file, or a folder, is wrong usage, and is named before wfstore connects', async () => {
  const nowhere = ['--database-url', 'postgresql://localhost:1/none']
  for (const [name, message] of [
    ['none.jsonl', 'file not found: none.jsonl'],
    ['.', '. is a folder, not a file'],
  ] as const) {
    const { code, stderr } = await runCli(['import', name, ...nowhere], { cwd: folder })
    expect([code, stderr]).toEqual([2, `error: ${message}\n`])
  }
})

it('both require the schema of this version, and leave no file without it', async () => {
  const empty = await createDatabase('cli_import_empty')
  file('all.jsonl', ALL)
  expect((await on(empty, 'import', 'all.jsonl')).code).toBe(4)
  expect((await on(empty, 'export', '--out', 'missing.jsonl')).code).toBe(4)
  expect(readdirSync(folder).filter((name) => name.startsWith('missing'))).toEqual([])
  await empty.drop()
})

it('an export that fails leaves the existing file, and no other', async () => {
  file('kept.jsonl', 'before')
  await legacy.sql('alter table audit_logs rename to hidden')
  const { code } = await on(legacy, 'export', '--out', 'kept.jsonl')
  await legacy.sql('alter table hidden rename to audit_logs')
  expect(code).not.toBe(0)
  expect(readFileSync(join(folder, 'kept.jsonl'), 'utf8')).toBe('before')
  expect(readdirSync(folder).filter((name) => name.startsWith('kept'))).toEqual(['kept.jsonl'])
})

it('a file that cannot be written is an error of one line', async () => {
  const { code, stderr } = await on(legacy, 'export', '--out', 'no/such/folder.jsonl')
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: cannot write .*no\/such\/folder\.jsonl: ENOENT.*\n$/)
})

it('export has no format except JSON lines', async () => {
  const { code, stderr } = await on(legacy, 'export', '-o', 'csv')
  expect([code, stderr]).toEqual([
    2,
    'error: export does not support --output csv: it prints JSON lines; remove --output\n',
  ])
})

it('a reader that closes the pipe, like head, ends an export without an error', async () => {
  let taken = 0
  const stdout = new Writable({
    write: (_, __, done) => {
      taken++
      done(taken > 1 ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : null)
    },
  })
  let stderr = ''
  const code = await main(
    ['export', '--database-url', legacy.url],
    {
      stdin: Readable.from([]),
      stdout,
      stderr: new Writable({
        write: (chunk, _, done) => {
          stderr += String(chunk)
          done()
        },
      }),
      now: () => new Date(NOW),
      sleep: () => Promise.reject(new Error('nothing should sleep here')),
      cwd: folder,
      timeZone: 'UTC',
      signal: new AbortController().signal,
    },
    {},
  )
  expect([code, stderr]).toEqual([0, ''])
})

it('Ctrl-C ends an export to a file, and leaves no file', async () => {
  const interruption = new AbortController()
  // Written to beyond what is read ahead, and then waits.
  await legacy.sql('begin; lock table observability_metrics in access exclusive mode')
  const ended = runCli(['export', '--out', 'stopped.jsonl', '--database-url', legacy.url], {
    cwd: folder,
    signal: interruption.signal,
  })
  const waits = `select count(*)::int as n from pg_locks where not granted and relation = 'observability_metrics'::regclass`
  while ((await legacy.sql(waits))[0]?.n === 0);
  interruption.abort('SIGINT')
  expect((await ended).code).toBe(130)
  await legacy.sql('rollback')
  while (readdirSync(folder).some((name) => name.startsWith('stopped')))
    await new Promise(setImmediate)
})
