import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import type { WfstoreError } from '../../../src/error.ts'
import { type AlmostLegacy, almostLegacy } from '../../support/almost.ts'
import type { TestDatabase } from '../../support/database.ts'
import { everythingOf, migrate, migrateOn, withClient } from '../../support/migrate.ts'

let almost: AlmostLegacy
let database: TestDatabase

beforeAll(async () => {
  almost = await almostLegacy('stops')
  database = almost.database
})

afterAll(() => database.drop())

interface Stop {
  name: string
  setup: string
  /** What the message contains. */
  says: RegExp
  /** False if no statement fixes it. */
  fixes?: boolean
  /** Cannot be combined with the others. */
  alone?: boolean
}

describe('adoption stops before the first change, names every obstacle and prints the fix', () => {
  const stops: Stop[] = [
    {
      name: 'a column missing',
      setup: 'alter table workflow_steps drop column error_message',
      says: /workflow_steps has no column error_message$/,
    },
    {
      name: 'columns missing in several tables',
      setup:
        'alter table audit_logs drop column tool_name, drop column cost; alter table observability_metrics drop column dimensions',
      says: /audit_logs has no columns tool_name, cost;.* observability_metrics has no column dimensions$/,
    },
    {
      name: 'a column of a type that does not convert without loss',
      alone: true,
      setup:
        'drop view user_workflow_summary; alter table workflow_executions alter total_cost type double precision',
      says: /workflow_executions.total_cost is double precision, not numeric$/,
    },
    {
      name: 'status as an enum',
      alone: true,
      setup: `drop view user_workflow_summary; create type state as enum ('running', 'done');
        alter table workflow_executions alter status drop default, alter status type state using 'running'`,
      says: /workflow_executions.status is state, not text$/,
    },
    {
      name: 'a count that is too large',
      setup: `alter table workflow_executions alter steps_total type bigint; update workflow_executions set steps_total = 3000000000`,
      says: /workflow_executions has 1 row where steps_total is out of range for integer$/,
      fixes: false,
    },
    {
      name: 'a column of ours that is generated',
      setup: `alter table workflow_steps drop column duration_ms;
        alter table workflow_steps add column duration_ms integer generated always as (1) stored`,
      says: /workflow_steps.duration_ms is a generated column, and wfstore must be able to write it/,
      fixes: false,
    },
    {
      name: 'a column of the application that our rows do not set',
      setup: `alter table audit_logs add column tenant text not null default 'x'; alter table audit_logs alter tenant drop default`,
      says: /audit_logs.tenant is not a column of wfstore and is NOT NULL without a default/,
    },
    {
      name: 'unknown statuses',
      setup: `update workflow_executions set status = 'done'; update workflow_steps set status = E'o\\nk'`,
      says: /workflow_executions has unknown values of status: "done" \(1 row\); workflow_steps has unknown values of status: "o\\nk" \(1 row\)$/,
    },
    {
      name: 'NULL where a value is needed',
      setup:
        'alter table billing_records alter cost drop not null; update billing_records set cost = null',
      says: /billing_records has 1 row where cost is NULL$/,
    },
    {
      name: 'no primary key',
      setup: 'alter table observability_metrics drop constraint observability_metrics_pkey',
      says: /observability_metrics has no primary key on metric_id$/,
    },
    {
      name: 'no primary key and a value twice',
      setup:
        'alter table observability_metrics drop constraint observability_metrics_pkey; insert into observability_metrics select * from observability_metrics',
      says: /observability_metrics has 1 duplicate value of \(metric_id\); .* no primary key on metric_id$/,
      fixes: false,
    },
    {
      name: 'another primary key',
      setup:
        'alter table audit_logs drop constraint audit_logs_pkey, add primary key (timestamp, log_id)',
      says: /the primary key audit_logs_pkey of audit_logs is PRIMARY KEY \("timestamp", log_id\), not PRIMARY KEY \(log_id\)$/,
      fixes: false,
    },
    {
      name: 'steps without their foreign key, and without their run',
      setup: `alter table workflow_steps drop constraint workflow_steps_execution_id_fkey;
        insert into workflow_steps (execution_id, step_number, step_name) values (gen_random_uuid(), 1, 's')`,
      says: /workflow_steps has 1 row whose run does not exist: step_id .* workflow_steps has no foreign key on execution_id$/,
    },
    {
      name: 'a foreign key that does not cascade',
      setup: `alter table workflow_steps drop constraint workflow_steps_execution_id_fkey,
        add constraint own foreign key (execution_id) references workflow_executions`,
      says: /the foreign key own of workflow_steps is FOREIGN KEY .*, not FOREIGN KEY .* ON DELETE CASCADE$/,
      fixes: false,
    },
    {
      name: 'a materialized view, and a column with the rows of a view',
      setup: `create materialized view costs as select user_id, sum(cost) from billing_records group by 1;
        create view slow as select * from workflow_steps where duration_ms > 1000; create table copies (slow slow)`,
      says: /column slow of table copies depends on type slow; materialized view costs depends on column user_id of table billing_records/,
      fixes: false,
    },
    {
      name: 'a view that groups by the old key of steps',
      setup:
        'create view retried as select step_id, retry_count from workflow_steps group by step_id',
      says: /view retried cannot be created again for the new types: column "workflow_steps.retry_count" must appear in the GROUP BY clause/,
      fixes: false,
    },
    {
      name: 'a rule',
      setup: 'create rule no_delete as on delete to billing_records do instead nothing',
      says: /rule no_delete on billing_records/,
    },
    {
      name: 'a policy that has no meaning for the new types',
      setup: `create function is_small(tokens integer) returns boolean language sql as 'select tokens < 10';
        create policy small on workflow_steps using (is_small(tokens_used))`,
      says: /policy small on workflow_steps cannot be created again for the new types: function is_small\(bigint\) does not exist/,
      fixes: false,
    },
    {
      name: 'a generated column of theirs',
      setup: `alter table audit_logs add column upper_user text generated always as (upper(user_id)) stored`,
      says: /generated column upper_user of audit_logs depends on column user_id/,
      fixes: false,
    },
    {
      name: 'a publication of steps without a column of the new key',
      setup: 'create publication theirs for table workflow_steps (step_id, status)',
      says: /the columns of workflow_steps in publication theirs lack execution_id, which becomes part of its key/,
      fixes: false,
    },
    {
      name: 'a foreign key to steps',
      setup: 'create table notes (step uuid constraint to_step references workflow_steps)',
      says: /foreign key to_step of notes references the key \(step_id\) of workflow_steps, which adoption replaces/,
      fixes: false,
    },
    {
      name: 'rows of ours in a column of theirs',
      setup: 'create table copies (old workflow_steps)',
      says: /column old of copies holds rows of workflow_steps/,
      fixes: false,
    },
    {
      name: 'an index that cannot be rebuilt for the new type',
      setup: 'create index by_day on audit_logs (user_id, (timestamp::date))',
      says: /index by_day of audit_logs cannot be rebuilt for the new types: functions in index expression must be marked IMMUTABLE/,
      fixes: false,
    },
    {
      name: 'an inherited table',
      setup: 'create table more () inherits (audit_logs)',
      says: /audit_logs is a parent, a child or a partition of another table/,
      fixes: false,
    },
    {
      name: 'a partitioned table',
      setup: `drop table observability_metrics; create table observability_metrics (metric_id uuid) partition by hash (metric_id)`,
      says: /observability_metrics is a partitioned table/,
      fixes: false,
    },
    {
      name: 'an unlogged table',
      setup: 'alter table observability_metrics set unlogged',
      says: /observability_metrics is unlogged/,
    },
    {
      name: 'names that are taken',
      setup: `create table audit_history (a int); create index audit_logs_failed_idx on audit_logs (action_details);
        alter table audit_logs rename constraint audit_logs_pkey to pk; create index audit_logs_pkey on audit_logs (log_id)`,
      says: /audit_history already exists \(a table\); audit_logs_failed_idx already exists \(an index\); audit_logs_pkey already exists \(an index\)/,
    },
    {
      name: 'a view of the old name with other columns',
      setup: 'drop view daily_cost_summary; create view daily_cost_summary as select 1 as cost',
      says: /daily_cost_summary is not the view of the old application/,
    },
    {
      name: 'a trigger of the old name that does something else',
      setup: `drop trigger update_workflow_steps_updated_at on workflow_steps;
        create trigger update_workflow_steps_updated_at after update on workflow_steps
          for each row execute function update_updated_at_column()`,
      says: /trigger update_workflow_steps_updated_at on workflow_steps is not the one of the old application/,
    },
    {
      name: 'the old key of steps as replica identity',
      setup: 'alter table workflow_steps replica identity using index workflow_steps_pkey',
      says: /the replica identity of workflow_steps is its old primary key, which adoption replaces/,
    },
  ]

  it.each(stops)('$name', async ({ setup, says }) => {
    await almost.make(setup)
    const before = await everythingOf(database)
    const error = await stopOf()
    expect(error).toMatchObject({ code: 'schema_differs', message: expect.stringMatching(says) })
    expect(error.message).not.toContain('\n')
    expect(error.hint).not.toMatch(/\b(drop (?!not null)|truncate|delete from|cascade)\b/)
    expect(await everythingOf(database)).toBe(before)
  })

  it.each(stops.filter(({ alone }) => alone))('the printed fix works: $name', async ({ setup }) => {
    await almost.make(setup)
    await followAdvice(await stopOf())
  })

  it('all at once: every obstacle is named, and the printed fixes work together', async () => {
    const together = stops.filter(({ fixes = true, alone = false }) => fixes && !alone)
    await almost.make(together.map(({ setup }) => setup).join(';'))
    const error = await stopOf()
    for (const { says } of together)
      expect(error.message).toMatch(new RegExp(says.source.replace(/\$$/, '')))
    await followAdvice(error)
  })
})

async function followAdvice({ hint = '' }: WfstoreError): Promise<void> {
  const lead = 'nothing was changed; to fix this: '
  expect(hint.startsWith(lead)).toBe(true)
  const statements = hint.slice(lead.length)
  await database.sql(
    statements
      .replaceAll(/ \([^()]*afterwards\)| \(with one of [^()]*\)/g, '')
      .replaceAll('status = ... where', "status = 'failed' where"),
  )
  expect((await migrate(database)).applied).toEqual([...MIGRATIONS])
}

async function stopOf(): Promise<WfstoreError> {
  return migrate(database).then(
    () => expect.unreachable('it should have stopped'),
    (error) => error,
  )
}

it('a role that does not own the tables is refused', async () => {
  const role = `${database.name}_deploy`
  await almost.make('')
  await database.sql(`create role ${role} login; grant usage on schema public to ${role};
    grant all on all tables in schema public to ${role}`)
  const before = await everythingOf(database)
  await expect(
    withClient(database, async (client) => {
      await client.query(`set role ${role}`)
      await migrateOn(client)
    }),
  ).rejects.toMatchObject({
    code: 'permission_denied',
    message: expect.stringMatching(
      new RegExp(
        `role ${role} is not the owner of workflow_executions; .*role ${role} may not create objects in schema public`,
      ),
    ),
  })
  expect(await everythingOf(database)).toBe(before)
  await database.sql(`drop owned by ${role}; drop role ${role}`)
})
