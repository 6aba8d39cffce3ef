import { availableParallelism } from 'node:os'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { type Hooks, type Statement, startProxy } from '../../support/failpoint.ts'
import { migrate, schemaOf, untilBlocked } from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'
import { LATER, LATER_NAMED } from '../../support/migrations.ts'
import { type Program, startProgram } from '../../support/process.ts'
import { createTemplate, type Template } from '../../support/template.ts'

let fresh: string
beforeAll(async () => {
  fresh = await freshSchema()
})

const applied = MIGRATIONS.map((name) => ({
  name,
  checksum: expect.any(String),
}))

/** `migrate up` in a process of its own, with a proxy between it and the database. */
async function startUp(
  database: TestDatabase,
  hooks: (program: () => Program) => Hooks,
): Promise<Program> {
  const proxy = await startProxy(
    database.url,
    hooks(() => program),
  )
  const program = startProgram('migrate', 'up', '--yes', '--database-url', proxy.url)
  const ended = program.ended.finally(proxy.close)
  return { ...program, ended }
}

/** All that the database holds: the objects (an invalid index is marked), and of every table its rows. */
async function stateOf(database: TestDatabase) {
  await database.sql("set timezone = 'UTC'")
  const tables = await database.sql(
    `select format('select %L as name, count(*)::int as rows, md5(string_agg(%s::text, e''\\n'' order by %1$s::text)) as hash from %1$s',
       relname, relname) as text from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'wfstore_migrations' order by relname`,
  )
  const [history] = await database.sql(`select to_regclass('wfstore_migrations')::text as name`)
  return {
    schema: await schemaOf(database),
    // Without times, and ids, of which an attempt that was undone takes one.
    history: history?.name
      ? await database.sql('select name, checksum from wfstore_migrations order by id')
      : undefined,
    rows:
      tables.length > 0
        ? await database.sql(tables.map(({ text }) => text).join(' union all '))
        : [],
  }
}

/**
 * The statements after which a crash has a different result than one statement earlier or later. Statements that only
 * read are left out; of a transaction only the first and the last statements count.
 */
function boundariesOf(statements: readonly Statement[]): number[] {
  // A savepoint is no edge.
  const isEdge = (at: number) => /^(begin|commit|rollback$)/.test(statements[at]?.text ?? 'begin')
  let within = false
  return statements
    .filter(({ text }, at) => {
      if (isEdge(at)) within = text.startsWith('begin')
      if (text.startsWith('select')) return text.includes('advisory_lock')
      return !within || [at - 1, at, at + 1].some(isEdge)
    })
    .map(({ number }) => number)
}

async function makeDatabase(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  onTestFinished(() => database.drop())
  return database
}

/** The sessions of `migrate up`, the oldest first. */
async function pidsOf(database: TestDatabase): Promise<number[]> {
  const rows = await database.sql(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'wfstore migrate up'
     order by backend_start`,
  )
  return rows.map(({ pid }) => pid as number)
}

describe.each(['empty', 'legacy', 'full'])('on an %s database', (kind) => {
  let template: Template
  beforeAll(async () => {
    template = await createTemplate(`crash_${kind}`, async (database) => {
      if (kind === 'empty') return
      await loadLegacy(database, { full: kind === 'full' })
      await database.sql('drop table migrations_log')
    })
  })
  afterAll(() => template.drop())

  it('SIGKILL of up at every step boundary, then up again, ends in the right schema with every row', {
    tags: 'slow',
  }, async () => {
    const statements: Statement[] = []
    const undisturbed = await template.copy()
    const untouched = JSON.stringify(await stateOf(undisturbed))
    const first = await startUp(undisturbed, () => ({
      before: async (statement) => {
        statements.push(statement)
        return undefined
      },
    }))
    expect(await first.ended).toMatchObject({ code: 0 })
    const wanted = await stateOf(undisturbed)
    expect(wanted).toMatchObject({ history: applied })
    if (kind === 'full') expect(wanted.schema).toContain('policy audit_logs_isolation')
    else expect(wanted.schema).toBe(fresh)
    const counts = Object.fromEntries(wanted.rows.map(({ name, rows }) => [name, rows]))
    expect(counts).toMatchObject(
      kind === 'empty'
        ? { workflow_executions: 0 }
        : { workflow_executions: 160, audit_logs: 1775 },
    )
    await undisturbed.drop()

    // 0 is before the first statement; n is after the n-th, which the server has done and the program knows nothing
    // of. Killed before it sends the next, it would leave the same.
    // The migrations after the first do the same on each of the databases. The one with rows is tried to the end.
    const second = statements.findIndex(({ text }) => text.includes(LATER[0] as string))
    const chosen = boundariesOf(kind === 'legacy' ? statements : statements.slice(0, second + 1))
    const boundaries = [0, ...chosen]
    const killedAt = new Map<number, string>()
    /** What a crash can leave. Of two that leave the same, one is followed to the end. */
    const left = new Set<string>()

    const lane = async () => {
      let database = await template.copy()
      for (let at = boundaries.shift(); at !== undefined; at = boundaries.shift()) {
        const boundary = at
        const program = await startUp(database, (self) => {
          const kill = async (statement: Statement): Promise<'cut'> => {
            killedAt.set(boundary, statement.text)
            await self().kill()
            return 'cut'
          }
          if (boundary === 0) return { before: kill }
          return { after: async (done) => (done.number === boundary ? kill(done) : undefined) }
        })
        expect(await program.ended).toMatchObject({ code: null, stdout: '' })
        const state = JSON.stringify(await stateOf(database))
        const seen = left.has(state)
        left.add(state)
        if (!seen) {
          await migrate(database)
          expect(await stateOf(database), statements[boundary - 1]?.text).toEqual(wanted)
        }
        if (state === untouched && seen) {
          while ((await pidsOf(database)).length > 0);
        } else {
          await database.drop()
          database = await template.copy()
        }
      }
      await database.drop()
    }
    await Promise.all(Array.from({ length: availableParallelism() + 1 }, lane))
    // Each run was the undisturbed one up to there.
    const texts = statements
      .filter(({ number }) => chosen.includes(number))
      .map(({ number, text }) => [number, text] as const)
    expect(killedAt).toEqual(new Map([[0, statements[0]?.text], ...texts]))
    // Untouched and the tables; each of the indexes and all recorded: at least.
    expect(left.size).toBeGreaterThanOrEqual(kind === 'legacy' ? 18 : 2)
  })
})

it.each([
  ['those who write to the table', 'begin'],
  ['those who may still see older rows', 'begin isolation level repeatable read'],
])(
  'SIGKILL in the middle of a concurrent index build that waits for %s: the next up waits for its backend and builds it again',
  async (_, begin) => {
    const database = await makeDatabase('crash_build')
    const holder = await database.connect()
    let building = (): void => {}
    const begun = new Promise<void>((resolve) => {
      building = resolve
    })
    const killed = await startUp(database, () => ({
      before: async ({ text }) => {
        if (text.startsWith('create index concurrently audit_logs_failed_idx')) {
          await holder.query(begin)
          await holder.query(
            begin === 'begin'
              ? `insert into audit_logs (user_id, action_type, action_details) values ('u', 'a', 'd')`
              : 'select from workflow_steps',
          )
          building()
        }
        return undefined
      },
    }))
    await begun
    const [pid = 0] = await pidsOf(database)
    await untilBlocked(database, pid)
    const next = startProgram('migrate', 'up', '--yes', '--database-url', database.url)
    await next.said(`waiting for pid ${pid} (wfstore migrate up), connected since `)
    await killed.kill()
    const [built] = await database.sql(
      `select indisvalid as valid, indisready as ready from pg_index where indexrelid = 'audit_logs_failed_idx'::regclass`,
    )
    expect(built).toEqual({ valid: false, ready: begin !== 'begin' })
    // No session ends it: the server notices by itself that its client is gone.
    while ((await pidsOf(database)).includes(pid));
    await holder.query('commit')
    await holder.end()
    expect(await next.ended).toMatchObject({
      code: 0,
      stdout: `applied ${LATER_NAMED}\n`,
    })
    expect(await stateOf(database)).toMatchObject({ schema: fresh, history: applied })
  },
)
