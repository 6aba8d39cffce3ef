import { afterAll, beforeEach, expect, it } from 'vitest'
import { applyPrices } from '../../../src/queries/prices/apply.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { createPriced } from '../../record/prices/priced.ts'
import { OF, step } from '../../record/recording.ts'
import { openPool } from '../../support/database.ts'

/** An engine writes a bill while `prices apply` waits for its run. Each write of a bill waits for the lock of the test. */
const priced = await createPriced('apply-race')
const { database, run, price } = priced
const holder = openPool({ connectionString: database.url, max: 1 })
await database.sql(`create function hold() returns trigger language plpgsql as $$ begin
    perform pg_advisory_xact_lock_shared(42); return new; end $$;
  create trigger hold before insert or update on billing_records for each row execute function hold()`)

beforeEach(async () => {
  await priced.clearPrices()
  await database.sql('truncate workflow_executions, workflow_steps, billing_records')
})
afterAll(async () => {
  await holder.end()
  await priced.drop()
})

const waiting = async (sessions: number) => {
  for (;;) {
    const [row] = await database.sql(
      `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    if (row?.n === sessions) return
  }
}

/** Prices the steps after the engine has locked the run, and before it has written the bill. */
const applyDuring = async (write: () => Promise<unknown>, then = async () => {}) => {
  await holder.query('select pg_advisory_lock(42)')
  const writing = write()
  await waiting(1)
  await then()
  const applying = applyPrices(run, run, { since: '2020-01-01T00:00:00Z' })
  await waiting(2)
  await holder.query('select pg_advisory_unlock(42)')
  await writing
  return applying
}

it('a run that finishes meanwhile has the cost in its bill', async () => {
  const execution = await startExecution(run, OF)
  await (await step(execution)).finish({ status: 'success', tokens: { input: 10 } })
  await price('gpt-4o input=1')
  const result = await applyDuring(() => execution.finish({ status: 'success' }))
  expect(result).toMatchObject({ steps: 1, bills: 1, corrections: 0 })
  const { run: sum, ...others } = await priced.sumsOf(execution)
  expect({ sum, ...others }).toEqual({
    ...{ sum: '0.00001', steps: '0.00001' },
    ...{ bills: '0.00001', lines: '0.00001' },
  })
  expect(await priced.linesOf(execution)).toEqual(['gpt-4o input 10 x 1 = 0.00001 priced'])
})

it('a step that ends meanwhile has its tokens in one line', async () => {
  const execution = await startExecution(run, OF)
  await (await step(execution, 1)).finish({ status: 'success', tokens: { input: 10 } })
  const late = await step(execution, 2)
  await execution.finish({ status: 'success' })
  const end = () => late.finish({ status: 'success', tokens: { input: 5 } })
  await applyDuring(end, () => price('gpt-4o input=1'))
  expect(await priced.linesOf(execution)).toEqual(['gpt-4o input 15 x 1 = 0.000015 priced'])
})
