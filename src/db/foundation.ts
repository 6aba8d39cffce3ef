import type pg from 'pg'
import { WfstoreError } from '../error.ts'
import { TABLES } from './adopt/legacy.ts'
import { obstacleError, takenNames } from './adopt/obstacles.ts'
import { type Migrations, readNames } from './adopt/survey.ts'
import { HISTORY_TABLE } from './history.ts'
import { creationsOf, readMigration } from './migration-files.ts'
import { MIGRATIONS } from './schema.ts'

/** What the first migration stands on. */
export interface Foundation {
  /** Are there tables of the old application to adopt? */
  legacy: boolean
  migrations: Migrations
}

/** @throws WfstoreError schema_differs where names are taken, or where our own tables stand without their history */
export async function readFoundation(client: pg.Client, schema: string): Promise<Foundation> {
  const migrations = {
    tables: (await readMigration(MIGRATIONS[0])).up,
    indexes: (await readMigration(MIGRATIONS[1])).up,
  }
  const names = await readNames(client, schema, migrations, TABLES)
  const made = [...creationsOf(migrations.tables), ...creationsOf(migrations.indexes)]
  const taken = takenNames(made, names)
  const created = creationsOf(migrations.tables).filter(({ kind }) => kind !== 'trigger')
  if (created.every(({ name }) => names.relations.has(name) || names.functions.has(name))) {
    throw lostHistory(schema)
  }
  const legacy = TABLES.some((table) => names.relations.has(table))
  if (!legacy && taken.length > 0) throw obstacleError(schema, taken)
  return { legacy, migrations }
}

function lostHistory(schema: string): WfstoreError {
  const [tables] = MIGRATIONS
  return new WfstoreError(
    'schema_differs',
    `schema ${schema} has wfstore's tables, but no record of ${tables} in ${HISTORY_TABLE}`,
    {
      hint: `nothing was changed; when \`wfstore migrate verify\` finds nothing else: insert into ${HISTORY_TABLE} (name) values ('${tables}')`,
    },
  )
}
