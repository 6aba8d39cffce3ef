import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type State, stateOf } from '../../support/adopted-state.ts'
import { factsOf, grants, numbersOf, OBJECTS } from '../../support/application-objects.ts'
import { runCli } from '../../support/cli.ts'
import { loadLegacy, type TestDatabase } from '../../support/database.ts'
import { type Statement, startProxy } from '../../support/failpoint.ts'
import { everythingOf, migrate } from '../../support/migrate.ts'
import { type Program, startProgram } from '../../support/process.ts'
import { createTemplate } from '../../support/template.ts'

const BERLIN = 'Europe/Berlin'

/** Words of the application, and a check that refuses those of wfstore. */
const STATUS_CHECK = `
  set session_replication_role = replica;
  update workflow_executions set status = case status when 'success' then 'completed' when 'running' then 'running' else 'failed' end;
  set session_replication_role = origin;
  alter table workflow_executions add constraint known_status check (status in ('pending', 'running', 'completed', 'failed'))`

/** Its triggers have set updated_at at different times. */
const UPDATED_AT = `
  set session_replication_role = replica;
  update workflow_executions set updated_at = start_time; update workflow_steps set updated_at = start_time;
  update billing_records set updated_at = timestamp; set session_replication_role = origin`

/** 40 MB more, so that the default of the program prepares the tables. */
const MANY_ROWS = `
  insert into audit_logs (execution_id, user_id, action_type, action_details)
    select execution_id, user_id, 'bulk', repeat('x', 1400) from workflow_executions, generate_series(1, 180)`

interface Kind {
  /** With its publication and its status check, two reasons to rewrite a table under the lock. */
  refused: boolean
  setup?: string
}

async function makeTemplate(label: string, { refused, setup = '' }: Kind) {
  const roles: string[] = []
  const template = await createTemplate(label, async (database) => {
    await loadLegacy(database, { full: true })
    await database.sql(UPDATED_AT)
    await database.sql(OBJECTS)
    roles.push(`${database.name}_owner`, `${database.name}_reader`)
    const [owner = '', reader = ''] = roles
    await database.sql(grants(owner, reader))
    await database.sql(refused ? STATUS_CHECK : 'drop publication theirs')
    await database.sql(setup)
  })
  return {
    copy: async () => {
      const database = await template.copy()
      onTestFinished(() => database.drop())
      return database
    },
    template,
    drop: async () => {
      const last = await template.copy()
      await template.drop()
      await last.sql(`drop owned by ${roles} cascade; drop role ${roles}`)
      await last.drop()
    },
  }
}

/** What the application sees, with the words of wfstore. */
async function seenIn(database: TestDatabase) {
  const numbers = (await numbersOf(database)).map((rows) =>
    rows
      .map((row) => JSON.stringify(row).replace('"status":"completed"', '"status":"success"'))
      .sort(),
  )
  return { facts: await factsOf(database), numbers }
}

const updatedAt = (database: TestDatabase, zone: string | undefined) =>
  database.sql(
    ['workflow_executions.execution_id', 'workflow_steps.step_id', 'billing_records.billing_id']
      .map((name) => name.split('.'))
      .map(
        ([table, key]) =>
          `select ${key} as id, extract(epoch from ${zone ? `updated_at at time zone '${zone}'` : 'updated_at'}) as at from ${table}`,
      )
      .join(' union all ')
      .concat(' order by 1'),
  )

async function expectHealthy(database: TestDatabase) {
  const url = ['--database-url', database.url]
  const verified = await runCli(['migrate', 'verify', '--json', ...url])
  expect(verified.code).toBe(0)
  const { differences } = JSON.parse(verified.stdout) as { differences: { state: string }[] }
  expect(differences.filter(({ state }) => state !== 'extra')).toEqual([])
  const { code, stdout } = await runCli(['doctor', '--json', ...url])
  expect(JSON.parse(stdout).filter(({ state }: { state: string }) => state === 'fail')).toEqual([])
  expect(code).toBe(0)
}

describe.each([
  { refused: true, zone: 'UTC' },
  { refused: true, zone: BERLIN },
  { refused: false, zone: 'UTC' },
  { refused: false, zone: BERLIN },
])('an application with objects of its own, $zone, reasons to rewrite tables: $refused', (kind) => {
  const { refused, zone } = kind
  let made: Awaited<ReturnType<typeof makeTemplate>>
  let wanted: State
  beforeAll(async () => {
    made = await makeTemplate('online_application', kind)
    const database = await made.template.copy()
    await migrate(database, { legacyTimeZone: zone })
    wanted = await stateOf(database)
    await database.drop()
  })
  afterAll(() => made.drop())

  it('has the same objects and numbers after its columns are copied while it works', async () => {
    const database = await made.copy()
    const before = await seenIn(database)
    const times = await updatedAt(database, zone)
    const { notices } = await migrate(database, { legacyTimeZone: zone, onlineBytes: 0 })
    const text = notices.join('\n')
    expect(text).toContain('columns are copied first')
    expect(text.match(/\w+(?= is rewritten while the tables are locked)/g)).toEqual(
      refused ? ['workflow_executions', 'audit_logs', 'workflow_steps'] : null,
    )
    expect(await seenIn(database)).toEqual(before)
    expect(await updatedAt(database, undefined)).toEqual(times)
    expect(await stateOf(database)).toEqual(wanted)
    await expectHealthy(database)
  })
})

describe('a program that is killed while it adopts large tables', () => {
  let made: Awaited<ReturnType<typeof makeTemplate>>
  let wanted: { facts: unknown; state: State }
  beforeAll(async () => {
    const setup = `${STATUS_CHECK}; ${MANY_ROWS}`
    made = await makeTemplate('online_killed', { refused: false, setup })
    const database = await made.template.copy()
    await migrate(database, { legacyTimeZone: BERLIN, onlineBytes: Number.POSITIVE_INFINITY })
    wanted = { facts: await factsOf(database), state: await stateOf(database) }
    await database.drop()
  })
  afterAll(() => made.drop())

  it.each<[place: 'before' | 'during' | 'after', text: string, nth: number]>([
    ['before', 'commit', 1],
    ['during', 'alter table audit_logs', 1],
    ['during', 'update audit_logs', 2],
    ['after', 'update workflow_steps', 1],
    ['during', 'alter table audit_logs validate', 1],
    ['during', 'create unique index concurrently', 1],
    ['after', 'drop view', 1],
    ['during', 'update workflow_executions', 1],
    ['during', 'create view runs_of_users', 1],
    ['after', 'analyze', 1],
    ['during', 'create index concurrently', 3],
  ])(
    '%s %s (%i) loses nothing when it runs again',
    { tags: 'slow' },
    async (place, beginning, nth) => {
      const database = await made.copy()
      const argv = ['migrate', 'up', '--yes', '--legacy-tz', BERLIN, '--database-url']
      let seen = 0
      const kill = async ({ text }: Statement): Promise<'cut' | undefined> => {
        if (!text.toLowerCase().startsWith(beginning) || ++seen !== nth) return undefined
        // The server gets the statement, and its program is gone.
        if (place === 'during') setImmediate(() => program.kill())
        else await program.kill()
        return place === 'during' ? undefined : 'cut'
      }
      const proxy = await startProxy(database.url, {
        [place === 'after' ? 'after' : 'before']: kill,
      })
      const program: Program = startProgram(...argv, proxy.url)
      expect(await program.ended).toMatchObject({ code: null })
      await proxy.close()
      const next = await startProgram(...argv, database.url).ended
      expect(next).toMatchObject({ code: 0 })
      expect({ facts: await factsOf(database), state: await stateOf(database) }).toEqual(wanted)
      expect(await everythingOf(database)).not.toMatch(/wfstore_(new|cop|required)/)
      await expectHealthy(database)
    },
  )
})
