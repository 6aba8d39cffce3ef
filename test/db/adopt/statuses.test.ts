import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { STATUS_WORDS } from '../../../src/db/adopt/status-words.ts'
import { statusFor } from '../../../src/db/adopt/statuses.ts'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import type { WfstoreError } from '../../../src/error.ts'
import { type AlmostLegacy, almostLegacy } from '../../support/almost.ts'
import type { TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'

let almost: AlmostLegacy
let database: TestDatabase

beforeAll(async () => {
  almost = await almostLegacy('statuses')
  database = almost.database
})

afterAll(() => database.drop())

const stopOf = (): Promise<WfstoreError> =>
  migrate(database).then(
    () => expect.unreachable('it should have stopped'),
    (error) => error,
  )
const fixesOf = ({ hint = '' }: WfstoreError) =>
  hint.replace('nothing was changed; to fix this: ', '')
const run = (id: string, status: string) => `insert into workflow_executions
  (execution_id, workflow_name, user_id, mode, model_id, status) values ('${id}', 'w', 'u', 'Sales', 'm', '${status}')`
const statuses = (table: string) =>
  database
    .sql(
      `select status from ${table} order by created_at, step_number`.replace(/, step_number$/, ''),
    )
    .then((rows) => rows.map(({ status }) => status))

describe('statuses', () => {
  it('the printed statements map each value to the status that means the same', async () => {
    await almost.make(`
      delete from workflow_executions;
      insert into workflow_executions (workflow_name, user_id, mode, model_id, status)
        select 'w', 'u', 'Sales', 'm', s from unnest(array['done', 'completed', ' Success ', 'PENDING', 'error', 'canceled', 'In Progress', 'partial']) s`)
    const error = await stopOf()
    expect(error.message).toContain(
      'workflow_executions has unknown values of status: " Success " (1 row), "In Progress" (1 row), "PENDING" (1 row), "canceled" (1 row), "completed" (1 row), "done" (1 row), "error" (1 row)',
    )
    expect(fixesOf(error).split('; ')).toEqual([
      `update workflow_executions set status = 'success' where status = ' Success '`,
      `update workflow_executions set status = 'running' where status = 'In Progress'`,
      `update workflow_executions set status = 'running' where status = 'PENDING'`,
      `update workflow_executions set status = 'cancelled' where status = 'canceled'`,
      `update workflow_executions set status = 'success' where status = 'completed'`,
      `update workflow_executions set status = 'success' where status = 'done'`,
      `update workflow_executions set status = 'failed' where status = 'error'`,
    ])
    await database.sql(fixesOf(error))
    expect((await migrate(database)).applied).toEqual([...MIGRATIONS])
    expect(
      await database.sql(
        'select status, count(*)::int from workflow_executions group by 1 order by 1',
      ),
    ).toEqual([
      { status: 'cancelled', count: 1 },
      { status: 'failed', count: 1 },
      { status: 'partial', count: 1 },
      { status: 'running', count: 2 },
      { status: 'success', count: 3 },
    ])
  })

  it('an unknown value is named with its count and left to the operator', async () => {
    await almost.make(`update workflow_steps set status = E'it''s\\n odd'`)
    const error = await stopOf()
    expect(error.message).toMatch(
      /workflow_steps has unknown values of status: "it's\\n odd" \(1 row\)$/,
    )
    expect(fixesOf(error)).toBe(
      `update workflow_steps set status = ... where status = e'it''s\\n odd' (with one of 'pending', 'running', 'success', 'failed', 'skipped')`,
    )
    await database.sql(
      fixesOf(error)
        .replace('= ...', `= 'success'`)
        .replace(/ \(with one of .*\)/, ''),
    )
    await migrate(database)
  })

  it('after the adoption a status of the old application is stored as the status that means the same', async () => {
    await almost.make('')
    await migrate(database)
    for (const [table, words] of Object.entries(STATUS_WORDS)) {
      for (const [status, own] of Object.entries(words)) {
        for (const word of [
          ...own,
          ` ${own[0]?.toUpperCase()}\t`,
          own[0]?.replace('_', '-') ?? '',
        ]) {
          expect(statusFor(table, word)).toBe(status)
          const literal = `e'${word.replace('\t', '\\t')}'`
          expect(
            await database.sql(`update ${table} set status = ${literal} returning status`),
          ).toEqual([{ status }])
        }
      }
      expect(statusFor(table, 'odd')).toBeUndefined()
      await expect(database.sql(`update ${table} set status = 'odd'`)).rejects.toThrow(
        `${table}_status_check`,
      )
    }
  })

  it('the retry button works: pending is stored as running', async () => {
    await almost.make('')
    await migrate(database)
    const id = '00000000-0000-4000-8000-00000000000a'
    await database.sql(run(id, 'pending'))
    await database.sql(
      `update workflow_executions set status = 'failed', end_time = now() where execution_id = '${id}'`,
    )
    await database.sql(
      `update workflow_executions set status = 'pending', end_time = null where execution_id = '${id}'`,
    )
    await database.sql(
      `update workflow_steps set status = 'pending', error_message = null where execution_id = '${almost.run}'`,
    )
    expect(
      await database.sql(`select status from workflow_executions where execution_id = '${id}'`),
    ).toEqual([{ status: 'running' }])
    expect(await statuses('workflow_steps')).toEqual(['pending'])
  })
})
