import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import { citusUrl } from '../support/citus.ts'
import { openPool, type TestDatabase } from '../support/database.ts'
import { untilBlocked } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('isolation')
})
afterAll(() => database.drop())

const ABOUT = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
const DONE = { status: 'success', cost: '0.01' } as const

describe.each(['repeatable read', 'serializable'])(
  'at %s by the setting of the database',
  (level) => {
    beforeAll(() =>
      database.sql(
        `alter database ${database.name} set default_transaction_isolation = '${level}'`,
      ),
    )

    const open = (kind: string) => {
      const pool = openPool({ connectionString: database.url, max: 8 })
      return kind === 'pool of the application'
        ? { pool, store: openStore({ pool }) }
        : { pool, store: openStore({ databaseUrl: database.url }) }
    }

    it.each(['pool of the application', 'own connections'])(
      'calls that end at once are all recorded, and a month closes (%s)',
      async (kind) => {
        const { pool, store } = open(kind)
        const run = await store.startExecution(ABOUT)
        const steps = await Promise.all(
          Array.from({ length: 8 }, (_, n) => run.startStep({ stepNumber: n + 1, stepName: 's' })),
        )
        await Promise.all(steps.map((step) => step.finish(DONE)))
        await Promise.all([
          run.finish({ status: 'success' }),
          run.finish({ status: 'success' }),
          store.startExecution({ ...ABOUT, executionId: run.executionId }),
        ])
        expect(
          await database.sql('select cost::text from billing_records where execution_id = $1', [
            run.executionId,
          ]),
        ).toEqual([{ cost: '0.08' }])
        const month = kind === 'own connections' ? '2024-01' : '2024-02'
        await store.billing.closePeriod({ period: month, allowEmpty: true, allowEarlierOpen: true })
        await store.close()
        await pool.end()
      },
    )

    it('a call that another session has overtaken is repeated at read committed', async () => {
      const sent: unknown[] = []
      class Client extends pg.Client {
        // biome-ignore lint/suspicious/noExplicitAny: the overloads of pg
        override query(...given: any[]): any {
          sent.push(given[0])
          return Reflect.apply(super.query, this, given)
        }
      }
      const pool = openPool({ connectionString: database.url, max: 1, Client } as pg.PoolConfig)
      const store = openStore({ pool })
      const run = await store.startExecution(ABOUT)
      const step = await run.startStep({ stepNumber: 1, stepName: 's' })
      const { rows } = await pool.query('select pg_backend_pid() as pid')
      const other = await database.connect()
      await other.query('begin')
      await other.query(
        `update workflow_executions set metadata = '{"a":1}' where execution_id = '${run.executionId}'`,
      )
      const finishing = step.finish(DONE)
      await untilBlocked(database, rows[0].pid)
      await other.query('commit')
      await finishing
      expect(
        await database.sql(
          'select total_cost > 0 as counted, metadata from workflow_executions where execution_id = $1',
          [run.executionId],
        ),
      ).toEqual([{ counted: true, metadata: { a: 1 } }])
      // On a shard the call is at the level of the worker.
      if (citusUrl) expect(sent).not.toContain('begin isolation level read committed')
      else {
        expect(sent).toContain('begin isolation level read committed')
        expect(sent.at(-1)).toBe('commit')
      }
      await other.end()
      await store.close()
      await pool.end()
    })
  },
)
