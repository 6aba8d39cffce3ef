import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { withClient } from './support/migrate.ts'
import { createMigrated } from './support/migrated.ts'
import { schemaReference } from './support/schema-reference.ts'

const page = new URL('../docs/SCHEMA-REFERENCE.md', import.meta.url)

it('docs/SCHEMA-REFERENCE.md matches a migrated database (npm run docs:schema accepts a change)', async () => {
  const database = await createMigrated('docs_schema')
  const text = await withClient(database, schemaReference)
  await database.drop()
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(page, text)
  expect(text).toBe(readFileSync(page, 'utf8'))
})
