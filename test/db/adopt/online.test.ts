import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { verifySchema } from '../../../src/db/verify/verify.ts'
import { loadLegacy, type TestDatabase } from '../../support/database.ts'
import { type Hooks, startProxy } from '../../support/failpoint.ts'
import { migrate, migrateOn, schemaOf, withClient } from '../../support/migrate.ts'
import { startOldWriter } from '../../support/old-writer.ts'
import { createTemplate, type Template } from '../../support/template.ts'

const TABLES = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'observability_metrics',
  'billing_records',
]
/** Small tables are prepared while the application works, too. */
const online = { onlineBytes: 0 }
const BERLIN = { legacyTimeZone: 'Europe/Berlin' }

/** The objects without the order of the columns, which a copied column loses. */
async function objectsOf(database: TestDatabase): Promise<string> {
  const lines = (await schemaOf(database)).split('\n')
  const parts: string[][] = [[]]
  for (const line of lines) {
    const columns = parts.at(-1) as string[]
    if (line.startsWith('  column ')) columns.push(line)
    else parts.push([...columns.splice(0).sort(), line], [])
  }
  return parts.flat().join('\n')
}

/** Every row of the five tables, without the order of their columns. */
async function rowsOf(database: TestDatabase) {
  const rows: Record<string, unknown[]> = {}
  await database.sql(`set timezone = 'UTC'`)
  for (const table of TABLES) {
    const found = await database.sql(`select to_jsonb(t)::text as row from ${table} t order by 1`)
    rows[table] = found.map(({ row }) => row)
  }
  return rows
}

const notNulls = (database: TestDatabase) =>
  database.sql(
    `select conrelid::regclass::text as table, conname from pg_constraint
     where contype = 'n' and conrelid = any($1::regclass[]) order by 1, 2`,
    [TABLES],
  )

describe.each([
  { kind: 'legacy', full: false, zone: {} },
  { kind: 'full', full: true, zone: {} },
  { kind: 'full Berlin', full: true, zone: BERLIN },
])('the $kind installation', ({ kind, full, zone }) => {
  let template: Template
  let wanted: { objects: string; rows: Awaited<ReturnType<typeof rowsOf>>; names: unknown }

  const copy = async () => {
    const database = await template.copy()
    onTestFinished(() => database.drop())
    return database
  }
  const stateOf = async (database: TestDatabase) => ({
    objects: await objectsOf(database),
    rows: await rowsOf(database),
    names: await notNulls(database),
  })

  beforeAll(async () => {
    template = await createTemplate(`online_${kind.toLowerCase()}`, async (database) => {
      await loadLegacy(database, { full })
      // Its triggers have set updated_at at different times.
      await database.sql(
        `set session_replication_role = replica;
         update workflow_executions set updated_at = start_time; update workflow_steps set updated_at = start_time;
         update billing_records set updated_at = timestamp; set session_replication_role = origin`,
      )
    })
    const database = await template.copy()
    await migrate(database, zone)
    wanted = await stateOf(database)
    await database.drop()
  })
  afterAll(() => template.drop())

  it('has the same rows and objects if its columns are copied while it works', async () => {
    const database = await copy()
    const result = await migrate(database, { ...online, ...zone })
    expect(await stateOf(database)).toEqual(wanted)
    expect(result.notices.join('\n')).toContain('columns are copied first')
    const { differences } = await withClient(database, (client) => verifySchema(client, 'public'))
    expect(differences.filter(({ state }) => state !== 'extra')).toEqual([])
    expect(await migrate(database, online)).toMatchObject({ applied: [], notices: [] })
  })

  it('rewrites no table under the lock', async () => {
    const database = await copy()
    const files = `select oid::regclass::text as table, pg_relation_filenode(oid) as node from pg_class
      where oid = any($1::regclass[]) order by 1`
    const before = await database.sql(files, [TABLES])
    await migrate(database, { ...online, ...zone })
    expect(await database.sql(files, [TABLES])).toEqual(before)
  })

  it.runIf(kind === 'full Berlin')(
    'has them after the connection is lost at any statement, and up runs again',
    {
      tags: 'slow',
    },
    async () => {
      const statements: string[] = []
      const undisturbed = await copy()
      await attempt(undisturbed, async ({ text }) => {
        statements.push(text)
        return undefined
      })
      for (const cut of boundariesOf(statements)) {
        const database = await template.copy()
        const text = `${cut}: ${statements[cut]}`
        const failure = attempt(database, async ({ number }) =>
          number === cut + 1 ? 'cut' : undefined,
        )
        await expect(failure, text).rejects.toMatchObject({ code: 'unreachable' })
        await migrate(database, { ...online, ...zone })
        expect([text, await stateOf(database)]).toEqual([text, wanted])
        await database.drop()
      }
    },
  )

  /** `migrate up` through a proxy. */
  async function attempt(database: TestDatabase, before: NonNullable<Hooks['before']>) {
    const proxy = await startProxy(database.url, { before })
    const client = new pg.Client({ connectionString: proxy.url })
    client.on('error', () => {})
    try {
      await client.connect()
      return await migrateOn(client, { ...online, ...zone })
    } finally {
      await client.end().catch(() => {})
      await proxy.close()
    }
  }
})

/** The places of the statements that change something; of a transaction only its edges and one in its middle. */
function boundariesOf(statements: readonly string[]): number[] {
  const from = statements.findIndex((text) => text.startsWith('alter table'))
  const to = statements.findIndex((text) => text.startsWith('analyze'))
  const isEdge = (text = '') => /^(begin|commit|rollback|create view)/.test(text)
  let within = false
  return statements.flatMap((text, at) => {
    if (isEdge(text)) within = text.startsWith('begin')
    const counts =
      isEdge(text) || (!within && !text.startsWith('select')) || isEdge(statements[at + 1])
    return counts && at >= from - 2 && at <= to ? [at] : []
  })
}

describe('while columns are copied', () => {
  let template: Template
  beforeAll(async () => {
    template = await createTemplate('online_live', (database) => loadLegacy(database))
  })
  afterAll(() => template.drop())
  const copy = async () => {
    const database = await template.copy()
    onTestFinished(() => database.drop())
    return database
  }

  it('the old application writes, loses nothing, and each new value is that of the old column', async () => {
    const database = await copy()
    const writer = await startOldWriter(database)
    await writer.more(5)
    const proxy = await startProxy(database.url, {
      before: async ({ text }) => {
        if (/^(update |create unique index|alter table \w+ validate)/.test(text))
          await writer.more(2)
        return undefined
      },
    })
    const client = new pg.Client({ connectionString: proxy.url })
    await client.connect()
    await migrateOn(client, { ...online, lockTimeoutMs: 300 })
    await client.end()
    await proxy.close()
    await writer.more(5)
    await writer.stop()
    const rows = await database.sql(
      `select execution_id::text as id, total_tokens, s.tokens_used from workflow_executions e
       join workflow_steps s using (execution_id) where user_id = 'live'`,
    )
    expect(rows.map(({ id }) => id).sort()).toEqual([...writer.written].sort())
    for (const row of rows) expect(row).toMatchObject({ total_tokens: '100', tokens_used: '100' })
  })
})
