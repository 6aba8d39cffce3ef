import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callAt } from '../../../src/db/distributed/at.ts'
import { citusUrl } from '../../support/citus.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { dataFolder } from '../../support/folder.ts'
import { createMigrated } from '../../support/migrated.ts'
import { dropRoles, privileges } from '../../support/privileges.ts'

const DUTIES = ['writer', 'reader', 'cleaner'] as const
type Duty = (typeof DUTIES)[number]

/** The privileges of each role besides SELECT, which it has on every table and view. */
const BEYOND_SELECT: Record<Duty, Record<string, string>> = {
  writer: {
    workflow_executions: 'insert, update',
    workflow_steps: 'insert, update, delete',
    audit_logs: 'insert, update',
    observability_metrics: 'insert, update',
    billing_records: 'insert, update',
    wfstore_bill_lines: 'insert, update',
    wfstore_traces: 'insert, update, delete',
    wfstore_spans: 'insert, update, delete',
    wfstore_requests: 'insert, update, delete',
  },
  reader: {},
  cleaner: {
    workflow_executions: 'delete, update (updated_at)',
    workflow_steps: 'delete',
    audit_logs: 'delete',
    observability_metrics: 'delete',
    usage_history: 'insert, delete',
    audit_history: 'insert, delete',
    wfstore_cleanups: 'insert, update',
  },
}

// Roles belong to the whole server, which other test files use at the same time.
const prefix = `roles_${randomBytes(4).toString('hex')}`
const RUN = '01900000-0000-7000-8000-000000000001'
const STEP = '01900000-0000-7000-8000-000000000002'

let database: TestDatabase
const logins: Partial<Record<Duty, pg.Client>> = {}

const urlOf = (role: string): string => {
  const url = new URL(database.url)
  url.username = role
  url.password = 'secret'
  return url.href
}

beforeAll(async () => {
  database = await createMigrated('roles')
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status)
       values ('${RUN}', 'w', 'u', 'Sales', 'm', 'success')`,
  )
  await database.sql(
    `insert into workflow_steps (step_id, execution_id, step_number, step_name) values ('${STEP}', '${RUN}', 1, 's')`,
  )
  const made = await runCli([
    'migrate',
    'roles',
    '--prefix',
    prefix,
    '--database-url',
    database.url,
  ])
  expect(made).toMatchObject({ code: 0 })
  for (const duty of DUTIES) {
    const login = `${prefix}_${duty}_login`
    await database.sql(`create role ${login} login password 'secret' in role ${prefix}_${duty}`)
    const client = new pg.Client({ connectionString: urlOf(login) })
    await client.connect()
    logins[duty] = client
  }
})

afterAll(async () => {
  for (const client of Object.values(logins)) await client.end()
  await dropRoles(database, prefix)
  await database.drop()
})

/** A cleanup locks and removes rows on the shards of a distributed store. */
const sent = (text: string) =>
  citusUrl && /for update|usage_history/.test(text) ? callAt(RUN, { text, values: [] }) : text

/** Runs statements as one that has this role, and takes them back. Gives the number of rows of the last. */
async function as(duty: Duty, ...statements: string[]): Promise<number | null> {
  const client = logins[duty] as pg.Client
  await client.query('begin')
  try {
    let rows: number | null = null
    for (const statement of statements) rows = (await client.query(sent(statement))).rowCount
    return rows
  } finally {
    await client.query('rollback')
  }
}

const INSERT_RUN = `insert into workflow_executions (workflow_name, user_id, mode, model_id)
  values ('w', 'u', 'Sales', 'm') returning execution_id`
const INSERT_STEP = `insert into workflow_steps (execution_id, step_id, step_number, step_name)
  values ('${RUN}', gen_random_uuid(), 2, 's')
  on conflict (execution_id, step_id) do update set status = excluded.status returning step_id`
const FINISH_STEP = `with step as (
    update workflow_steps set status = 'success', cost = 1, tokens_used = 2
    where execution_id = '${RUN}' and step_id = '${STEP}' returning cost, tokens_used
  ) update workflow_executions set total_cost = total_cost + step.cost, total_tokens = total_tokens + step.tokens_used
    from step where execution_id = '${RUN}'`
const INSERT_AUDIT = `insert into audit_logs (user_id, action_type, action_details) values ('u', 'a', 'd')`
const INSERT_METRIC = `insert into observability_metrics (user_id, metric_type, metric_value) values ('u', 'cost', 1)`
const INSERT_BILL = `insert into billing_records (user_id, model_id, billing_period) values ('u', 'm', '2026-11')`
const FOLD = `insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost,
    total_tokens, steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
  select date_bin('15 minutes', start_time, '2000-01-01Z'), user_id, workflow_name, mode, model_id, status, 1, total_cost,
    total_tokens, steps_total, steps_completed, steps_failed, 0, 0, start_time from removed returning 1 as one`
const REMOVE_RUN = `with removed as (
    delete from workflow_executions where execution_id = '${RUN}' returning *
  ) ${FOLD}`
const BEGIN_CLEANUP = `insert into wfstore_cleanups (cutoff) values (now())`
const FOLD_AUDIT = `insert into audit_history (quarter_start, user_id, entries)
  values ('2026-11-01Z', 'u', 1)`

describe('each can do its work', () => {
  it.each<[Duty, string, string[]]>([
    ['writer', 'begins a run', [INSERT_RUN]],
    ['writer', 'begins a step, however often', [INSERT_STEP]],
    ['writer', 'moves a step and the totals of its run in one statement', [FINISH_STEP]],
    ['writer', 'writes audit rows', [INSERT_AUDIT]],
    ['writer', 'writes metrics', [INSERT_METRIC]],
    ['writer', 'writes bills', [INSERT_BILL]],
    ['writer', 'marks bills as paid', [INSERT_BILL, 'update billing_records set paid = true']],
    ['writer', 'reads totals', ['select * from user_workflow_summary']],
    ['cleaner', 'locks runs', ['select from workflow_executions for update skip locked']],
    ['cleaner', 'folds a run into history and deletes it', [REMOVE_RUN]],
    ['cleaner', 'merges history', [REMOVE_RUN, 'delete from usage_history returning *']],
    ['cleaner', 'counts audit rows', [FOLD_AUDIT]],
    [
      'cleaner',
      'writes down how it went',
      [BEGIN_CLEANUP, `update wfstore_cleanups set outcome = 'done'`],
    ],
    ['cleaner', 'merges counts', [FOLD_AUDIT, 'delete from audit_history returning *']],
  ])('the %s %s', async (duty, _, statements) => {
    expect(await as(duty, ...statements)).toBe(1)
  })

  it.each([
    'delete from audit_logs',
    'delete from observability_metrics',
    'delete from workflow_steps',
  ])('the cleaner may %s', async (statement) => {
    await as('cleaner', statement)
  })

  it('the steps of a run that the cleaner deletes are deleted with it', async () => {
    const left = `select from workflow_steps where execution_id = '${RUN}'`
    expect(await as('cleaner', left)).toBe(1)
    expect(await as('cleaner', REMOVE_RUN, left)).toBe(0)
  })

  it.each(DUTIES)('the commands that read work for the %s', async (duty) => {
    const url = urlOf(`${prefix}_${duty}_login`)
    for (const words of [['list'], ['running'], ['show', RUN]]) {
      const result = await runCli(['executions', ...words, '--json', '--database-url', url])
      expect(result).toMatchObject({ code: 0, stderr: '' })
    }
  })
})

describe('the privileges of the cleaner', () => {
  it('are enough for a cleanup with an archive, its dry run and its history; restore is for the owner', async () => {
    const folder = dataFolder('roles')
    const url = urlOf(`${prefix}_cleaner_login`)
    const old = '2000-01-01Z'
    await database.sql(
      `with run as (
         insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time)
         select 'old', 'u', 'Sales', 'm', 'success', $1, $1 from generate_series(1, 3) returning execution_id
       ), steps as (
         insert into workflow_steps (execution_id, step_id, step_number, step_name) select execution_id, gen_random_uuid(), 1, 's' from run
       ), entries as (
         insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details) select execution_id, $1, 'u', 'a', 'd' from run
       )
       insert into observability_metrics (timestamp, user_id, metric_type, metric_value) values ($1, 'u', 'cost', 1)`,
      [old],
    )
    const cleanup = (...words: string[]) =>
      runCli(['cleanup', ...words, '--database-url', url], { cwd: folder })
    const wanted = ['--before', '2001-01-01', '--json']
    expect(await cleanup(...wanted, '--dry-run')).toMatchObject({ code: 0 })
    const { code, stdout, stderr } = await cleanup(
      ...wanted,
      '--keep-last',
      '1',
      '--archive',
      'old',
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout).removed).toEqual({ execution: 2, step: 2, audit: 2, metric: 1 })
    expect((await cleanup('history', '--no-headers', '--columns', 'outcome')).stdout).toBe('done\n')
    expect(await runCli(['restore', 'old', '--database-url', url], { cwd: folder })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('permission denied'),
    })
    const restored = await runCli(['restore', 'old', '--database-url', database.url], {
      cwd: folder,
    })
    expect(restored).toMatchObject({ code: 0 })
    expect((await cleanup(...wanted)).code).toBe(0)
    rmSync(folder, { recursive: true })
  })
})

describe('and nothing else', () => {
  const LOCK_METRICS = 'select from observability_metrics for update'
  const forbidden: Record<Duty, string[]> = {
    writer: [
      'delete from workflow_executions',
      'delete from billing_records',
      `update usage_history set runs = 0`,
      FOLD_AUDIT,
      BEGIN_CLEANUP,
      `update wfstore_migrations set name = 'x'`,
    ],
    reader: [INSERT_RUN, INSERT_AUDIT, FINISH_STEP, 'delete from audit_logs', LOCK_METRICS],
    cleaner: [
      INSERT_RUN,
      INSERT_AUDIT,
      INSERT_BILL,
      LOCK_METRICS,
      'update billing_records set paid = true',
      'delete from billing_records',
      `update workflow_executions set status = 'failed'`,
      'update usage_history set runs = 0',
      'delete from wfstore_migrations',
      'delete from wfstore_cleanups',
    ],
  }
  const forAll = [
    'create table mine (n int)',
    'drop table audit_logs',
    'truncate audit_logs',
    'alter table audit_logs disable trigger all',
    `create role ${prefix}_more`,
    'drop view user_workflow_summary',
  ]
  const cases = DUTIES.flatMap((duty) =>
    [...forbidden[duty], ...forAll].map((statement) => [duty, statement] as const),
  )
  it.each(cases)('the %s may not: %s', async (duty, statement) => {
    await expect(as(duty, statement)).rejects.toMatchObject({ code: '42501' })
  })

  it('every privilege on every table, view, sequence and column is the expected one', async () => {
    const objects = await database.sql(
      `select relname as name, relkind as kind from pg_class
       where relnamespace = 'public'::regnamespace
         and (relkind in ('r', 'p', 'v', 'm', 'f') or relname = 'wfstore_other_writes')`,
    )
    const expected = DUTIES.flatMap((duty) =>
      objects.flatMap(({ name }) =>
        `select, ${BEYOND_SELECT[duty][name as string] ?? ''}`
          .split(', ')
          .filter(Boolean)
          .map((privilege) => `${duty}: ${privilege} on ${name}`),
      ),
    )
    expect(await privileges(database, prefix)).toEqual(expected.sort())
    expect(objects.length).toBeGreaterThanOrEqual(10)
  })

  it('a group role has no login and cannot create or bypass anything', async () => {
    const rows = await database.sql(
      `select count(*)::int as n from pg_roles where rolname = any($1) and not
         (rolcanlogin or rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls)
         and has_schema_privilege(oid, 'public', 'usage') and not has_schema_privilege(oid, 'public', 'create')
         and not has_database_privilege(oid, current_database(), 'create')`,
      [DUTIES.map((duty) => `${prefix}_${duty}`)],
    )
    expect(rows).toEqual([{ n: 3 }])
  })

  it('docs/OPERATIONS.md lists exactly these privileges', () => {
    const text = readFileSync(new URL('../../../docs/OPERATIONS.md', import.meta.url), 'utf8')
    const said = [...text.matchAll(/^\| `(\w+)` +\| (select.*?) *\| (.*?) *\| (.*?) *\|$/gm)]
    const expected = [
      ...Object.keys(BEYOND_SELECT.writer).filter((name) => !name.startsWith('wfstore_')),
      'usage_history',
      'audit_history',
    ]
    const others = [
      'wfstore_periods',
      'wfstore_settings',
      'wfstore_cleanups',
      'wfstore_bill_lines',
      'wfstore_traces',
      'wfstore_spans',
      'wfstore_prices',
      'wfstore_model_rules',
      'wfstore_tokens',
      'wfstore_requests',
      'user_workflow_summary',
      'daily_cost_summary',
      'wfstore_migrations',
      'wfstore_other_writes',
    ]
    expect(said.map((row) => row.slice(1, 5).map((cell) => cell.replaceAll('`', '')))).toEqual(
      [...expected, ...others].map((name) => {
        const cells = DUTIES.map((duty) => BEYOND_SELECT[duty][name])
        return [name, ...cells.map((more) => (more ? `select, ${more}` : 'select'))]
      }),
    )
  })
})
