import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { compareSchema, type Difference, isFault } from '../../../src/db/verify/compare.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createMigrated } from '../../support/migrated.ts'
import { accepted, damages } from './damages.ts'

let database: TestDatabase
let client: pg.Client

beforeEach(async () => {
  database = await createMigrated('verify')
  client = await database.connect()
})

afterEach(async () => {
  await client.end()
  await database.drop()
})

const compare = () => compareSchema(client, 'public')

/** One at a time, as psql does: an index is not built concurrently among others. */
async function run(script: string | null): Promise<void> {
  for (const statement of splitStatements(script ?? '')) await client.query(statement)
}

/** Removes what the damage has left: an object that a fix has renamed, or one of the application. */
async function tidyUp(): Promise<void> {
  const { rows } = await client.query(
    `select relkind from pg_class where relname = 'daily_cost_summary_own'`,
  )
  if (rows[0])
    await run(`drop ${rows[0].relkind === 'm' ? 'materialized ' : ''}view daily_cost_summary_own`)
  await run('drop function if exists wfstore_set_updated_at_own()')
  for (const { kind, name } of await compare()) {
    const [table, own] = name.split('.').map((word) => `"${word}"`)
    if (kind === 'index') await run(`drop index ${own}`)
    else if (kind === 'trigger') await run(`drop trigger ${own} on ${table}`)
    else await run(`alter table ${table} drop ${kind} ${own}`)
  }
}

const describeAll = (differences: Difference[]) =>
  differences
    .map(
      ({ kind, name, state, expected, found, fix }) =>
        `${kind} ${name} ${state}\n  expected: ${expected}\n  found: ${found}\n${fix ?? '-- nothing to fix'}\n`,
    )
    .join('')

/** Without what src/db/verify/expected.json has already: the text of a table, of a view. */
const shortened = (text: string) =>
  text
    .replaceAll(/^(create (?:table|view) \w+)[^;]*;/gm, '$1 …;')
    .replaceAll(/^( {2}expected: SELECT)[^;]*?(?=\n {2}found:)/gm, '$1 …')

it.each(Object.entries(damages))(
  'damaged %s are listed as in test/golden/verify, and the fixes repair them',
  async (group, statements) => {
    const told: string[] = []
    for (const damage of accepted(statements)) {
      await run(damage)
      const differences = await compare()
      const text = describeAll(differences)
      told.push(`-- ${damage}\n\n${group === 'tables' ? shortened(text) : text}`)
      expect(differences.length, damage).toBeGreaterThan(0)
      expect(differences.every(isFault), damage).toBe(group !== 'extras')
      for (const { fix } of differences) await run(fix)
      expect((await compare()).filter(isFault), damage).toEqual([])
      await tidyUp()
      expect(await compare(), damage).toEqual([])
    }
    // On a cluster the texts are others: columns, shards, a setting for triggers.
    if (!citusUrl) expectGolden(`verify/${group}.sql`, told.join('\n'))
  },
)

it('a missing table is created again with its columns, keys and indexes', async () => {
  await run('drop table audit_history')
  const [difference] = await compare()
  expect(difference?.fix).toBe(`create table audit_history (
  history_id bigint not null generated always as identity,
  quarter_start timestamp with time zone not null,
  user_id text not null,
  entries bigint not null,
  constraint audit_history_finite CHECK (isfinite(quarter_start)),
  constraint audit_history_pkey PRIMARY KEY (user_id, quarter_start, history_id)
);`)
})

it.skipIf(!citusUrl)('Citus keeps a generated column, so it has no fix', async () => {
  await run(
    `alter table workflow_steps drop column result;
     alter table workflow_steps add column result jsonb generated always as (tool_parameters) stored`,
  )
  expect(await compare()).toMatchObject([{ name: 'workflow_steps.result', fix: null }])
})

it('a migrated schema has no differences, also with other objects in it', async () => {
  await run(
    `create table theirs (a int); create view their_view as select 1 as a;
     create function theirs() returns int language sql as 'select 1'`,
  )
  expect(await compare()).toEqual([])
})

describe('a fix keeps existing data', () => {
  it('a local time is read as UTC in every time zone of the session', async () => {
    await run(
      `insert into audit_logs (timestamp, user_id, action_type, action_details) values ('2026-11-23T12:00Z', 'u', 'a', 'd');
       alter table audit_logs alter column timestamp type timestamp using timestamp at time zone 'UTC';
       set timezone to 'Asia/Tokyo'`,
    )
    for (const { fix } of await compare()) await run(fix)
    await run('reset timezone')
    const { rows } = await client.query('select timestamp from audit_logs')
    expect(rows).toEqual([{ timestamp: new Date('2026-11-23T12:00:00Z') }])
  })

  it('a recreated view keeps its privileges and its comment', async () => {
    const state = async () =>
      (
        await client.query(
          `select relowner, relacl::text, obj_description(oid) as comment from pg_class where relname = 'daily_cost_summary'`,
        )
      ).rows
    const [view] = (await client.query("select pg_get_viewdef('daily_cost_summary') as query")).rows
    await run(
      `drop view daily_cost_summary; alter table billing_records alter column cost type numeric(12,4);
       create view daily_cost_summary as ${view.query}; grant select on daily_cost_summary to pg_monitor;
       comment on view daily_cost_summary is 'for the board'`,
    )
    const before = await state()
    for (const { fix } of await compare()) await run(fix)
    expect(await compare()).toEqual([])
    expect(await state()).toEqual(before)
  })

  it('new identity numbers continue after the existing ones', async () => {
    const insert = `insert into audit_history (quarter_start, user_id, entries) values (now(), 'u', 1)`
    await run(
      `${insert}; ${insert}; alter table audit_history alter column history_id drop identity`,
    )
    for (const { fix } of await compare()) await run(fix)
    await run(insert)
    const { rows } = await client.query('select history_id::int as id from audit_history')
    expect(rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
  })
})

it('a column that would refuse rows of wfstore is a fault until it accepts NULL', async () => {
  await run('alter table workflow_steps add column "Team" text not null')
  const told = { kind: 'column', name: 'workflow_steps.Team' }
  expect(await compare()).toEqual([
    {
      ...told,
      state: 'differs',
      expected: 'nullable, or with a default',
      found: 'text not null',
      fix: 'alter table workflow_steps alter column "Team" drop not null;',
    },
  ])
  for (const { fix } of await compare()) await run(fix)
  expect(await compare()).toMatchObject([{ ...told, state: 'extra' }])
})

describe('no fix drops an object of the application or loses a value', () => {
  const dropping =
    /\b(drop (table|column|view|materialized|index|policy|function|schema)|truncate|delete from|cascade)\b/i

  it.each(Object.entries(damages))('damaged %s', async (_, statements) => {
    for (const damage of accepted(statements)) {
      await run(damage)
      for (const { state, name, fix } of await compare()) {
        if (state === 'extra') expect(fix, damage).toBeNull()
        // An invalid index has no use. Nothing but its definition is in it.
        const text =
          state === 'invalid'
            ? ''
            : (fix ?? '').replaceAll(/ on delete cascade\b| after truncate on\b/gi, '')
        if (!recreates(text)) expect(text, `${damage}: ${name}`).not.toMatch(dropping)
        await run(fix)
      }
      await tidyUp()
    }
  })

  /** A view of ours with our columns is in the way of a type: it is dropped and created again. */
  const recreates = (fix: string) =>
    /^drop view (\w+);/.test(fix) &&
    /\ncreate view (\w+) with \(security_invoker = true\) as /.test(fix)

  it.each([
    'drop constraint workflow_steps_execution_id_fkey; alter table workflow_steps add constraint "Key" foreign key (execution_id) references workflow_executions',
    'drop constraint workflow_steps_pkey, add constraint "Key" primary key (step_id)',
  ])('a key of another name, which ours excludes, has no fix: %s', async (action) => {
    await run(`alter table workflow_steps ${action}`)
    const key = /fkey/.test(action) ? 'workflow_steps_execution_id_fkey' : 'workflow_steps_pkey'
    expect(await compare()).toMatchObject([
      {
        name: `workflow_steps.${key}`,
        state: 'differs',
        found: expect.stringMatching(/^Key: /),
        fix: null,
      },
    ])
    const [wanted] = await compare()
    await run(
      `alter table workflow_steps drop constraint "Key"; alter table workflow_steps add constraint ${key} ${wanted?.expected}`,
    )
    expect(await compare()).toEqual([])
  })

  it('an object that has the name of one of ours is renamed', async () => {
    await run(`
      drop index workflow_steps_step_idx; create index workflow_steps_step_idx on workflow_steps (step_name);
      create function theirs() returns trigger language plpgsql as $$ begin return new; end $$;
      drop trigger update_workflow_steps_updated_at on workflow_steps;
      create trigger update_workflow_steps_updated_at before insert on workflow_steps for each row execute function theirs();
      alter table workflow_steps drop constraint workflow_steps_status_check;
      alter table workflow_steps add constraint workflow_steps_status_check check (status <> '');
      drop view daily_cost_summary; create view daily_cost_summary as select user_id from billing_records;
      create view board as select * from daily_cost_summary;
      alter table audit_logs add column action text; create index by_action on audit_logs (action);
      alter table audit_logs add constraint action_check check (action <> '');
      insert into audit_logs (user_id, action_type, action_details, action) values ('u', 'a', 'd', 'kept')`)
    const differences = await compare()
    expect(
      differences.filter(({ state }) => state === 'extra').map(({ name, fix }) => [name, fix]),
    ).toEqual([
      ['audit_logs.action', null],
      ['audit_logs.action_check', null],
      ['audit_logs.by_action', null],
    ])
    for (const { fix } of differences) await run(fix)
    expect((await compare()).map(({ state, name }) => `${state} ${name}`)).toEqual([
      'extra audit_logs.action',
      'extra audit_logs.action_check',
      'extra workflow_steps.workflow_steps_status_check_own',
      'extra audit_logs.by_action',
      'extra workflow_steps.workflow_steps_step_idx_own',
      'extra workflow_steps.update_workflow_steps_updated_at_own',
    ])
    const { rows } = await client.query(
      `select (select count(*)::int from board) as board, (select action from audit_logs) as action`,
    )
    expect(rows).toEqual([{ board: 0, action: 'kept' }])
  })

  it('a type is restored without rounding: a value that does not fit is an error', async () => {
    await run(
      `insert into audit_logs (user_id, action_type, action_details) values ('u', 'a', 'd');
       alter table audit_logs alter tokens_used type numeric; update audit_logs set tokens_used = 1.5`,
    )
    const [difference] = await compare()
    await expect(run(difference?.fix ?? '')).rejects.toThrow('invalid input syntax for type bigint')
    expect((await client.query('select tokens_used from audit_logs')).rows).toEqual([
      { tokens_used: '1.5' },
    ])
  })
})
