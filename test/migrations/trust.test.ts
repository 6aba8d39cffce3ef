import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCaptures } from '../support/captures.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('trust')
})
afterAll(() => database.drop())

/** The arguments of set_config after which only PostgreSQL is in the path again. */
const RESTORED = ", 'pg_catalog, pg_temp', true)"
/** A statement on a table of ours without its schema. */
const STATIC = /\b(from|update|into|join)\s+(workflow_|audit_|billing_r|wfstore_|usage_|observ)/i

describe('names in the objects of the schema', () => {
  it('every function finds only what PostgreSQL has, also where a statement is in the schema of the table', async () => {
    const functions = await database.sql(
      // The names in the body of a function of standard SQL are resolved when it is created; the next test looks at them.
      `select proname, proconfig, prosrc from pg_proc where pronamespace = 'public'::regnamespace and prosqlbody is null order by 1`,
    )
    expect(functions.length).toBeGreaterThanOrEqual(9)
    for (const { proname, proconfig, prosrc } of functions) {
      expect([proname, proconfig]).toEqual([
        proname,
        expect.arrayContaining(['search_path=pg_catalog, pg_temp']),
      ])
      const [outside, ...parts] = String(prosrc).split("set_config('search_path'")
      for (const [index, part] of parts.entries()) {
        const after = part.slice(part.indexOf(';') + 1)
        // Where the schema of the table is in the path, a statement has only qualified operators and calls no function.
        if (index % 2 === 0)
          expect(after.replaceAll(/operator\(pg_catalog\.\S+\)/g, '')).not.toMatch(
            /[=<>+*/|~-]|\w\(|::/,
          )
        else
          expect([part.split(';')[0], after]).toEqual([RESTORED, expect.not.stringMatching(STATIC)])
      }
      expect([proname, parts.length % 2]).toEqual([proname, 0])
      expect(outside).not.toMatch(STATIC)
    }
  })

  it('every condition, check, default, view and index uses only operators, functions and types of PostgreSQL', async () => {
    // Nothing depends on the objects of PostgreSQL itself: they are pinned.
    const foreign = await database.sql(
      `select pg_describe_object(classid, objid, objsubid) as what, pg_describe_object(refclassid, refobjid, refobjsubid) as uses
       from pg_depend d
       where objid >= 16384 and refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_cast'::regclass)
         and not (classid = 'pg_trigger'::regclass and refobjid in (select oid from pg_proc where proname like 'wfstore\\_%'))`,
    )
    expect(foreign).toEqual([])
    const types = await database.sql(
      `select distinct typname from pg_attribute a join pg_class c on c.oid = attrelid join pg_type t on t.oid = atttypid
       where c.relnamespace = 'public'::regnamespace and t.typnamespace <> 'pg_catalog'::regnamespace`,
    )
    expect(types).toEqual([])
  })
})

describe('operators and functions of a role that may create objects', () => {
  const run = '00000000-0000-0000-0000-000000000001'
  beforeAll(async () => {
    await database.sql('create schema acct')
    await createCaptures(database, 'public')
    await createCaptures(database, 'acct')
  }, 60_000)

  it.each(['public', 'acct, public'])(
    'do not run in the triggers of a client with search_path %s',
    async (path) => {
      const client = await database.connect()
      try {
        await client.query(`set search_path = ${path}`)
        const sql = async (text: string) => (await client.query(text)).rows
        await sql(
          `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status)
           values ('${run}', 'w', 'u', 'm', 'm', 'started')`,
        )
        await sql(
          `insert into workflow_steps (execution_id, step_number, step_name, cost, tokens_used, status) values ('${run}', 1, 's', 0.25, 7, 'done')`,
        )
        await sql(`update workflow_executions set status = 'success', total_cost = 9`)
        await sql(
          `insert into billing_records (user_id, execution_id, model_id, cost, tokens_total, billing_period) values ('u', '${run}', 'm', 5, 5, '2024-11')`,
        )
        expect(
          await sql('select status, total_cost::text, total_tokens from workflow_executions'),
        ).toEqual([{ status: 'success', total_cost: '0.25', total_tokens: '7' }])
        expect(
          await sql('select cost::text, tokens_total, metadata from billing_records'),
        ).toMatchObject([{ cost: '0.25', tokens_total: '7', metadata: { given: { cost: 5 } } }])
        await sql(
          `update wfstore_periods set closed_at = pg_catalog.now() where billing_period operator(pg_catalog.=) '2024-11'`,
        )
        expect(await sql('select cost::text, records from wfstore_periods')).toEqual([
          { cost: '0.25', records: '1' },
        ])
        for (const change of [
          'update wfstore_periods set closed_at = null',
          'delete from wfstore_periods',
          `update wfstore_settings set time_zone = 'Asia/Tokyo'`,
          'update billing_records set cost = 0',
          'delete from billing_records',
        ])
          await expect(sql(change)).rejects.toMatchObject({ code: 'WF001' })
        await sql(
          `insert into billing_records (user_id, model_id, cost, billing_period) values ('u', 'm', 1, '2024-11')`,
        )
        expect(
          await sql(
            `select original_period from billing_records where billing_period operator(pg_catalog.<>) '2024-11'::text`,
          ),
        ).toEqual([{ original_period: '2024-11' }])
        expect(await sql('select is_called from wfstore_other_writes')).toEqual([
          { is_called: true },
        ])
      } finally {
        await client.end()
        await database.sql(
          `truncate workflow_executions, workflow_steps, billing_records, wfstore_periods, wfstore_settings`,
        )
      }
    },
  )

  it('do not run for those who read the views', async () => {
    expect(await database.sql('select * from user_workflow_summary')).toEqual([])
    expect(await database.sql('select * from daily_cost_summary')).toEqual([])
  })
})
