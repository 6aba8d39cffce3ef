import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { beforehand } from '../../../cleanup/cleanup-support.ts'
import { citusUrl } from '../../../support/citus.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { startPooler } from '../../../support/pooler.ts'
import type { Template } from '../../../support/template.ts'
import { ALL, BEFORE, CLEANED, cleanupOn, oldStore, rowsOf, steady } from './support.ts'

let template: Template
let database: TestDatabase
let cleanup: ReturnType<typeof cleanupOn>

beforeAll(async () => {
  template = await oldStore('cli_cleanup')
})
beforeEach(async () => {
  database = await template.copy()
  cleanup = cleanupOn(database)
})
afterEach(() => database.drop())
afterAll(() => template.drop())

const OLD = `--before ${BEFORE}`
const RESULT =
  'removed 12 runs, 24 steps, 41 audit entries and 4 metrics older than 2024-06-01T00:00:00Z in SPAN (RATE rows/s); ' +
  'kept 2 running, 1 ended after the cutoff, 3 audit entries of kept runs\n'

describe('as cron runs it', () => {
  it('asks nothing, and prints one line on stdout and nothing on stderr', async () => {
    for (const line of [OLD, `${OLD} --quiet`]) {
      const { code, stdout, stderr } = await cleanup(line)
      expect([code, stderr]).toEqual([0, ''])
      if (line === OLD) expect(steady(stdout)).toBe(RESULT)
      else
        expect(stdout).toBe(
          'nothing to remove older than 2024-06-01T00:00:00Z; kept 2 running, 1 ended after the cutoff, 3 audit entries of kept runs\n',
        )
      expect(await rowsOf(database)).toEqual(CLEANED)
    }
  })

  it.each([
    ['result.json', '--json'],
    ['result.jsonl', '-o jsonl'],
    ['result.csv', '-o csv'],
    ['result-keep-last.json', '--keep-last 4 --json'],
  ])('%s', async (name, flags) => {
    const { code, stdout, stderr } = await cleanup(`${OLD} ${flags}`)
    expect([code, stderr]).toEqual([0, ''])
    expectGolden(`cleanup/${name}`, steady(stdout))
  })

  it('reports the remaining rows after --max-duration, which is not a failure', async () => {
    const { code, stdout, stderr } = await cleanup(
      `${OLD} --batch-size 1 --pause 1h --max-duration ${citusUrl ? '9s' : '1s'}`,
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(steady(stdout)).toBe(
      'removed 1 run, 2 steps, 0 audit entries and 0 metrics older than 2024-06-01T00:00:00Z in SPAN (RATE rows/s); ' +
        'stopped by --max-duration, remaining: 11 runs, 22 steps, 41 audit entries and 4 metrics\n',
    )
    expect(await cleanup(`${OLD} --json`)).toMatchObject({ code: 0, stderr: '' })
    expect(await rowsOf(database)).toEqual(CLEANED)
  })

  it('exits with 5 and names the session if another cleanup holds the lock', async () => {
    const other = await database.connect()
    await other.query(`set application_name = 'the other'`)
    await other.query(`select pg_advisory_lock(hashtextextended('wfstore cleanup public', 0))`)
    const { code, stdout, stderr } = await cleanup(OLD)
    expect([code, stdout]).toEqual([5, ''])
    expect(stderr).toMatch(
      /^error: another process is cleaning up this schema: pid \d+ \(the other\), connected since .*; try again when it has finished; .*\n$/,
    )
    expect(await rowsOf(database)).toEqual(ALL)
    await other.end()
  })

  it('exits with 5 and a message if rows stay because another session has locked them', async () => {
    const other = await database.connect()
    await other.query(`set application_name = 'the engine'`)
    await other.query('begin')
    const [oldest] = await database.sql(
      'select execution_id as id from workflow_executions order by start_time limit 1',
    )
    await other.query(
      `select status from workflow_executions where execution_id = '${oldest?.id}' for update`,
    )
    const { code, stdout, stderr } = await cleanup(`${OLD} --batch-size 4`)
    expect(code).toBe(5)
    expect(steady(stdout)).toContain('removed 11 runs, 22 steps, 38 audit entries and 4 metrics')
    expect(stderr).toMatch(
      /^error: rows locked by another session were not removed: 1 run; pid \d+ \(the engine\), in a transaction since \S+ \(user \w+; last query: select status from workflow_executions where [^\n]*…\); run it again later; `wfstore doctor` shows the session\n$/,
    )
    await other.query('rollback')
    await other.end()
    expect(await cleanup(OLD)).toMatchObject({ code: 0, stderr: '' })
    expect(await rowsOf(database)).toEqual(CLEANED)
  })

  it('refuses a cutoff in the future by the clock of the server, not of the client', async () => {
    const { code, stderr } = await cleanup('--before 2098-01-01', { now: '2099-01-01T00:00:00Z' })
    expect([code, await rowsOf(database)]).toEqual([2, ALL])
    expect(stderr).toMatch(/^error: the cutoff 2098-01-01T00:00:00.000000Z is in the future; /)
  })

  it('is refused through a pooler in transaction mode; a dry run and the history are not', async () => {
    const pooler = await startPooler(database.url, { mode: 'transaction' })
    const through = (...words: string[]) =>
      runCli(['cleanup', ...words, '--database-url', pooler.url])
    const { code, stderr } = await through('--before', BEFORE)
    expect([code, stderr]).toEqual([2, expect.stringContaining('a direct connection is required')])
    expect(await rowsOf(database)).toEqual(ALL)
    expect((await through('--before', BEFORE, '--dry-run')).code).toBe(0)
    expect((await through('history')).code).toBe(0)
    await pooler.close()
  })

  it('is refused on a schema that is behind, and without a schema', async () => {
    await database.sql(`delete from wfstore_migrations where name = '005_cleanup'`)
    for (const line of [OLD, `${OLD} --dry-run`, 'history'])
      expect((await cleanup(line)).code).toBe(4)
    expect(await rowsOf(database)).toEqual(ALL)
  })
})

describe('on a terminal', () => {
  const terminal: CliOptions = { terminal: 80 }

  it('asks with the counts, and changes nothing if the answer is no', async () => {
    for (const answer of ['n\n', '\n', '']) {
      const { code, stdout, stderr } = await cleanup(`${OLD} --color never`, {
        ...terminal,
        answer,
      })
      expect([code, stdout]).toEqual([1, ''])
      // Where nothing is typed, the line of the question is ended for who reads.
      const [before, after] = stderr.split('[y/N] ')
      expect(after?.startsWith('\n')).toBe(answer === '')
      expectGolden('cleanup/question.txt', `${before}[y/N] ${after?.trimStart()}`)
    }
    expect(await rowsOf(database)).toEqual(ALL)
    expect(await database.sql('select from wfstore_cleanups')).toEqual([])
  })

  it('removes the rows of the question if the answer is yes', async () => {
    const { code, stdout, stderr } = await cleanup(OLD, { ...terminal, answer: 'y\n' })
    expect([code, steady(stdout).replace(/\n(?!$)/g, ' ')]).toEqual([0, RESULT])
    expect(stderr).toMatch(/Continue\? \[y\/N\] $/)
    expect(await rowsOf(database)).toEqual(CLEANED)
  })

  it('does not ask with --yes, or if there is nothing to remove', async () => {
    for (const line of [`${OLD} --yes --quiet`, OLD]) {
      const { code, stderr } = await cleanup(line, { ...terminal, answer: 'n\n' })
      expect([code, stderr]).toEqual([0, ''])
    }
    expect(await rowsOf(database)).toEqual(CLEANED)
  })

  it('recommends VACUUM if it would free space, but not in cron', async () => {
    const many = `insert into observability_metrics (timestamp, user_id, metric_type, metric_value)
      select '2024-02-01Z', 'u', 'cost', 1 from generate_series(1, 10000)`
    for (const [flags, options, hint] of [
      [
        '--yes --color never',
        { answer: '' },
        'to free the space now, run: vacuum (analyze) observability_metrics\n',
      ],
      ['--yes --quiet', { answer: '' }, ''],
      ['', {}, ''],
    ] as const) {
      await database.sql(many)
      expect(await cleanup(`${OLD} ${flags}`, options)).toMatchObject({ code: 0, stderr: hint })
    }
  })
})

describe('a dry run', () => {
  it('names on a terminal of 80 columns the key of an application that protects a row, and that it has no index', async () => {
    await database.sql(`create table feedback (run uuid references workflow_executions);
      insert into feedback select execution_id from workflow_executions where end_time < '2024-06-01' limit 1`)
    const run = (options: CliOptions) => cleanup(`${OLD} --dry-run --color never`, options)
    const shown = await run({ terminal: 80 })
    expect(shown.stdout.replace(/\s+/g, ' ')).toContain(
      '1 protected by feedback_run_fkey of feedback',
    )
    const warning =
      'warning: the foreign key feedback_run_fkey of feedback has no index, which makes this cleanup slow; run: create index concurrently on feedback (run)\n'
    expect((await run({})).stderr).toContain(warning)
    expect((await cleanup(`${OLD} --dry-run --quiet`)).stderr).toBe('')
  })

  it.each([
    ['dry-run-80.txt', '--color never', { terminal: 80 }],
    ['dry-run.tsv', '', {}],
    ['dry-run.csv', '-o csv', {}],
    ['dry-run.json', '--json', {}],
    ['dry-run.jsonl', '-o jsonl --keep-last 4', {}],
  ] as [string, string, CliOptions][])('%s', async (name, flags, options) => {
    const { code, stdout, stderr } = await cleanup(`${OLD} --dry-run ${flags}`, options)
    expect(code).toBe(0)
    expectGolden(`cleanup/${name}`, `${stdout}--- stderr\n${stderr}`)
    expect(await rowsOf(database)).toEqual(ALL)
    expect(await database.sql('select from wfstore_cleanups')).toEqual([])
  })

  it.each(['', '--keep-last 4', '--keep-last 1 --batch-size 3'])(
    'counts what a cleanup then removes and keeps, with every reason, and what remains (%s)',
    async (flags) => {
      // A table of an application cannot refer to distributed ones.
      if (!citusUrl)
        await database.sql(
          `create table feedback (run uuid references workflow_executions, entry uuid references audit_logs);
           create index on feedback (run);
           create index on feedback (entry);
           insert into feedback select execution_id, null from workflow_executions where end_time < '2024-06-01' order by start_time limit 2;
           insert into feedback select null, log_id from audit_logs where execution_id is null limit 1`,
        )
      await database.sql(
        `insert into billing_records (execution_id, user_id, model_id, billing_period)
           select execution_id, user_id, model_id, '2024-01' from workflow_executions where extract(day from start_time)::int % 3 = 0`,
      )
      const unbilled = async () => {
        const [row] = await database.sql(
          'select count(*)::int as runs from workflow_executions where execution_id not in (select execution_id from billing_records)',
        )
        return Number(row?.runs)
      }
      const without = await unbilled()
      const counts = JSON.parse((await cleanup(`${OLD} --dry-run --json ${flags}`)).stdout)
      expect((await cleanup(`${OLD} --dry-run --quiet ${flags}`)).stderr).toBe('')
      const result = JSON.parse((await cleanup(`${OLD} --json ${flags}`)).stdout)
      expect(counts.unbilled).toBe(without - (await unbilled()))
      expect([counts.remove, counts.kept]).toEqual([result.removed, beforehand(result.kept)])
      const { running, endedLater, protected: spared } = result.kept.execution
      expect([running, endedLater, spared > 0]).toEqual([2, 1, !citusUrl])
      const { execution, step, audit, metric } = counts.remain
      expect({ runs: execution, steps: step, entries: audit, metrics: metric }).toEqual(
        await rowsOf(database),
      )
    },
  )
})
