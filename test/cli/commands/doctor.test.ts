import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWriter } from '../../../src/cli/output/writer.ts'
import { fillDemo } from '../../../src/demo/fill.ts'
import { type CliOptions, runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createMigrated } from '../../support/migrated.ts'

let demo: TestDatabase
let empty: TestDatabase

beforeAll(async () => {
  demo = await createMigrated('doctor_cli')
  const client = await demo.connect()
  await fillDemo(client, new Date())
  await client.end()
  await demo.sql('vacuum analyze')
  empty = await createMigrated('doctor_cli_empty')
})
afterAll(async () => {
  await demo.drop()
  await empty.drop()
})

const doctor = (database: TestDatabase, argv: string[] = [], options: CliOptions = {}) =>
  runCli(['doctor', ...argv, '--database-url', database.url], options)

/** Replaces numbers, units, ids and dates, which differ from run to run. */
const wording = (text: string) =>
  text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\d/g, 'DATE')
    .replace(/\b\d+(\.\d+)? (B|[kMG]B)\b/g, 'BYTES')
    .replace(/\b\d+([dhm]) \d\d[hms]\b|\b\d+(\.\d+)?m?s\b/g, 'SPAN')
    .replace(/\d[\d,.]*\d|\d/g, 'N')
    // The number depends on the time of day.
    .replace('N run ended', 'N runs ended')

/** Removes line breaks: where a line breaks depends on the lengths of the numbers. */
const unwrapped = (text: string) => text.replace(/\n {20,}/g, ' ')

describe('of the demo', () => {
  it('the terminal form: every finding in full, with its fix below', async () => {
    const plain = ['--color', 'never']
    const { code, stdout, stderr } = await doctor(demo, plain, { terminal: 80 })
    expect(code).toBe(0)
    expectGolden('doctor/demo-80.txt', wording(`${unwrapped(stdout)}--- stderr\n${stderr}`))
    const wide = await doctor(demo, plain, { terminal: 200 })
    expect(wording(unwrapped(wide.stdout))).toBe(wording(unwrapped(stdout)))
  })

  it('no line of the terminal form is wider than the terminal', async () => {
    for (const terminal of [80, 120]) {
      const { stdout } = await doctor(demo, ['--color', 'never'], { terminal })
      const widest = Math.max(...stdout.split('\n').map((line) => line.length))
      expect(widest).toBeLessThanOrEqual(terminal)
    }
  })

  it('TSV has four columns and nothing but data', async () => {
    const { stdout } = await doctor(demo)
    expectGolden('doctor/demo.tsv', wording(stdout))
    for (const line of stdout.split('\n').slice(0, -1)) expect(line.split('\t')).toHaveLength(4)
  })

  it('JSON, JSON lines and CSV have the same findings, with the numbers behind them', async () => {
    const { code, stdout, stderr } = await doctor(demo, ['--json'])
    const findings = JSON.parse(stdout)
    expect([code, stderr]).toEqual([0, 'all checks passed\n'])
    for (const finding of findings) {
      expect(Object.keys(finding)).toEqual(['check', 'state', 'finding', 'fix', 'details'])
      expect(['ok', 'warning', 'failed']).toContain(finding.state)
      if (finding.state === 'ok') expect(finding.fix).toBeNull()
      expect(finding.details).toBeTypeOf('object')
    }
    const names = findings.map(({ check }: { check: string }) => check)
    const jsonl = (await doctor(demo, ['-o', 'jsonl'])).stdout.trimEnd().split('\n')
    expect(jsonl.map((line) => JSON.parse(line).check)).toEqual(names)
    const csv = (await doctor(demo, ['-o', 'csv', '--columns', 'check,state'])).stdout
    expect(
      csv
        .split('\r\n')
        .slice(1, -1)
        .map((line) => line.split(',')[0]),
    ).toEqual(names)
    expect(csv.split('\r\n')[0]).toBe('check,state')
  })

  it('passes every check, and --stuck-after decides what is stuck: a warning with the command that lists it', async () => {
    const run = async (argv: string[]) => {
      const { code, stderr } = await doctor(demo, argv)
      return [code, stderr]
    }
    expect(await run([])).toEqual([0, 'all checks passed\n'])
    await silenceAll(demo, '2 hours')
    expect(await run([])).toEqual([0, '1 warning: stuck\n'])
    expect(await run(['--stuck-after', '90m'])).toEqual([0, '1 warning: stuck\n'])
    expect(await run(['--stuck-after', '3h'])).toEqual([0, 'all checks passed\n'])
    const { stdout } = await doctor(demo, ['--stuck-after', '90m'])
    expect(stdout).toContain('\twfstore executions fail --older-than 90m --dry-run\n')
  })
})

/** The last write of each running run is this old. */
const silenceAll = (database: TestDatabase, age: string) =>
  database.sql(
    `set session_replication_role = replica;
     update workflow_executions set updated_at = now() - interval '${age}' where status = 'running';
     update workflow_steps set updated_at = now() - interval '${age}';
     update audit_logs set timestamp = now() - interval '${age}'
     where execution_id in (select execution_id from workflow_executions where status = 'running');
     set session_replication_role = origin`,
  )

it('a table that a session holds under an exclusive lock is exit 1, and the session is named', async () => {
  const holder = await empty.connect()
  await holder.query(`set application_name = 'migration'; begin; lock table audit_logs`)
  let old = false
  while (!old) {
    const { rows } = await holder.query(`select clock_timestamp() - now() > '1 s' as old`)
    old = rows[0].old
  }
  const { code, stdout, stderr } = await doctor(empty)
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: 1 check failed: locks; \d+ warnings?: /)
  expect(stdout).toMatch(
    /^locks\tfailed\tpid \d+ \(migration, .* holds an exclusive lock on audit_logs/m,
  )
  await holder.query('rollback')
  await holder.end()
})

it('a healthy store is exit 0, and so is one with a warning, which the last line names', async () => {
  const healthy = await doctor(empty, ['--json'])
  expect([healthy.code, healthy.stderr]).toEqual([0, 'all checks passed\n'])
  expect((await doctor(empty, ['--exit-code'])).code).toBe(0)
  await empty.sql('alter table audit_logs set (autovacuum_enabled = off)')
  const warned = await doctor(empty)
  expect([warned.code, warned.stderr]).toEqual([0, '1 warning: dead-rows\n'])
  const strict = await doctor(empty, ['--exit-code'])
  expect([strict.code, strict.stderr]).toEqual([1, 'error: 1 warning: dead-rows\n'])
  await empty.sql('alter table audit_logs reset (autovacuum_enabled)')
})

it('a database without the schema, or with that of the old application, is exit 1 with one failed check', async () => {
  const bare = await createDatabase('doctor_bare')
  const failed = 'error: 1 check failed: schema\n'
  const none = await doctor(bare)
  expect([none.code, none.stderr]).toEqual([1, failed])
  expect(none.stdout).toContain(
    'schema\tfailed\tthis database has no wfstore schema\twfstore migrate up\n',
  )
  const named = await doctor(bare, ['--schema', 'Other Schema'])
  expect(named.stdout).toContain(`\twfstore migrate up --schema 'Other Schema'\n`)
  await loadLegacy(bare)
  const legacy = await doctor(bare)
  expect([legacy.code, legacy.stderr]).toEqual([1, failed])
  expect(legacy.stdout).toContain('wfstore has not adopted yet\twfstore migrate up\n')
  await bare.drop()
})

it('a server that cannot be reached is exit 3, and stdout still has a list', async () => {
  const url = ['--database-url', 'postgresql://u:hunter2-s3cret@127.0.0.1:1/d']
  const { code, stdout, stderr } = await runCli(['doctor', '--json', ...url])
  expect(code).toBe(3)
  expect(JSON.parse(stdout)).toEqual([
    {
      check: 'server',
      state: 'failed',
      finding: 'cannot reach PostgreSQL as u@127.0.0.1:1/d: connect ECONNREFUSED 127.0.0.1:1',
      fix: 'check that the server is running and that --database-url is right',
      details: null,
    },
  ])
  expect(JSON.parse(stderr).error).toEqual({
    ...{ code: 'unreachable', message: '1 check failed: server', hint: null },
  })
  expect(stdout + stderr).not.toContain('hunter2')
  const nowhere = await runCli(['doctor'])
  expect([nowhere.code, nowhere.stdout]).toEqual([
    3,
    expect.stringMatching(/^check\tstate\tfinding\tfix\nserver\tfailed\tno database is set/),
  ])
})

it('an invalid option is exit 2 before wfstore connects', async () => {
  const nowhere = ['--database-url', 'postgresql://u@127.0.0.1:1/d']
  for (const after of ['0', '-1', 'ten', '10', '']) {
    const { code, stderr } = await runCli(['doctor', `--stuck-after=${after}`, ...nowhere])
    expect([after, code, stderr]).toEqual([
      after,
      2,
      expect.stringContaining('It must be a duration such as 90s, 10m, 6h or 2d'),
    ])
  }
  expect((await runCli(['doctor', '--columns', 'fixes', ...nowhere])).stderr).toBe(
    'error: unknown column "fixes"; available columns: check, state, finding, fix, details\n',
  )
  const url = await runCli(['doctor', '--database-url', 'mysql://h/d'])
  expect([url.code, url.stdout]).toEqual([2, ''])
})

describe('wrapped columns on a terminal', () => {
  const columns = [
    { name: 'check', kind: 'text' as const },
    { name: 'state', kind: 'status' as const },
    { name: 'finding', kind: 'text' as const, wrap: '' },
    { name: 'fix', kind: 'text' as const, wrap: '> ' },
  ]
  const rows = [
    { check: 'server', state: 'ok', finding: 'PostgreSQL 18.4, answers in 0.3ms', fix: null },
    {
      check: 'stuck',
      state: 'failed',
      finding:
        'a run of 客户跟进 and \x1b[31mof another\n, with words enough for more than one line of eighty cells',
      fix: 'wfstore executions show 01a20890-e9b0-7f88-bb0f-60345bb95ff4',
    },
    {
      check: 'indexes',
      state: 'warning',
      finding: 'short',
      fix: 'drop index concurrently public.one_of_theirs; drop index concurrently public.another_of_theirs',
    },
  ]
  const draw = async (width: number, names?: string[]) => {
    const stdout = new PassThrough()
    const writer = createWriter({
      stdout,
      stderr: new PassThrough(),
      format: 'table',
      isTTY: true,
      width,
      color: names === undefined,
      timeZone: 'UTC',
      now: () => new Date(),
      columns: names,
    })
    await writer.list(columns, rows)
    return String(stdout.read())
  }

  it.each([80, 40])(
    'are broken at blanks, whole, and safe to look at (%i columns)',
    async (width) => {
      expectGolden(`doctor/wrapped-${width}.txt`, await draw(width))
    },
  )

  it('are a table like any other where --columns leaves them out', async () => {
    expect(await draw(80, ['check', 'state'])).toBe(
      'CHECK    STATE\nserver   ok\nstuck    failed\nindexes  warning\n',
    )
    expect(await draw(80, ['fix'])).toContain('wfstore executions show')
  })
})
