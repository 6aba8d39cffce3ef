import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { psqlScript } from '../../../src/db/migrate/plan.ts'
import { planUp } from '../../../src/db/migrate/up.ts'
import { verifySchema } from '../../../src/db/verify/verify.ts'
import { type State, stateOf, TABLES } from '../../support/adopted-state.ts'
import { loadLegacy, type TestDatabase } from '../../support/database.ts'
import { type Hooks, startProxy } from '../../support/failpoint.ts'
import { everythingOf, migrate, migrateOn, withClient } from '../../support/migrate.ts'
import { createTemplate, type Template } from '../../support/template.ts'

/** Small tables are prepared while the application works, too. */
const online = { onlineBytes: 0 }
const BERLIN = { legacyTimeZone: 'Europe/Berlin' }

describe.each([
  { kind: 'legacy', full: false, zone: {} },
  { kind: 'full', full: true, zone: {} },
  { kind: 'full Berlin', full: true, zone: BERLIN },
])('the $kind installation', ({ kind, full, zone }) => {
  let template: Template
  let wanted: State

  const copy = async () => {
    const database = await template.copy()
    onTestFinished(() => database.drop())
    return database
  }

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

  it('has them if psql runs the script of a dry run, which changes nothing itself', async () => {
    const database = await copy()
    const before = await everythingOf(database)
    await withClient(database, async (client) => {
      const options = { ...online, ...zone, lockWaitMs: 0, lockTimeoutMs: 30_000, notice: () => {} }
      const steps = await planUp(client, { legacyTimeZone: 'UTC', ...options })
      expect(await everythingOf(database)).toBe(before)
      const script = await psqlScript(steps, { schema: undefined, ...options })
      const lines = script.split('\n').filter((line) => !line.startsWith('\\'))
      for (const statement of splitStatements(lines.join('\n'))) await client.query(statement)
    })
    expect(await stateOf(database)).toEqual(wanted)
  })

  it('rewrites no table under the lock', async () => {
    const database = await copy()
    const files = `select oid::regclass::text as table, pg_relation_filenode(oid) as node from pg_class
      where oid = any($1::regclass[]) order by 1`
    const before = await database.sql(files, [TABLES])
    await migrate(database, { ...online, ...zone })
    expect(await database.sql(files, [TABLES])).toEqual(before)
  })

  it.runIf(kind === 'full')(
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
      await undisturbed.drop()
      /** What a cut can leave. Of two that leave the same, one is followed to the end. */
      const left = new Set<string>()
      for (const cut of boundariesOf(statements)) {
        const database = await template.copy()
        const text = `${cut}: ${statements[cut]}`
        const failure = attempt(database, async ({ number }) =>
          number === cut + 1 ? 'cut' : undefined,
        )
        await expect(failure, text).rejects.toMatchObject({ code: 'unreachable' })
        // The id, the time and the duration of an entry of the history differ in each attempt.
        const entry = /^\(\d+,(\d{3}_\w+),"[^"]*",(\w*),\d*,(\w*)\)$/gm
        const state = (await everythingOf(database)).replace(entry, '$1 $2 $3')
        if (!left.has(state)) {
          left.add(state)
          await migrate(database, { ...online, ...zone })
          expect([text, await stateOf(database)]).toEqual([text, wanted])
        }
        await database.drop()
      }
      // Each commit and each statement outside of a transaction leaves another: at least.
      expect(left.size).toBeGreaterThanOrEqual(30)
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
  const changed = statements.findIndex((text) => text.startsWith('alter table workflow_executions'))
  const from = statements.findLastIndex((text, at) => at < changed && text.startsWith('begin'))
  const to = statements.findIndex((text) => text.startsWith('analyze'))
  // A savepoint is no edge.
  const isEdge = (text = '') => /^(begin|commit|rollback$)/.test(text)
  let within = false
  return statements.flatMap((text, at) => {
    if (isEdge(text)) within = text.startsWith('begin')
    const outside = !within && !text.startsWith('select')
    const counts =
      isEdge(text) || outside || isEdge(statements[at + 1]) || text.startsWith('create view')
    const last = text.startsWith('drop index concurrently')
    return counts && at >= from && (at <= to || last) ? [at] : []
  })
}
