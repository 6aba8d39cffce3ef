import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCaptures } from '../support/captures.ts'
import { runCli } from '../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'

const REFUSED =
  /another role has objects in the schema that can change what a report says: operator/
const databases: [string, () => Promise<TestDatabase>][] = [
  ['without a schema', () => createDatabase('captured_empty')],
  [
    'of the old application',
    async () => {
      const database = await createDatabase('captured_legacy')
      await loadLegacy(database)
      return database
    },
  ],
  ['that is migrated', () => createMigrated('captured_migrated')],
]

describe.each(databases)(
  'operators and functions of another role in a database %s',
  (_, create) => {
    let database: TestDatabase
    let guest: string
    beforeAll(async () => {
      database = await create()
      guest = `${database.name}_guest`
      await database.sql(`create role ${guest}; grant create on schema public to ${guest}`)
      await withClient(database, async (client) => {
        await client.query(`set role ${guest}`)
        await createCaptures(
          { ...database, sql: async (text) => (await client.query(text)).rows },
          'public',
        )
      })
    }, 60_000)
    afterAll(async () => {
      await database.sql(`drop owned by ${guest} cascade; drop role ${guest}`)
      await database.drop()
    })
    const cli = (...args: string[]) => runCli(args, { env: { DATABASE_URL: database.url } })
    const relations = () =>
      database.sql(
        `select pg_catalog.array_agg(c.oid order by oid) as oids from pg_class c where relnamespace operator(pg_catalog.=) 'public'::regnamespace::oid`,
      )

    const ran = async () => (await database.sql('select is_called from captured'))[0]?.is_called

    it.each([
      ['migrate up', 'migrate up --legacy-tz UTC --yes'],
      ['migrate up --schema', 'migrate up --schema public --legacy-tz UTC --yes'],
      ['migrate up --dry-run', 'migrate up --legacy-tz UTC --dry-run'],
      ['migrate down', 'migrate down --yes'],
      ['migrate redo', 'migrate redo --yes'],
      ['migrate status', 'migrate status'],
      ['migrate verify', 'migrate verify'],
      ['migrate roles', 'migrate roles'],
      ['cleanup', 'cleanup --days 30 --yes'],
      ['cleanup --dry-run', 'cleanup --days 30 --dry-run'],
      ['stats', 'stats'],
      ['stats --since', 'stats --since 1h'],
      ['executions', 'executions list'],
      ['billing', 'billing'],
      ['report', 'report'],
      ['metrics', 'metrics'],
      ['export', 'export --since 1h'],
    ])('%s refuses before any of them runs', async (_, line) => {
      const before = await relations()
      const { code, stdout, stderr } = await cli(...line.split(' '))
      expect([code, stdout]).toEqual([4, ''])
      expect(stderr).toMatch(REFUSED)
      expect(stderr).toContain(`of ${guest}`)
      expect(stderr).toContain('revoke create on schema public from public')
      expect(stderr).not.toContain('captured by')
      expect(await relations()).toEqual(before)
      expect(await ran()).toBe(false)
    })

    it('doctor names them, and checks what needs no table', async () => {
      const { code, stdout } = await cli('doctor', '-o', 'tsv', '--columns', 'check,state,finding')
      expect(code).toBe(1)
      expect(stdout).not.toContain('captured by')
      expect(stdout).toMatch(/^schema\tfailed\tanother role has objects in the schema/m)
      expect(stdout.split('\n').flatMap((line) => line.split('\t')[0] || [])).toEqual([
        'check',
        'server',
        'clock',
        'encryption',
        'connections',
        'transactions',
        'schema',
      ])
      expect(stdout).not.toContain('could not be checked')
      expect(await ran()).toBe(false)
    })
  },
)
