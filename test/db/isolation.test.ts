import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportLines } from '../../src/transfer/export/export.ts'
import { importLines } from '../../src/transfer/import/import.ts'
import { clean, inFolder, restore, rowsOf } from '../cleanup/archive/support.ts'
import { runCli } from '../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../support/database.ts'
import { migrate, withClient } from '../support/migrate.ts'

const LEVELS = ['read committed', 'repeatable read', 'serializable']

/** On connections without settings of ours: a pooler may drop these, and the library takes connections of the application. */
describe.each(LEVELS.flatMap((level) => [[level, 'off'] as const, [level, 'on'] as const]))(
  'default_transaction_isolation = %s and default_transaction_read_only = %s change nothing of',
  (level, readOnly) => {
    let database: TestDatabase
    const copies: TestDatabase[] = []
    const limited = async (label: string) => {
      const made = await createDatabase(label)
      copies.push(made)
      return made
    }
    const limit = ({ name, sql }: TestDatabase) =>
      sql(
        `alter database ${name} set default_transaction_isolation = '${level}'; alter database ${name} set default_transaction_read_only = ${readOnly}`,
      )
    beforeAll(async () => {
      database = await limited('levels')
      await loadLegacy(database)
      await limit(database)
    })
    afterAll(() => Promise.all(copies.map((one) => one.drop())))

    it('migrate up, which adopts', async () => {
      const { adopted, pending } = await migrate(database)
      expect([adopted === null, pending]).toEqual([false, []])
      expect(await database.sql('select count(*)::int as n from workflow_executions')).toEqual([
        { n: 160 },
      ])
    })

    it('export and import', async () => {
      const chunks: Buffer[] = []
      await withClient(database, async (client) => {
        for await (const chunk of exportLines(client)) chunks.push(chunk)
      })
      const other = await limited('levels_other')
      await limit(other)
      await migrate(other)
      const report = await withClient(other, (client) => importLines(client, Readable.from(chunks)))
      expect(report).toMatchObject({ repeated: 0, invalidCount: 0 })
      expect(report.inserted).toMatchObject({ execution: 160 })
    })

    it('cleanup and restore', () =>
      inFolder(async (folder) => {
        const before = await rowsOf(database)
        const { removed } = await clean(database, folder, { before: new Date().toISOString() })
        expect(Object.values(removed).some((rows) => Number(rows) > 0)).toBe(true)
        expect((await rowsOf(database)).length).toBeLessThan(before.length)
        await restore(database, folder)
        expect((await rowsOf(database)).length).toBe(before.length)
      }))

    it.runIf(readOnly === 'off')('billing close', async () => {
      const args = ['--period', '2020-01', '--allow-empty', '--allow-earlier-open', '--yes']
      expect(
        await runCli(['billing', 'close', ...args, '--database-url', database.url]),
      ).toMatchObject({ code: 0 })
    })
  },
)
