import { afterAll, beforeAll, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { type AlmostLegacy, almostLegacy } from '../../support/almost.ts'
import type { TestDatabase } from '../../support/database.ts'
import { everythingOf, migrate } from '../../support/migrate.ts'

let almost: AlmostLegacy
let database: TestDatabase
beforeAll(async () => {
  almost = await almostLegacy('status_checks')
  database = almost.database
})
afterAll(() => database.drop())

const ours = `'running', 'success', 'failed', 'partial', 'cancelled'`
const checks = async () =>
  (
    await database.sql(
      `select conname as name, pg_get_constraintdef(oid) as text from pg_constraint
       where contype = 'c' and conrelid = 'workflow_executions'::regclass and conname not like '%finite' and conname not like '%tags_check' order by 1`,
    )
  ).map(({ name, text }) => [name, String(text).match(/'\w*'/g)?.join()])
const OURS = ['workflow_executions_status_check', ours.replaceAll(' ', '')]
const start = (status: string) =>
  database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status) values ('w', 'u', 'm', 'm', '${status}') returning status`,
  )

it('a check of the application with more statuses stays under another name', async () => {
  await almost.make(
    `alter table workflow_executions add check (status in (${ours}, 'archived')), add constraint workflow_executions_status_check_own check (status <> '')`,
  )
  const { notices, applied } = await migrate(database)
  expect(applied).toEqual([...MIGRATIONS])
  expect(notices.at(-1)).toBe(
    'objects of the application that are kept: constraint workflow_executions_status_check on workflow_executions, renamed to workflow_executions_status_check_own2, constraint workflow_executions_status_check_own on workflow_executions',
  )
  expect(await checks()).toEqual([
    OURS,
    ['workflow_executions_status_check_own', "''"],
    ['workflow_executions_status_check_own2', `${OURS[1]},'archived'`],
  ])
})

it('a check with the same statuses is replaced', async () => {
  await almost.make(`alter table workflow_executions add check (status in (${ours}))`)
  expect((await migrate(database)).notices).toHaveLength(4)
  expect(await checks()).toEqual([OURS])
})

it.each(['workflow_executions_status_check', 'known_status'])(
  'a check that refuses statuses of wfstore is named %s with its definition and dropped, and its statuses are mapped',
  async (name) => {
    await almost.make(`update workflow_executions set status = 'completed';
      update workflow_steps set status = 'success';
      alter table workflow_executions add constraint ${name} check (status in ('pending', 'running', 'completed', 'failed'));
      create table updated (status text); create function note() returns trigger language plpgsql as
        $$ begin insert into updated values (new.status); return null; end $$;
      create trigger note after update on workflow_executions for each row execute function note()`)
    const { notices, applied } = await migrate(database)
    expect(applied).toEqual([...MIGRATIONS])
    const warning = notices.find((line) => line.startsWith('warning: constraint')) ?? ''
    expect(warning).toMatch(
      new RegExp(
        `^warning: constraint ${name} of the application is dropped, because it refuses statuses that wfstore writes, and the statuses of workflow_executions are mapped: alter table workflow_executions add constraint ${name} CHECK .*'pending'.*'completed'`,
      ),
    )
    expect(await checks()).toEqual([OURS])
    expect(await database.sql('select status from workflow_executions')).toEqual([
      { status: 'success' },
    ])
    expect(await start('completed')).toEqual([{ status: 'success' }])
    expect(await start('pending')).toEqual([{ status: 'running' }])
    await expect(start('archived')).rejects.toThrow('workflow_executions_status_check')
    expect(await database.sql('select count(*)::int as n from updated')).toEqual([{ n: 1 }])
  },
)

it('a status without a known meaning is an obstacle with such a check too, and nothing changes', async () => {
  await almost.make(`update workflow_executions set status = 'archived';
    alter table workflow_executions add check (status in ('archived', 'failed'))`)
  const before = await everythingOf(database)
  await expect(migrate(database)).rejects.toMatchObject({
    code: 'schema_differs',
    message: expect.stringContaining('unknown values of status: "archived" (1 row)'),
  })
  expect(await everythingOf(database)).toBe(before)
})

it('a check whose function fails for an unknown status counts as one that refuses it', async () => {
  await almost.make(`create function is_state(word varchar) returns boolean language plpgsql as
      $$ begin if word <> 'running' then raise exception 'unknown'; end if; return true; end $$;
    alter table workflow_executions add constraint is_state check (is_state(status))`)
  const { notices } = await migrate(database)
  expect(notices.join('\n')).toContain('warning: constraint is_state of the application is dropped')
  expect(await start('success')).toEqual([{ status: 'success' }])
})
