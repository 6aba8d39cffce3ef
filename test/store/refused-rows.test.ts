import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../src/index.ts'
import { addRun, clean, uuid } from '../cleanup/cleanup-support.ts'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { dataFolder } from '../support/folder.ts'
import { createMigrated } from '../support/migrated.ts'

/**
 * The database refuses to write or to remove one row: its values do not fit, or a trigger of the application raises an
 * error. The others must not depend on it.
 */
let database: TestDatabase
let store: Store

beforeAll(async () => {
  database = await createMigrated('refused-rows')
  await database.sql(`create function app_refuses() returns trigger language plpgsql as $$
    begin raise exception 'the application refuses %', coalesce(new.user_id, old.user_id); end $$`)
  for (const [table, event] of [
    ['billing_records', 'insert'],
    ['audit_logs', 'insert'],
    ['workflow_executions', 'delete'],
  ])
    await database.sql(`create trigger app_refuses before ${event} on ${table} for each row
      when (${event === 'delete' ? 'old' : 'new'}.user_id = 'refused'
        ${table === 'audit_logs' ? "and new.action_type not like 'workflow%'" : ''})
      execute function app_refuses()`)
})
beforeEach(async () => {
  await database.sql(
    'truncate workflow_executions, audit_logs, billing_records, observability_metrics, usage_history, audit_history cascade',
  )
  store = openStore({ databaseUrl: database.url })
})
afterAll(() => database.drop())

const RUN = { workflowName: 'w', mode: 'm', modelId: 'x' }
const start = async (userId: string, of: Store = store) => of.startExecution({ ...RUN, userId })
const statuses = async () =>
  (await database.sql('select status from workflow_executions order by start_time, user_id')).map(
    ({ status }) => status,
  )
const REFUSAL = 'the application refuses refused'

/** Text that does not compress. */
const random = (bytes: number): string => {
  let text = ''
  for (let n = 0; text.length < bytes; n++)
    text += createHash('sha512').update(String(n)).digest('base64')
  return text.slice(0, bytes)
}

describe('one run that cannot be closed does not stop the others', () => {
  it('of executions cancel, which names it and exits with 1', async () => {
    const runs = [await start('a'), await start('refused'), await start('z')]
    const ids = runs.map(({ executionId }) => executionId)
    const { code, stdout, stderr } = await runCli([
      ...['executions', 'cancel', ...ids, '--json', '--yes'],
      ...['--database-url', database.url],
    ])
    expect(code).toBe(1)
    expect(JSON.parse(stdout).map((one: { userId: string }) => one.userId)).toEqual(['a', 'z'])
    expect(JSON.parse(stderr).error).toEqual({
      code: 'failed',
      message: `1 run not closed: ${ids[1]} (${REFUSAL})`,
      hint: 'the other runs are closed; fix what the database reports and try again',
    })
    expect(await statuses()).toEqual(['cancelled', 'running', 'cancelled'])
    await store.close()
  })

  it('of failStuck, with a user that the index of bills cannot hold', async () => {
    await start('a')
    const [long] = await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', $1, 'm', 'x')
       returning execution_id as id`,
      [random(2668)],
    )
    await start('z')
    const result = await store.executions.failStuck({ olderThanMs: 0 })
    expect(result.closed.map(({ userId }) => userId)).toEqual(['a', 'z'])
    expect(result.failed).toEqual([
      { executionId: long?.id, message: expect.stringContaining('index row size') },
    ])
    expect(await statuses()).toEqual(['failed', 'running', 'failed'])
    await store.close()
  })

  it('of a rollup, which counts the values that it does not store', async () => {
    await (await start('a')).finish({ status: 'success' })
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, end_time)
       values ('w', $1, 'm', 'x', 'success', now())`,
      [random(2668)],
    )
    const result = await store.metrics.rollup({ period: 'day' })
    expect(result.skipped).toBe(5)
    const users = (await store.metrics.list()).rows.map(({ userId }) => userId)
    expect(new Set(users)).toEqual(new Set(['a']))
    const { code, stderr } = await runCli([
      ...['metrics', 'rollup', '--period', 'day', '--database-url', database.url],
    ])
    expect([code, stderr]).toEqual([
      0,
      '5 values not stored: the name of the user is too long for an index\n',
    ])
    await store.close()
  })
})

it('one row that the database refuses does not stop the others of a batch', async () => {
  const [first, refused, last] = [await start('a'), await start('refused'), await start('z')]
  const batch = store.batch({ flushMs: 600_000 })
  const audit = ({ executionId }: { executionId: string }) =>
    batch.audit({ executionId, action: 'note' })
  const given = [audit(first), audit(refused), audit(last)]
  const settled = Promise.allSettled(given)
  await expect(batch.close()).rejects.toMatchObject({ message: REFUSAL })
  expect((await settled).map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  await store.close()
})

it('one call that the database refuses does not stop the others of a spool', async () => {
  const folder = dataFolder('refused')
  const told: (string | null)[] = []
  const spooling = openStore({
    databaseUrl: database.url,
    spool: {
      file: join(folder, 'spool'),
      onError: (error, call) => told.push(`${call?.kind}: ${error.message}`),
    },
  })
  const run = await start('refused', spooling)
  await run.decision({ details: 'd' })
  const other = await start('a', spooling)
  await other.finish({ status: 'success' })
  await spooling.close()
  expect(told).toEqual([`decision: ${REFUSAL}`])
  expect(await statuses()).toEqual(['running', 'success'])
  rmSync(folder, { recursive: true })
  await store.close()
})

describe('a row that the database refuses to remove', () => {
  const before = '2024-06-01T00:00:00Z'
  const add = (n: number, user: string) =>
    addRun(database.sql, {
      id: uuid(n),
      label: 'w',
      user,
      start: `2024-01-01T00:00:${String(n).padStart(2, '0')}Z`,
      end: '2024-01-02T00:00:00Z',
    })

  it('is kept and counted with its reason, and the others are removed', async () => {
    for (let n = 1; n <= 6; n++) await add(n, n === 3 ? 'refused' : 'u')
    const result = await clean(database, { before })
    expect(result).toMatchObject({
      outcome: 'done',
      removed: { execution: 5 },
      kept: {
        execution: { protected: 1 },
        protectedBy: [`an error of the server: ${REFUSAL}`],
      },
    })
    await store.close()
  })

  it('ends the cleanup if the database refuses every row, and not one row at a time', async () => {
    for (let n = 1; n <= 30; n++) await add(n, 'refused')
    await expect(clean(database, { before })).rejects.toMatchObject({
      code: 'failed',
      message: REFUSAL,
    })
    await store.close()
  })
})
