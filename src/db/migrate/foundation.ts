import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { TABLES } from '../adopt/legacy.ts'
import { obstacleError, takenNames } from '../adopt/obstacles.ts'
import { type Migrations, readNames } from '../adopt/survey.ts'
import { readRelations } from '../catalog.ts'
import { MIGRATIONS } from '../schema.ts'
import { creationsOf, readMigration } from './files.ts'
import { HISTORY_TABLE } from './history.ts'

/** What the first migration finds in the schema. */
export interface Foundation {
  /** True if there are tables of the old application to adopt. */
  legacy: boolean
  migrations: Migrations
}

/** @throws WfstoreError schema_differs if names are taken, or if our own tables exist without their history */
export async function readFoundation(client: pg.Client, schema: string): Promise<Foundation> {
  const [tables = '', ...later] = (await Promise.all(MIGRATIONS.map(readMigration))).map(
    ({ up }) => up,
  )
  const migrations = { tables, later: later.join(';\n') }
  const names = await readNames(client, schema, migrations, TABLES)
  const made = [...creationsOf(migrations.tables), ...creationsOf(migrations.later)]
  const taken = takenNames(made, names)
  const created = creationsOf(migrations.tables).filter(({ kind }) => kind !== 'trigger')
  if (created.every(({ name }) => names.relations.has(name) || names.functions.has(name))) {
    throw await lostHistory(client, schema)
  }
  const legacy = TABLES.some((table) => names.relations.has(table))
  if (!legacy && taken.length > 0) throw obstacleError(schema, taken)
  return { legacy, migrations }
}

async function lostHistory(client: pg.Client, schema: string): Promise<WfstoreError> {
  const [tables] = MIGRATIONS
  const rows = (await migrationsThere(client, schema)).map((name) => `('${name}')`).join(', ')
  return new WfstoreError(
    'schema_differs',
    `schema ${schema} has the tables of wfstore, but ${HISTORY_TABLE} has no record of ${tables}`,
    {
      hint: `nothing was changed; if \`wfstore migrate verify\` finds no other difference, run: insert into ${HISTORY_TABLE} (name) values ${rows}`,
    },
  )
}

/** The migrations whose tables and indexes all exist, apart from those that a later one drops, up to the first incomplete one. */
async function migrationsThere(client: pg.Client, schema: string): Promise<string[]> {
  const migrations = await Promise.all(MIGRATIONS.map(readMigration))
  const dropped = migrations.flatMap(({ up }) =>
    [...up.matchAll(/^drop (?:table|index) (\w+)/gm)].map(([, name]) => name),
  )
  const there: string[] = []
  for (const { name: migration, up } of migrations) {
    const made = creationsOf(up)
      .filter(({ kind, name }) => (kind === 'table' || kind === 'index') && !dropped.includes(name))
      .map(({ name }) => name)
    if ((await readRelations(client, schema, made)).length < made.length) break
    there.push(migration)
  }
  return there
}
