import { expect, it } from 'vitest'
import { migrateUp } from '../../src/db/migrate.ts'
import { describeSchema } from '../support/catalog.ts'
import { createDatabase, loadLegacy } from '../support/database.ts'

it('fresh and adopted', async () => {
  const opts = { legacyTimeZone: 'UTC', lockWaitMs: 1000, lockTimeoutMs: 1000, notice: (l: string) => { lines.push(l) } }
  const lines: string[] = []
  const fresh = await createDatabase('fresh')
  const c = await fresh.connect()
  const t0 = performance.now()
  console.log(await migrateUp(c, opts), performance.now() - t0)
  const text = await describeSchema(c)
  const legacy = await createDatabase('legacy')
  await loadLegacy(legacy)
  await legacy.sql('drop table migrations_log')
  const l = await legacy.connect()
  const t1 = performance.now()
  console.log(JSON.stringify(await migrateUp(l, opts)), performance.now() - t1)
  console.log(lines.join('\n'))
  await (await import('node:fs/promises')).writeFile('/tmp/mig/schema-' + process.env.V + '.txt', text)
  expect(await describeSchema(l)).toBe(text)
  await c.end(); await l.end(); await fresh.drop(); await legacy.drop()
})
