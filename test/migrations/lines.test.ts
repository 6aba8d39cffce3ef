import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { untilBlocked, withClient } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('lines')
})
afterAll(() => database.drop())
beforeEach(() =>
  database.sql(
    `alter table wfstore_periods disable trigger wfstore_close_period; truncate wfstore_periods, billing_records, workflow_executions cascade;
     alter table wfstore_periods enable trigger wfstore_close_period`,
  ),
)

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
/** Bills whose lines do not add up, and lines without a bill. */
const WRONG = `select coalesce(b.billing_id, l.billing_id) as id from billing_records b
  full join (select billing_id, sum(cost) as cost, coalesce(sum(quantity) filter (where meter <> 'request'), 0) as tokens
    from wfstore_bill_lines group by 1) l using (billing_id)
  where (coalesce(l.cost, 0), coalesce(l.tokens, 0)) is distinct from (b.cost, b.tokens_total::numeric)`
const bill = (n: number, month = '2026-10', cost = 1) =>
  database.sql(
    `insert into billing_records (billing_id, user_id, model_id, billing_period, cost, tokens_total, tokens_input) values ('${id(n)}', 'u', 'm', '${month}', ${cost}, 10, 4)`,
  )
const close = (month: string) =>
  database.sql(`update wfstore_periods set closed_at = now() where billing_period = '${month}'`)

describe('the bills of other clients', () => {
  const amount = fc.integer({ min: 0, max: 99 })
  const target = fc.integer({ min: 1, max: 4 })
  const write = fc.oneof(
    fc.tuple(target, amount, amount, amount).map(
      ([n, cost, tokens, input]) =>
        `insert into billing_records (billing_id, execution_id, user_id, model_id, billing_period, cost, tokens_total, tokens_input)
         values ('${id(n)}', '${id(n % 2)}', 'u', 'm', '2026-10', ${cost}, ${tokens}, ${input}) on conflict do nothing`,
    ),
    fc.tuple(target, amount, amount).map(
      ([n, cost, tokens]) =>
        `insert into workflow_steps (execution_id, step_id, step_number, step_name, status, cost, tokens_used, tokens_input, model_id, provider)
         values ('${id(n % 2)}', gen_random_uuid(), 1, 's', 'success', ${cost}, ${tokens}, ${tokens}, 'm${n}', 'p')`,
    ),
    fc
      .tuple(target, amount, amount)
      .map(
        ([n, cost, tokens]) =>
          `update billing_records set cost = cost + ${cost}, tokens_total = tokens_total + ${tokens}, model_id = 'm${n}' where billing_id = '${id(n)}'`,
      ),
    target.map((n) => `update billing_records set paid = not paid where billing_id = '${id(n)}'`),
    target.map(
      (n) => `update billing_records set billing_id = '${id(n + 4)}' where billing_id = '${id(n)}'
      and not exists (select from billing_records where billing_id = '${id(n + 4)}')`,
    ),
    target.map((n) => `delete from billing_records where billing_id = '${id(n)}'`),
    fc
      .tuple(target, amount)
      .map(
        ([n, cost]) =>
          `insert into billing_records (corrects, user_id, model_id, billing_period, cost) values ('${id(n)}', 'u', 'm', '2026-10', -${cost})`,
      ),
    fc.constant('truncate billing_records'),
  )

  it('have lines that add up to them after any writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (statements) => {
        await database.sql('truncate billing_records, workflow_executions cascade')
        await database.sql(
          `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id) values ('${id(0)}', 'w', 'u', 'm', 'm'), ('${id(1)}', 'w', 'u', 'm', 'm')`,
        )
        for (const statement of statements) {
          await database.sql(statement)
          expect(await database.sql(WRONG)).toEqual([])
        }
      }),
      { numRuns: 40 },
    )
  })

  it('have the models of the steps, if the cost is that of the steps', async () => {
    await database.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id) values ('${id(1)}', 'w', 'u', 'm', 'large');
       insert into workflow_steps (execution_id, step_id, step_number, step_name, status, cost, model_id)
         values ('${id(1)}', '${id(1)}', 1, 's', 'success', 1, 'small'), ('${id(1)}', '${id(2)}', 2, 's', 'success', 2, null);
       insert into billing_records (execution_id, user_id, model_id, billing_period, cost) values ('${id(1)}', 'u', 'large', '2026-10', 3)`,
    )
    expect(
      await database.sql('select model_id, cost::int from wfstore_bill_lines order by 1'),
    ).toEqual([
      { model_id: 'large', cost: 2 },
      { model_id: 'small', cost: 1 },
    ])
  })
})

describe('the lines of a closed month', () => {
  beforeEach(async () => {
    await bill(1)
    await bill(2, '2026-11')
    await close('2026-10')
  })

  it.each([
    `insert into wfstore_bill_lines (billing_id, line_id, model_id, meter, cost, cost_source) values ('${id(1)}', '${id(9)}', 'm', 'given', 0, 'given')`,
    `update wfstore_bill_lines set model_id = 'other' where billing_id = '${id(1)}'`,
    `update wfstore_bill_lines set billing_id = '${id(1)}', line_id = '${id(9)}' where billing_id = '${id(2)}' and meter = 'given'`,
    `update wfstore_bill_lines set billing_id = '${id(2)}', line_id = '${id(9)}' where billing_id = '${id(1)}' and meter = 'given'`,
    `delete from wfstore_bill_lines where billing_id = '${id(1)}'`,
  ])('cannot change: %s', async (statement) => {
    await expect(database.sql(statement)).rejects.toMatchObject({ code: 'WF001' })
  })

  it('cannot change with periods of the client in front of those of the store', async () => {
    await withClient(database, async (client) => {
      await client.query(
        `create temporary table wfstore_periods (billing_period text, closed_at timestamptz); create temporary table billing_records (billing_id uuid, billing_period text);
         set search_path = pg_temp, public`,
      )
      await expect(
        client.query(`delete from public.wfstore_bill_lines where billing_id = '${id(1)}'`),
      ).rejects.toMatchObject({ code: 'WF001' })
    })
  })
})

it('a close waits for a session that writes lines, and refuses lines that do not add up', async () => {
  await bill(1)
  await withClient(database, (writer) =>
    withClient(database, async (closer) => {
      await writer.query('begin')
      await writer.query(`update wfstore_bill_lines set cost = 5 where meter = 'given'`)
      const closing = closer
        .query(`update wfstore_periods set closed_at = now() where billing_period = '2026-10'`)
        .catch((error: unknown) => error)
      await untilBlocked(database, (closer as pg.Client & { processID: number }).processID)
      await writer.query('commit')
      expect(await closing).toMatchObject({
        code: 'WF004',
        message: `billing period 2026-10 cannot be closed: the lines of 1 bill do not add up to the bill: billing_id ${id(1)}`,
      })
    }),
  )
})

it('a session that writes lines waits for a close, and is refused then', async () => {
  await bill(1)
  await withClient(database, (writer) =>
    withClient(database, async (closer) => {
      await closer.query('begin')
      await closer.query(
        `update wfstore_periods set closed_at = now() where billing_period = '2026-10'`,
      )
      const writing = writer
        .query(`update wfstore_bill_lines set model_id = 'other'`)
        .catch((error: unknown) => error)
      await untilBlocked(database, (writer as pg.Client & { processID: number }).processID)
      await closer.query('commit')
      expect(await writing).toMatchObject({ code: 'WF001' })
    }),
  )
})
