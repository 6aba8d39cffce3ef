import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadDuckDB } from '../../../src/cleanup/archive/query/duckdb.ts'
import { queryArchives } from '../../../src/cleanup/archive/query/query.ts'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import type { ArchiveFormat } from '../../../src/cleanup/types.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { clean, inFolder, options, restore } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('archive_query')
})
afterAll(() => database.drop())

/** Sums of these costs have more digits than a double, and the archives have amounts with different digits. */
beforeEach(() =>
  database.sql(`
    begin; set local wfstore.keeps_totals = 'on';
    delete from workflow_executions; delete from audit_logs; delete from observability_metrics; delete from usage_history;
    delete from audit_history; delete from wfstore_cleanups;
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost,
      total_tokens, metadata)
    select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'w' || n % 3, 'u' || n % 5, 'mode ' || n % 2, 'x',
      timestamptz '2026-01-01Z' + n * interval '1 day', timestamptz '2026-01-01Z' + n * interval '1 day', 'success',
      1234567890123.1 + n * 0.0000000000001 + case when n < 20 then 0.00000000000000001 else 0 end, 9007199254740993 + n,
      '{"team": "a", "n": 1.10}'
    from generate_series(1, 60) n;
    insert into workflow_steps (execution_id, step_number, step_name, cost)
    select execution_id, n, 's', total_cost / 2 from workflow_executions, generate_series(1, 2) n; commit`),
)

const archive = (folder: string, before: string, format: ArchiveFormat) =>
  clean(database, folder, { before, archive: archiveInFolder(folder, { ...options, format }) })

const query = (folder: string, sql: string, ...flags: string[]) =>
  runCli(['archive', 'query', folder, sql, ...flags], {})

const BY_MODE =
  'select mode, sum(total_cost) as cost from workflow_executions group by mode order by mode'

it('the cost by mode of archives of both formats and of live rows is the cost before, to the last digit', () =>
  inFolder(async (folder) => {
    const byMode =
      'select mode, trim_scale(sum(total_cost))::text as cost from workflow_executions group by 1 order by 1'
    const before = await database.sql(byMode)
    await archive(folder, '2026-01-15T00:00:00Z', 'jsonl')
    await archive(folder, '2026-02-01T00:00:00Z', 'parquet')
    const live = await database.sql(byMode)
    const { stdout, stderr, code } = await query(folder, BY_MODE, '--output', 'tsv', '--no-headers')
    expect([code, stderr]).toEqual([
      0,
      'archives of JSON lines are converted for each query; `wfstore archive convert` does it once\n',
    ])
    const cold = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
    const [total] = await database.sql(
      `select array_agg(trim_scale(a.cost::numeric + b.cost::numeric)::text order by a.mode) as costs
       from unnest($1::text[], $2::text[]) as a (mode, cost) join unnest($3::text[], $4::text[]) as b (mode, cost) on a.mode = b.mode`,
      [
        cold.map(([mode]) => mode),
        cold.map(([, cost]) => cost),
        live.map(({ mode }) => mode),
        live.map(({ cost }) => cost),
      ],
    )
    expect(cold).toHaveLength(2)
    expect(total?.costs).toEqual(before.map(({ cost }) => cost))
    const cost = await runCli(
      [
        'cost',
        '--by',
        'mode',
        '--columns',
        'mode,cost',
        '--output',
        'tsv',
        '--no-headers',
        '--database-url',
        database.url,
      ],
      {},
    )
    expect(cost.stderr).toBe('')
    expect(cost.stdout.trim().replaceAll(/0+$/gm, '').split('\n').sort()).toEqual(
      before.map(({ mode, cost }) => `${mode}\t${cost}`),
    )
  }))

it('a row that two archives have is there once, as it was deleted last', () =>
  inFolder(async (folder) => {
    await archive(folder, '2026-01-15T00:00:00Z', 'parquet')
    await restore(database, folder)
    await database.sql(
      `begin; set local wfstore.keeps_totals = 'on'; update workflow_executions set workflow_name = 'renamed' where execution_id::text like '%05'; commit`,
    )
    await archive(folder, '2026-02-01T00:00:00Z', 'jsonl')
    const sql = `select count(*) as runs, count(*) filter (workflow_name = 'renamed') as renamed, (select count(*) from workflow_steps) as steps
      from workflow_executions`
    const { stdout } = await query(folder, sql, '--json')
    expect(JSON.parse(stdout)).toEqual([{ runs: 30, renamed: 1, steps: 60 }])
    const dynamic = `select count(*) as n from query_table('workflow_' || 'executions')`
    expect((await query(folder, dynamic, '--json')).code).toBe(2)
  }))

it('values have types, and are exact in each format', () =>
  inFolder(async (folder) => {
    await archive(folder, '2026-01-03T00:00:00Z', 'parquet')
    const sql = `select execution_id, start_time, total_cost, total_tokens * 1000 as tokens, metadata, metadata->>'team' as team, end_time is null as open,
      null as nothing, [total_cost, 0.5] as list, 0.5::double as half from workflow_executions`
    const row = (form: string[]) => query(folder, sql, ...form).then(({ stdout }) => stdout.trim())
    expect(await row(['-o', 'jsonl'])).toBe(
      '{"execution_id":"00000000-0000-7000-8000-000000000001","start_time":"2026-01-02T00:00:00.000000Z","total_cost":1234567890123.10000000000010001,"tokens":9007199254740994000,"metadata":{"n":1.10,"team":"a"},"team":"a","open":false,"nothing":null,"list":["1234567890123.10000000000010001","0.5"],"half":0.5}',
    )
    expect(await row(['-o', 'csv', '--columns', 'total_cost,tokens,start_time'])).toBe(
      'total_cost,tokens,start_time\r\n1234567890123.10000000000010001,9007199254740994000,2026-01-02T00:00:00.000000Z',
    )
  }))

it('a column whose amounts have no common type is text, a note says so, and none is rounded', () =>
  inFolder(async (folder) => {
    await database.sql(
      `begin; set local wfstore.keeps_totals = 'on'; update workflow_executions set total_cost = 1e-30 where execution_id::text like '%01'; commit`,
    )
    await archive(folder, '2026-01-03T00:00:00Z', 'parquet')
    await database.sql(
      `begin; set local wfstore.keeps_totals = 'on'; update workflow_executions set total_cost = 12345678901234567890 where execution_id::text like '%02'; commit`,
    )
    await archive(folder, '2026-01-04T00:00:00Z', 'parquet')
    const { stdout, stderr } = await query(
      folder,
      'select total_cost from workflow_executions order by 1',
      '-o',
      'tsv',
      '--no-headers',
    )
    expect(stderr).toBe(
      'workflow_executions.total_cost is text: not all amounts have a common type of 38 digits\n',
    )
    expect(stdout).toMatch(/^0\.0{29}1\n12345678901234567890(\.0+)?\n$/)
  }))

it('a query can only read, and only the archives', () =>
  inFolder(async (folder) => {
    await archive(folder, '2026-01-15T00:00:00Z', 'parquet')
    const out = join(folder, 'out.parquet')
    const inner = join(folder, readdirSync(folder)[0] as string)
    const taken = join(inner, 'steps-0001.parquet')
    const refused = [
      `copy (select 1) to '${out}'`,
      `copy (select 1) to '${taken}' (use_tmp_file false)`,
      `explain analyze copy (select 1) to '${taken}' (use_tmp_file false)`,
      'create table t as select 1',
      'drop view workflow_steps',
      `attach '${out}'`,
      'select 1; select 2',
      'set enable_external_access = true',
      'install httpfs',
      `export database '${folder}'`,
    ]
    for (const sql of refused) {
      const { code, stderr } = await query(folder, sql)
      expect([sql, code, stderr]).toEqual([sql, 2, expect.stringMatching(/^error: .*\n$/)])
    }
    for (const sql of [
      `select * from read_csv('/etc/passwd')`,
      `select * from glob('/*')`,
      `select * from '${join(inner, 'manifest.json')}'`,
    ]) {
      const { code, stderr } = await query(folder, sql)
      expect([sql, code]).toEqual([sql, 2])
      expect(stderr).toContain('a query has no access to other files')
    }
    expect(existsSync(out)).toBe(false)
    expect((await runCli(['archive', 'verify', folder], {})).code).toBe(0)
  }))

it('an error is one line with what to do', () =>
  inFolder(async (folder) => {
    await archive(folder, '2026-01-15T00:00:00Z', 'parquet')
    const errorOf = async (sql: string) => {
      const { code, stderr } = await query(folder, sql)
      return [code, stderr]
    }
    expect(await errorOf('select * from runs')).toEqual([
      2,
      expect.stringMatching(
        /^error: Catalog Error: Table with name runs does not exist!; .*the tables are workflow_executions, workflow_steps, audit_logs, observability_metrics\n$/,
      ),
    ])
    expect(await errorOf('selec')).toEqual([
      2,
      expect.stringMatching(/^error: Parser Error: syntax error .*\n$/),
    ])
    expect(await errorOf(`select 'x'::integer from workflow_steps`)).toEqual([
      1,
      expect.stringMatching(/^error: Conversion Error: .*\n$/),
    ])
    const none = await query(join(folder, 'none'), 'select 1')
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('archive not found')])
  }))

it('a table without rows in the archives has its columns', () =>
  inFolder(async (folder) => {
    await archive(folder, '2026-01-15T00:00:00Z', 'parquet')
    const { stdout } = await query(
      folder,
      'select sum(cost) as cost, count(*) as n from audit_logs',
      '--json',
    )
    expect(JSON.parse(stdout)).toEqual([{ cost: null, n: 0 }])
  }))

it('an interruption cancels the query', () =>
  inFolder(async (folder) => {
    await archive(folder, '2026-01-15T00:00:00Z', 'parquet')
    const interrupted = new AbortController()
    const sql = 'select count(*) from range(10000000000) a, range(1000) b'
    const running = queryArchives(folder, sql, { signal: interrupted.signal }, async () => {})
    setImmediate(() => interrupted.abort())
    await expect(running).rejects.toThrow(/interrupt/i)
  }))

it('without DuckDB the error says how to install it', async () => {
  const missing = Object.assign(new Error("Cannot find module '@duckdb/node-api'"), {
    code: 'MODULE_NOT_FOUND',
  })
  await expect(loadDuckDB(() => Promise.reject(missing))).rejects.toMatchObject({
    message: 'DuckDB is not installed',
    hint: expect.stringContaining('run `npm install @duckdb/node-api`'),
  })
  const broken = Object.assign(new Error('libduckdb.so: file too short\n at x'), {
    code: 'ERR_DLOPEN_FAILED',
  })
  await expect(loadDuckDB(() => Promise.reject(broken))).rejects.toThrow(
    'cannot load DuckDB: libduckdb.so: file too short',
  )
})

const python = process.env.WFSTORE_TEST_PANDAS ?? ''

describe.skipIf(python === '')('the Python with pandas and pyarrow at WFSTORE_TEST_PANDAS', () => {
  it('reads amounts as decimals, times in UTC, and the same sums', () =>
    inFolder(async (folder) => {
      const [sum] = await database.sql(
        `select trim_scale(sum(total_cost))::text as cost, sum(total_tokens)::text as tokens from workflow_executions where start_time < '2026-02-01Z'`,
      )
      await archive(folder, '2026-02-01T00:00:00Z', 'parquet')
      const program = `
import decimal, glob, sys, pandas as pd
decimal.getcontext().prec = 38
runs = pd.read_parquet(glob.glob(sys.argv[1] + '/*/executions-*.parquet')[0])
print(runs['total_cost'].sum().normalize(), sum(int(n) for n in runs['total_tokens']), runs['start_time'].min().isoformat(), runs['metadata'][0])`
      const stdout = execFileSync(python, ['-c', program, folder], { encoding: 'utf8' })
      expect(stdout).toBe(
        `${sum?.cost} ${sum?.tokens} 2026-01-02T00:00:00+00:00 {"n": 1.10, "team": "a"}\n`,
      )
    }))
})
