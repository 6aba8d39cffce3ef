import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { creationsOf, readMigration } from '../../../src/db/migrate/files.ts'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { inSchema, readSnapshot, type Snapshot } from '../../../src/db/verify/snapshot.ts'
import { createDatabase } from '../../support/database.ts'
import { migrate, withClient } from '../../support/migrate.ts'

const path = new URL('../../../src/db/verify/expected.json', import.meta.url)

it.each(['public', 'Work Flows'])(
  'src/db/verify/expected.json matches the migrations in schema %s (UPDATE_GOLDEN=1 accepts a change)',
  async (schema) => {
    const files = await Promise.all(MIGRATIONS.map(readMigration))
    const made = files.flatMap(({ up }) => creationsOf(up))
    const named = (wanted: string) =>
      made.filter(({ kind }) => kind === wanted).map(({ name }) => name)
    const names = {
      tables: named('table'),
      sequences: named('sequence'),
      functions: named('function'),
      views: named('view'),
    }

    const database = await createDatabase('snapshot')
    await migrate(database, { schema })
    const snapshot = await withClient(database, (client) =>
      inSchema(client, schema, () => readSnapshot(client, schema, names)),
    )
    // What the migrations make by other means than a plain `create` would be missing from the file.
    const others = await database.sql(
      `select relname as name from pg_class c where relnamespace = $1::regnamespace and relkind <> 'i'
         and not exists (select from pg_depend where objid = c.oid and deptype in ('a', 'i')) and relname not like 'wfstore_migrations%' and relname <> all ($2::text[])
       union all select proname from pg_proc where pronamespace = $1::regnamespace and proname <> all ($3::text[])`,
      [`"${schema}"`, [...names.tables, ...names.sequences, ...names.views], names.functions],
    )
    expect(others).toEqual([])
    await database.drop()

    const text = readable(snapshot)
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text)
    expect(text).toBe(readFileSync(path, 'utf8'))
  },
)

/** A line for each object, and one for each line of a function or a view: a migration shows as a diff to be read. */
function readable(snapshot: Snapshot): string {
  const line = (row: object) => `    ${JSON.stringify(row)}`
  const lines = <T extends { definition: string }>({ definition, ...row }: T) =>
    JSON.stringify({ ...row, definition: definition.split('\n') }, null, 2).replaceAll(
      /^/gm,
      '    ',
    )
  const { functions, views, ...rest } = snapshot
  const kinds = [
    ...Object.entries(rest).map(([kind, rows]) => [kind, rows.map(line)] as const),
    ['functions', functions.map(lines)] as const,
    ['views', views.map(lines)] as const,
  ]
  return `{\n${kinds.map(([kind, rows]) => `  "${kind}": [\n${rows.join(',\n')}\n  ]`).join(',\n')}\n}\n`
}
