import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import type { WfstoreError } from '../../../src/error.ts'
import { type AlmostLegacy, almostLegacy } from '../../support/almost.ts'
import type { TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'
import { startOldWriter } from '../../support/old-writer.ts'

let almost: AlmostLegacy
let database: TestDatabase

beforeAll(async () => {
  almost = await almostLegacy('values')
  database = almost.database
})

afterAll(() => database.drop())

const STEP = '00000000-0000-4000-8000-000000000002'
const stopOf = (): Promise<WfstoreError> =>
  migrate(database).then(
    () => expect.unreachable('it should have stopped'),
    (error) => error,
  )
const fixesOf = ({ hint = '' }: WfstoreError) =>
  hint.replace('nothing was changed; to fix this: ', '')

describe('amounts and times that are not finite', () => {
  const broken: [name: string, setup: string, says: string][] = [
    [
      'the cost of a step',
      `update workflow_steps set cost = 'NaN'`,
      `workflow_steps has 1 row where cost is NaN or infinite: step_id ${STEP}`,
    ],
    [
      'the total of a run',
      `update workflow_executions set total_cost = 'NaN'`,
      'workflow_executions has 1 row where total_cost is NaN or infinite: execution_id 00000000-0000-4000-8000-000000000001',
    ],
    [
      'the cost of a bill',
      `update billing_records set cost = 'NaN'`,
      'billing_records has 1 row where cost is NaN or infinite: billing_id ',
    ],
    [
      'the cost of an audit entry',
      `update audit_logs set cost = 'NaN'`,
      'audit_logs has 1 row where cost is NaN or infinite: log_id ',
    ],
    [
      'a metric',
      `update observability_metrics set metric_value = 'NaN'`,
      'observability_metrics has 1 row where metric_value is NaN or infinite: metric_id ',
    ],
    [
      'an infinite amount, where the column allows one',
      `drop view daily_cost_summary; alter table billing_records alter cost type numeric; update billing_records set cost = '-Infinity'`,
      'billing_records has 1 row where cost is NaN or infinite: billing_id ',
    ],
    ...[
      'workflow_executions.start_time',
      'workflow_executions.end_time',
      'workflow_executions.created_at',
      'workflow_executions.updated_at',
      'workflow_steps.start_time',
      'workflow_steps.end_time',
      'audit_logs.timestamp',
      'observability_metrics.timestamp',
      'billing_records.timestamp',
    ].flatMap((name): [string, string, string][] => {
      const [table = '', column] = name.split('.')
      return ['infinity', '-infinity'].map((value) => [
        `${value} in ${name}`,
        `alter table ${table} disable trigger user; update ${table} set ${column} = '${value}'; alter table ${table} enable trigger user`,
        `${table} has 1 row where ${column} is infinite: `,
      ])
    }),
  ]

  it.each(broken)(
    '%s is an obstacle that names the row, and the printed fix works',
    async (_, setup, says) => {
      await almost.make(setup)
      const error = await stopOf()
      expect(error.message).toContain(says)
      await database.sql(fixesOf(error))
      expect((await migrate(database)).applied).toEqual([...MIGRATIONS])
    },
  )

  it('at most five rows are named, with the number of the others', async () => {
    await almost.make(
      `insert into observability_metrics (user_id, metric_type, metric_value) select 'u', 'cost', 'NaN' from generate_series(1, 8)`,
    )
    const { message } = await stopOf()
    expect(message).toMatch(
      /observability_metrics has 8 rows where metric_value is NaN or infinite: metric_id ([0-9a-f-]{36}, ){4}[0-9a-f-]{36} and 3 others$/,
    )
  })

  it('the fix of a total is the sum of its steps, and that of a bill the cost of its run', async () => {
    await almost.make(
      `update workflow_steps set cost = 1.5; update workflow_executions set total_cost = 'NaN'; update billing_records set cost = 'NaN'`,
    )
    await database.sql(fixesOf(await stopOf()))
    await migrate(database)
    expect(
      await database.sql(
        'select total_cost, cost from workflow_executions join billing_records using (execution_id)',
      ),
    ).toEqual([{ total_cost: '1.500000', cost: '1.500000' }])
  })

  it('afterwards the tables refuse them', async () => {
    await almost.make('')
    await migrate(database)
    for (const [table, column] of [
      ['workflow_executions', 'total_cost'],
      ['workflow_steps', 'cost'],
      ['audit_logs', 'cost'],
      ['observability_metrics', 'metric_value'],
      ['billing_records', 'cost'],
    ]) {
      for (const value of ['NaN', 'Infinity', '-Infinity'])
        await expect(database.sql(`update ${table} set ${column} = '${value}'`)).rejects.toThrow(
          `violates check constraint "${table}_finite"`,
        )
    }
  })
})

describe('bills whose month is invalid', () => {
  it('are an obstacle that names them; the fix gives each the month of its time and keeps the given text', async () => {
    await almost.make(`update billing_records set billing_period = 'abc', timestamp = '2026-10-31 23:30', metadata = null;
      insert into billing_records (user_id, model_id, billing_period, timestamp, metadata)
        values ('u', 'm', '2026-13', '2026-11-01 00:30', '{"a": 1}'), ('u', 'm', '2026-1', '2026-01-05', '[1]')`)
    const error = await stopOf()
    expect(error.message).toMatch(
      /billing_records has 3 rows where billing_period is not a month: billing_id ([0-9a-f-]{36}(, )?){3}$/,
    )
    await database.sql(fixesOf(error))
    await migrate(database, { legacyTimeZone: 'Europe/Berlin' })
    expect(
      await database.sql(
        'select billing_period as month, metadata from billing_records order by timestamp',
      ),
    ).toEqual([
      { month: '2026-01', metadata: [1, { given_billing_period: '2026-1' }] },
      { month: '2026-10', metadata: { given_billing_period: 'abc' } },
      { month: '2026-11', metadata: { a: 1, given_billing_period: '2026-13' } },
    ])
  })

  it('with an infinite time too, the fixes work in their order', async () => {
    await almost.make(
      `update billing_records set billing_period = '', timestamp = 'infinity', created_at = '2026-10-05'`,
    )
    await database.sql(fixesOf(await stopOf()))
    await migrate(database)
    expect(await database.sql('select billing_period as month from billing_records')).toEqual([
      { month: '2026-10' },
    ])
  })

  it('in a table whose times have a zone, have the month of that zone', async () => {
    await almost.make(`drop view daily_cost_summary;
      alter table billing_records alter timestamp type timestamptz;
      update billing_records set billing_period = 'abc', timestamp = '2026-10-31T23:30Z'`)
    const stop = await migrate(database, { legacyTimeZone: 'Europe/Berlin' }).catch(
      (error) => error,
    )
    await database.sql(fixesOf(stop))
    expect(await database.sql('select billing_period as month from billing_records')).toEqual([
      { month: '2026-11' },
    ])
  })

  it('are never in a store, so the check holds for all bills and every bill can be paid', async () => {
    await almost.make('')
    await migrate(database)
    expect(
      await database.sql(
        `select conname from pg_constraint where contype = 'c' and not convalidated`,
      ),
    ).toEqual([])
    for (const month of ['2026-13', '2026-00', 'abc', '2026-1'])
      await expect(
        database.sql(
          `insert into billing_records (user_id, model_id, billing_period) values ('u', 'm', '${month}')`,
        ),
      ).rejects.toThrow('billing_records_month')
    await database.sql('update billing_records set paid = true')
  })

  it('stop a migration that validates the check, and the error says who names them', async () => {
    await almost.make('')
    await migrate(database)
    // As an adoption left them that did not look at months.
    await database.sql(`alter table billing_records drop constraint billing_records_month;
      update billing_records set billing_period = 'abc';
      alter table billing_records add constraint billing_records_month check (billing_period ~ '^\\d{4}-(0[1-9]|1[0-2])$') not valid;
      delete from wfstore_migrations where name >= '006_values'`)
    const error = await stopOf()
    expect(error.message).toContain('billing_records_month')
    expect(error.hint).toBe(
      '`wfstore doctor --full` names the rows and prints the statements that change them (check values)',
    )
  })
})

describe('steps without a run', () => {
  const lost = `insert into workflow_steps (step_id, execution_id, step_number, step_name)
    values ('${STEP.replace(/2$/, '9')}', 'a0000000-0000-4000-8000-000000000001', 1, 's')`
  const says = `workflow_steps has 1 row whose run does not exist: step_id ${STEP.replace(/2$/, '9')}`

  it.each([
    ['no foreign key', ''],
    [
      'a foreign key that is not valid',
      'alter table workflow_steps add constraint workflow_steps_execution_id_fkey foreign key (execution_id) references workflow_executions (execution_id) on delete cascade not valid',
    ],
  ])('are named also with %s, and the printed fixes work', async (_, key) => {
    await almost.make(
      `alter table workflow_steps drop constraint workflow_steps_execution_id_fkey; ${lost}; ${key}`,
    )
    const error = await stopOf()
    expect(error.message).toContain(says)
    await database.sql(fixesOf(error))
    await migrate(database)
    expect(await database.sql('select count(*)::int from workflow_steps')).toEqual([{ count: 2 }])
  })
})

it('a step without a run gets one, and no step and no cost is lost', async () => {
  await almost.make(`alter table workflow_steps drop constraint workflow_steps_execution_id_fkey;
    update workflow_steps set cost = 2, tokens_used = 7;
    insert into workflow_steps (execution_id, step_number, step_name, cost, tokens_used, status)
      select 'a0000000-0000-4000-8000-000000000001', n, 's', 1.25, 10, 'success' from generate_series(1, 2) n`)
  await database.sql(fixesOf(await stopOf()))
  await migrate(database)
  expect(
    await database.sql(
      `select total_cost, total_tokens, steps_total, steps_completed, status from workflow_executions where workflow_name = 'unknown'`,
    ),
  ).toEqual([
    {
      total_cost: '2.500000',
      total_tokens: '20',
      steps_total: 2,
      steps_completed: 2,
      status: 'failed',
    },
  ])
  expect(await database.sql('select sum(cost) from workflow_steps')).toEqual([{ sum: '4.500000' }])
})

it('the statements of the old application work under the new checks', async () => {
  await almost.make('')
  await migrate(database)
  const writer = await startOldWriter(database)
  await writer.more(5)
  await writer.stop()
  expect(
    await database.sql(
      `select status, count(*)::int from workflow_executions where workflow_name = 'live' group by 1`,
    ),
  ).toEqual([{ status: 'success', count: writer.written.length }])
})
