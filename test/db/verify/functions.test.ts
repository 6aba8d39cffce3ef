import { expect, it } from 'vitest'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { compareSchema } from '../../../src/db/verify/compare.ts'
import { citusUrl } from '../../support/citus.ts'
import { createMigrated } from '../../support/migrated.ts'

it('each function that wfstore calls is created again, with its arguments', async () => {
  const database = await createMigrated('functions')
  const client = await database.connect()
  const compare = () => compareSchema(client, 'public')
  const run = async (script = '') => {
    for (const statement of splitStatements(script)) await client.query(statement)
  }
  const { rows } = await client.query(
    `select format('%s(%s)', proname, pg_get_function_identity_arguments(oid)) as name, proname from pg_proc
     where proname like 'wfstore\\_%' and pronargs > 0 and pronamespace = 'public'::regnamespace order by proname`,
  )
  expect(rows.map(({ proname }) => proname)).toEqual([
    ...(citusUrl ? ['wfstore_at'] : []),
    ...['wfstore_close', 'wfstore_line_id', 'wfstore_lines_of'],
    ...(citusUrl ? ['wfstore_lock_shards'] : []),
  ])
  for (const { name, proname } of rows) {
    await run(`drop function ${name} cascade`)
    const [missing, ...others] = await compare()
    expect([missing, others]).toMatchObject([{ name: proname, state: 'missing' }, []])
    await run(missing?.fix ?? undefined)
    expect(await compare()).toEqual([])
  }
  await run(
    `create or replace function wfstore_close(month text, closer text default null) returns boolean language sql as 'select true'`,
  )
  const [changed] = await compare()
  expect(changed).toMatchObject({ name: 'wfstore_close', state: 'differs' })
  await run(changed?.fix ?? undefined)
  expect(await compare()).toEqual([])
  if (citusUrl) {
    const calls = `select wfstore_at('${crypto.randomUUID()}', 'select 1 as one', '{}') as row`
    expect((await client.query(calls)).rows).toEqual([{ row: '{ "one" : "1" }' }])
    const sent = await client.query(
      `select p.proname, force_delegation from pg_dist_object o join pg_proc p on p.oid = o.objid
       where classid = 'pg_proc'::regclass and proname = any($1) order by proname`,
      [rows.map(({ proname }) => proname)],
    )
    expect(sent.rows.filter(({ force_delegation: forced }) => forced)).toEqual([
      { proname: 'wfstore_at', force_delegation: true },
    ])
  }
  await client.end()
  await database.drop()
})
