import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { onShards } from '../../../src/db/distributed/at.ts'
import { literal } from '../../../src/db/query/sql.ts'
import { uuid } from '../../cleanup/cleanup-support.ts'
import { fill } from '../../db/values-support.ts'
import { citusUrl } from '../../support/citus.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { applyFix, detailsOf, findingOf } from './support.ts'

let store: TestDatabase
/** The checks of amounts, times and months, and the key of steps. */
let checks: { table: string; name: string; text: string }[]

beforeAll(async () => {
  store = await createMigrated('doctor_values')
  const found = await store.sql(
    `select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as text from pg_constraint
     where conrelid::regclass::text !~ '_\\d+$' and (conname ~ '_(finite|month)$' or contype = 'f' and conrelid = 'workflow_steps'::regclass)`,
  )
  checks = found as typeof checks
})
afterAll(() => store.drop())

const dropChecks = async () => {
  for (const { table, name } of checks)
    await store.sql(`alter table ${table} drop constraint if exists ${name}`)
}
/** Without reading the rows: the checks then hold for new and changed rows. */
const addChecks = async (rest = ' not valid') => {
  for (const { table, name, text } of checks)
    await store.sql(`alter table ${table} add constraint ${name} ${text}${rest}`)
}
const quietly = (statement: string) =>
  store.sql(`begin; set local wfstore.keeps_totals = 'on'; ${statement}; commit`)

beforeEach(async () => {
  await dropChecks()
  await fill(store, uuid(1))
  await quietly(`update workflow_steps set step_id = replace(execution_id::text, '-7000-', '-7001-')::uuid, cost = 1;
    update workflow_executions set total_cost = 1, total_tokens = 0`)
})

const step = uuid(2).replace('-7000-', '-7001-')
const values = (options = {}) => findingOf(store, 'values', options)

describe('values', () => {
  it('without wrong values the check is ok, also in an empty store', async () => {
    expect(await values()).toMatchObject({
      state: 'ok',
      finding: 'no wrong value in 9 rows of all ages',
      fix: null,
    })
    await store.sql(
      'truncate workflow_executions, workflow_steps, audit_logs, observability_metrics, billing_records cascade',
    )
    expect(await values()).toMatchObject({ state: 'ok', finding: 'there are no rows' })
  })

  const harmful: [name: string, setup: string, says: string][] = [
    [
      'NaN in a step',
      `update workflow_steps set cost = 'NaN' where step_id = '${step}'`,
      `workflow_steps has 1 row where cost is NaN or infinite: step_id ${step}`,
    ],
    [
      'an infinite total',
      `update workflow_executions set total_cost = 'Infinity' where execution_id = '${uuid(2)}'`,
      `workflow_executions has 1 row where total_cost is NaN or infinite: execution_id ${uuid(2)}`,
    ],
    [
      'an infinite time',
      `update workflow_executions set start_time = '-infinity' where execution_id = '${uuid(2)}'`,
      `workflow_executions has 1 row where start_time is infinite: execution_id ${uuid(2)}`,
    ],
    [
      'NaN in an entry',
      `update audit_logs set cost = 'NaN'`,
      `audit_logs has 1 row where cost is NaN or infinite: log_id ${uuid(4)}`,
    ],
    [
      'NaN in a metric',
      `update observability_metrics set metric_value = 'NaN'`,
      `observability_metrics has 1 row where metric_value is NaN or infinite: metric_id ${uuid(6)}`,
    ],
    [
      'NaN in a bill',
      `update billing_records set cost = 'NaN'`,
      `billing_records has 1 row where cost is NaN or infinite: billing_id ${uuid(5)}`,
    ],
    [
      'an invalid month',
      `update billing_records set billing_period = '2024-Q1'`,
      `billing_records has 1 row where billing_period is not a month: billing_id ${uuid(5)}`,
    ],
    [
      'a step without a run',
      `delete from workflow_executions where execution_id = '${uuid(2)}'`,
      `workflow_steps has 1 row whose run does not exist: step_id ${step}`,
    ],
  ]

  it.each(harmful)('%s is named, and the fix works under the checks', async (_, setup, says) => {
    await quietly(setup)
    await addChecks()
    const finding = await values()
    expect(finding).toMatchObject({
      state: 'failed',
      finding: expect.stringMatching(/; read [789] rows of all ages, with --full all$/),
    })
    expect(finding.finding.startsWith(says)).toBe(true)
    expect(detailsOf(finding).faults).toMatchObject([{ rows: 1, ids: [says.split(' ').at(-1)] }])
    await applyFix(store, finding)
    expect(await values()).toMatchObject({ state: 'ok' })
    for (const { table, name } of checks)
      await store.sql(`alter table ${table} validate constraint ${name}`)
  })

  it('many faults of one row are fixed by one statement, which the checks accept', async () => {
    await quietly(`update workflow_executions set total_cost = 'NaN', start_time = 'infinity', end_time = '-infinity';
      update workflow_steps set cost = 'NaN', end_time = 'infinity' where step_id <> '${step}';
      update billing_records set cost = 'NaN', timestamp = 'infinity', created_at = '2024-03-05Z', billing_period = ''`)
    await addChecks()
    const finding = await values({ full: true })
    expect(finding.finding).toMatch(/and 5 more; read 9 rows$/)
    await applyFix(store, finding)
    expect(await values()).toMatchObject({ state: 'ok' })
    expect(
      await store.sql('select billing_period as month, cost, metadata from billing_records'),
    ).toEqual([{ month: '2024-03', cost: '0', metadata: { given_billing_period: '' } }])
    expect(
      await store.sql('select total_cost from workflow_executions order by execution_id'),
    ).toEqual([{ total_cost: '0' }, { total_cost: '1' }, { total_cost: '0' }])
    expect(await findingOf(store, 'totals')).toMatchObject({ state: 'ok' })
  })

  it('a bill of a closed month goes to the current month, and the closed one is recorded', async () => {
    await quietly(`update billing_records set billing_period = 'January'`)
    await store.sql(`select wfstore_close('2024-01')`)
    await addChecks()
    await applyFix(store, await values())
    expect(
      await store.sql(
        `select billing_period = to_char(now() at time zone 'UTC', 'YYYY-MM') as current, original_period, metadata from billing_records`,
      ),
    ).toEqual([
      {
        current: true,
        original_period: '2024-01',
        metadata: { given_billing_period: 'January' },
      },
    ])
    await store.sql('truncate wfstore_periods')
  })

  it('values that are probably wrong are a warning, and their statement leaves the right value open', async () => {
    await quietly(`update workflow_executions set total_tokens = -1, end_time = '2024-01-10Z' where execution_id = '${uuid(1)}';
      update workflow_steps set tokens_used = -2, tokens_input = -3 where step_id = '${step}';
      update billing_records set tokens_total = -4`)
    const finding = await values()
    expect(finding.state).toBe('warning')
    const found = detailsOf(finding).faults.map(({ what }: { what: string }) => what)
    const wanted = [
      'where end_time is before start_time',
      'where total_tokens is negative',
      'where tokens_used is negative',
      'where tokens_input is negative',
      'where tokens_total is negative',
    ]
    // The shards are read one after the other.
    expect(citusUrl ? found.sort() : found).toEqual(citusUrl ? wanted.sort() : wanted)
    for (const statement of finding.fix?.split('; ') ?? [])
      expect(statement).toMatch(
        citusUrl
          ? /^(begin|commit|select wfstore_at\(.*update \S+ set \w+ = \.\.\. where .*)$/
          : /^update public\.\w+ set \w+ = \.\.\. where /,
      )
  })

  it('a correction below 0 is right', async () => {
    await store.sql(
      `insert into billing_records (user_id, model_id, billing_period, tokens_total, cost, corrects) values ('u', 'm', '2024-01', -5, -1, $1)`,
      [uuid(5)],
    )
    expect(await values()).toMatchObject({ state: 'ok' })
  })

  it('a history with NaN is named, and only a person can know its sum', async () => {
    await store.sql(
      `insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens, steps_total,
         steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
       values ('2024-01-01Z', 'u', 'w', 'x', 'm', 'success', 1, 'NaN', 0, 0, 0, 0, 0, 0, '2024-01-01Z')`,
    )
    const finding = await values()
    expect(finding.finding).toMatch(
      /^usage_history has 1 row where total_cost is NaN or infinite: history_id \d+/,
    )
    const one = `update public.usage_history set total_cost = ... where total_cost in ('NaN', 'Infinity', '-Infinity')`
    if (citusUrl) expect(finding.fix).toContain(literal(onShards(one)).slice(1, -1))
    else expect(finding.fix).toBe(one)
  })

  it('a sample has rows of all ages; --full reads all, and names five ids', async () => {
    await store.sql(`truncate audit_logs;
      insert into audit_logs (timestamp, user_id, action_type, action_details) select '2024-01-01Z'::timestamptz + n * interval '1 hour', 'u', 'a', 'd' from generate_series(1, 5000) n`)
    const { read } = detailsOf(await values())
    expect(read).toBeGreaterThan(900)
    expect(read).toBeLessThan(1020)
    // The oldest, the newest, and seven that no sample has.
    await store.sql(`update audit_logs set cost = 'NaN' where timestamp in ('2024-01-01 01:00Z', '2024-01-01Z'::timestamptz + interval '5000 hours')
      or timestamp between '2024-01-01Z'::timestamptz + interval '25 hours' and '2024-01-01Z'::timestamptz + interval '31 hours'`)
    expect(detailsOf(await values()).faults).toMatchObject([{ table: 'audit_logs', rows: 2 }])
    const full = await values({ full: true })
    expect(detailsOf(full).faults).toMatchObject([{ table: 'audit_logs', rows: 9 }])
    expect(full.finding).toMatch(
      /^audit_logs has 9 rows where cost is NaN or infinite: log_id (\S+, ){4}\S+ and 4 others; read 5,008 rows$/,
    )
  })

  it('the command prints it, also as JSON, with exit code 1', async () => {
    await quietly(`update workflow_steps set cost = 'NaN' where step_id = '${step}'`)
    const run = (...words: string[]) =>
      runCli(['doctor', '--database-url', store.url, '--stuck-after', '10000d', ...words])
    const { code, stdout } = await run('--json')
    expect(code).toBe(1)
    const found = JSON.parse(stdout).find(({ check }: { check: string }) => check === 'values')
    expect(found).toMatchObject({
      state: 'failed',
      details: {
        full: false,
        faults: [
          {
            table: 'workflow_steps',
            what: 'where cost is NaN or infinite',
            rows: 1,
            key: 'step_id',
            ids: [step],
          },
        ],
      },
    })
  })
})
