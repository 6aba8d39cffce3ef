import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { creationsOf, readMigration } from '../../../src/db/migrate/files.ts'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { inSchema, readSnapshot } from '../../../src/db/verify/snapshot.ts'
import { createDatabase } from '../../support/database.ts'
import { migrate, withClient } from '../../support/migrate.ts'

const path = new URL('../../../src/db/verify/expected.json', import.meta.url)

it.each(['public', 'Work Flows'])(
  'src/db/verify/expected.json is what the migrations make in schema %s (UPDATE_GOLDEN=1 accepts a change)',
  async (schema) => {
    const files = await Promise.all(MIGRATIONS.map(readMigration))
    const made = files.flatMap(({ up }) => creationsOf(up))
    const named = (wanted: string) =>
      made.filter(({ kind }) => kind === wanted).map(({ name }) => name)
    const names = { tables: named('table'), functions: named('function'), views: named('view') }

    const database = await createDatabase('snapshot')
    await migrate(database, { schema })
    const snapshot = await withClient(database, (client) =>
      inSchema(client, schema, () => readSnapshot(client, schema, names)),
    )
    await database.drop()

    const text = `${JSON.stringify(snapshot, null, 2)}\n`
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text)
    expect(text).toBe(readFileSync(path, 'utf8'))
  },
)
