import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { type AlmostLegacy, almostLegacy } from '../../support/almost.ts'
import type { TestDatabase } from '../../support/database.ts'
import { migrate, schemaOf } from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'

let fresh: string
beforeAll(async () => {
  fresh = await freshSchema()
})

let almost: AlmostLegacy
let database: TestDatabase

beforeAll(async () => {
  almost = await almostLegacy('almost')
  database = almost.database
})

afterAll(() => database.drop())

const objects = (text: string, pattern: RegExp) =>
  text.split('\n').filter((line) => pattern.test(line))

describe('adoption completes, and gives the same schema as an empty database', () => {
  it.each([
    [
      'with an index, keys and a trigger renamed, and an index twice',
      `alter index idx_audit_logs_user rename to audit_by_user;
       create index again on audit_logs (user_id);
       alter table audit_logs rename constraint audit_logs_pkey to pk_audit;
       alter table workflow_steps rename constraint workflow_steps_pkey to pk_steps;
       alter table workflow_steps rename constraint workflow_steps_execution_id_fkey to fk_run;
       alter trigger update_workflow_steps_updated_at on workflow_steps rename to touch`,
    ],
    [
      'without some indexes, a trigger, the views, and a foreign key that goes anyway',
      `drop index idx_audit_logs_user, idx_billing_paid;
       drop trigger update_workflow_steps_updated_at on workflow_steps;
       drop view daily_cost_summary, user_workflow_summary;
       alter table audit_logs drop constraint audit_logs_step_id_fkey`,
    ],
    [
      'with columns of other types that convert without loss',
      `drop view user_workflow_summary, daily_cost_summary;
       alter table workflow_executions alter start_time type timestamptz, alter end_time type timestamptz(3),
         alter steps_total type bigint, alter steps_failed type smallint, alter workflow_type type char(12);
       alter table billing_records alter cost type numeric(20,10), alter user_id type text, alter tokens_total type bigint;
       alter table audit_logs alter tool_name type varchar(100) collate "C", alter metadata drop default,
         alter metadata type json, alter metadata set default '{}'`,
    ],
    [
      'with other defaults, and a column nullable that is never null',
      `alter table workflow_executions alter mode set default 'Sales', alter status drop default,
         alter metadata set default '[]', alter user_id drop not null`,
    ],
    [
      'with a check on status, the key of steps and a token class as they are to be',
      `alter table workflow_executions add check (status in ('running', 'success', 'failed', 'partial', 'cancelled'));
       alter table audit_logs drop constraint audit_logs_step_id_fkey;
       alter table workflow_steps drop constraint workflow_steps_pkey, add primary key (execution_id, step_id),
         add tokens_input integer default 0`,
    ],
  ])('%s', async (_, setup) => {
    await almost.make(setup)
    const run = 'select status, metadata::jsonb as metadata, workflow_type from workflow_executions'
    const before = await database.sql(run)
    expect((await migrate(database)).applied).toEqual([...MIGRATIONS])
    // A column that was there already keeps its place.
    const order = (text: string) => text.split('\n').sort().join('\n')
    expect(order(await schemaOf(database))).toBe(order(fresh))
    expect(await database.sql(run)).toEqual(
      before.map((row) => ({ ...row, workflow_type: 'autonomous' })),
    )
  })
})

describe('adoption completes, and keeps other objects of the application', () => {
  it('other tables that use the common trigger function', async () => {
    await almost.make(`
      create table customers (id int primary key, name text, updated_at timestamp);
      create trigger touch before update on customers for each row execute function update_updated_at_column();
      create index idx_customers on customers (name);
      insert into customers values (1, 'a', null)`)
    await migrate(database)
    await database.sql(`update customers set name = 'b'`)
    expect(
      await database.sql('select name, updated_at is not null as touched from customers'),
    ).toEqual([{ name: 'b', touched: true }])
  })

  it('a trigger with the common function on a table that had none', async () => {
    await almost.make(`
      alter table observability_metrics add column updated_at timestamptz;
      create trigger touch before update on observability_metrics
        for each row execute function update_updated_at_column()`)
    await migrate(database)
    await database.sql('update observability_metrics set metric_value = 2')
    expect(
      await database.sql('select updated_at is not null as touched from observability_metrics'),
    ).toEqual([{ touched: true }])
  })

  it('foreign keys to runs', async () => {
    await almost.make(`
      create table notes (run uuid references workflow_executions (execution_id), note text);
      insert into notes values ('${almost.run}', 'n')`)
    await migrate(database)
    await expect(database.sql('insert into notes values (gen_random_uuid())')).rejects.toThrow(
      'foreign key',
    )
  })

  it('columns, indexes, checks, unique keys and triggers on our tables, and lists them', async () => {
    await almost.make(`
      alter table workflow_executions add tenant text default 'main', add check (total_cost >= 0);
      alter table billing_records add constraint one_bill unique (execution_id, timestamp);
      create index by_tenant on workflow_executions (tenant, lower(user_id)) where end_time is null;
      create index covering on audit_logs (user_id) include (action_type);
      create function log_it() returns trigger language plpgsql as $$ begin return new; end $$;
      create trigger log_it after insert on audit_logs for each row execute function log_it();
      create statistics together on user_id, status from workflow_executions;
      create view ids as select execution_id from workflow_executions`)
    const { notices } = await migrate(database)
    expect(notices.at(-1)).toBe(
      'objects of the application that are kept: column workflow_executions.tenant, ' +
        'constraint workflow_executions_total_cost_check on workflow_executions, ' +
        'index by_tenant on workflow_executions, index covering on audit_logs, ' +
        'trigger log_it on audit_logs, constraint one_bill on billing_records',
    )
    const theirs = /tenant|total_cost_check|one_bill|covering|log_it|ids|\bexecution_id uuid$/
    const text = await schemaOf(database)
    expect(
      objects(text, /tenant|total_cost_check|one_bill|covering|log_it/).length,
    ).toBeGreaterThanOrEqual(6)
    expect(
      objects(fresh, /./).filter((line) => !text.split('\n').includes(line) && !theirs.test(line)),
    ).toEqual([])
    expect(await database.sql('select * from ids')).toEqual([{ execution_id: almost.run }])
  })
})
