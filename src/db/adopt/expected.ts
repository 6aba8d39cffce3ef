import type pg from 'pg'
import { type Column, type Constraint, readColumns, readConstraints } from '../catalog.ts'
import * as d from '../decode.ts'
import { creationsOf } from '../migration-files.ts'
import { query } from '../query.ts'
import { rollback, run } from '../transaction.ts'
import { TABLES } from './legacy.ts'

/** What the five tables are to become. */
export interface Expected {
  columns: Column[]
  constraints: Constraint[]
}

/**
 * The five tables as the migration makes them, read from the catalogs: it is run into the temporary schema of this
 * session, which takes no privilege on the database, in a transaction that is rolled back.
 */
export async function expectedTables(client: pg.Client, migration: string): Promise<Expected> {
  const tables = creationsOf(migration).filter(({ kind, name }) => kind === 'table' && isOurs(name))
  await run(client, 'begin')
  try {
    await run(client, 'set local search_path to pg_temp')
    for (const { statement } of tables) await run(client, statement)
    const [temporary] = await query(
      client,
      'select pg_my_temp_schema()::regnamespace as name',
      [],
      {
        name: d.text(),
      },
    )
    const schema = temporary?.name ?? ''
    return {
      columns: await readColumns(client, schema, TABLES),
      constraints: await readConstraints(client, schema, TABLES),
    }
  } finally {
    await rollback(client)
  }
}

const isOurs = (name: string) => (TABLES as readonly string[]).includes(name)
