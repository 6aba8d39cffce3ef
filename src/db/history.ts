import type pg from 'pg'
import { WfstoreError } from '../error.ts'
import { readColumns } from './catalog.ts'
import * as d from './decode.ts'
import { query } from './query.ts'
import { run } from './transaction.ts'

/** Which migrations a schema has. node-pg-migrate writes `name` and `run_on` of it. */
export const HISTORY_TABLE = 'wfstore_migrations'

const COLUMNS = ['id', 'name', 'run_on']

export async function createHistory(client: pg.Client): Promise<void> {
  await run(
    client,
    `create table if not exists ${HISTORY_TABLE} (
       id     bigint generated always as identity primary key,
       name   text not null unique,
       run_on timestamptz not null default now()
     )`,
  )
}

/**
 * Names of the migrations that this schema has, in the order in which they came; none where there is no history.
 * @throws WfstoreError schema_differs where a table of this name is somebody else's
 */
export async function readApplied(client: pg.Client, schema: string): Promise<string[]> {
  const columns = (await readColumns(client, schema, [HISTORY_TABLE])).map(({ name }) => name)
  if (columns.length === 0) return []
  if (!COLUMNS.every((name) => columns.includes(name))) {
    throw new WfstoreError(
      'schema_differs',
      `the table ${HISTORY_TABLE} of schema ${schema} is not wfstore's`,
      {
        hint: `rename it: alter table ${HISTORY_TABLE} rename to ${HISTORY_TABLE}_own`,
      },
    )
  }
  const rows = await query(client, `select name from ${HISTORY_TABLE} order by id`, [], {
    name: d.text(),
  })
  return rows.map(({ name }) => name)
}

export async function recordApplied(client: pg.Client, name: string): Promise<void> {
  await query(client, `insert into ${HISTORY_TABLE} (name) values ($1)`, [name], {})
}
