// @module-tag slow
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/failpoint.ts'
import { schemaOf } from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'
import { ALL_NAMED } from '../../support/migrations.ts'
import { startProgram } from '../../support/process.ts'

let fresh: string
beforeAll(async () => {
  fresh = await freshSchema()
})

const UP_TO_DATE = 'the schema is up to date\n'
const WAITED =
  /^another process is migrating this schema: waiting for pid \d+ \(wfstore migrate up\), connected since 20\d\d-\S+Z \(user wfstore(; last query: .*)?\)\n$/

const done = {
  empty: `applied ${ALL_NAMED}\n`,
  legacy: `adopted the database; applied ${ALL_NAMED}\n`,
}
const kinds = ['empty', 'legacy'] as const

async function makeDatabase(kind: (typeof kinds)[number]): Promise<TestDatabase> {
  const database = await createDatabase(`concurrent_${kind}`)
  onTestFinished(() => database.drop())
  if (kind === 'legacy') {
    await loadLegacy(database)
    await database.sql('drop table migrations_log')
  }
  return database
}

const up = (url: string, ...flags: string[]) =>
  startProgram('migrate', 'up', '--yes', ...flags, '--database-url', url)

async function expectMigratedOnce(database: TestDatabase): Promise<void> {
  expect(await schemaOf(database)).toBe(fresh)
  expect(await database.sql('select name from wfstore_migrations order by id')).toEqual(
    MIGRATIONS.map((name) => ({ name })),
  )
}

it.each(kinds)(
  'six processes on one %s database all succeed, and one of them migrates',
  async (kind) => {
    const database = await makeDatabase(kind)
    const all = await Promise.all(Array.from({ length: 6 }, () => up(database.url).ended))
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0])
    expect(all.map(({ stdout }) => stdout).sort()).toEqual(
      [done[kind], ...Array<string>(5).fill(UP_TO_DATE)].sort(),
    )
    // A late one need not wait.
    for (const { stdout, stderr } of all) {
      if (stdout === UP_TO_DATE && stderr !== '') expect(stderr).toMatch(WAITED)
    }
    await expectMigratedOnce(database)
  },
)

/** Starts an `up` that pauses in the middle of its work until `go` is called. */
async function startHalted(database: TestDatabase) {
  let halt = (): void => {}
  let go = (): void => {}
  const halted = new Promise<void>((resolve) => {
    halt = resolve
  })
  const gone = new Promise<undefined>((resolve) => {
    go = () => resolve(undefined)
  })
  const proxy = await startProxy(database.url, {
    before: async ({ text }) => {
      if (!text.startsWith('create index concurrently audit_logs_failed_idx')) return undefined
      halt()
      return gone
    },
  })
  onTestFinished(proxy.close)
  const { ended } = up(proxy.url)
  await halted
  const [session] = await database.sql(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'wfstore migrate up'`,
  )
  return { ended, go, pid: session?.pid as number }
}

it.each(kinds)(
  'on an %s database waiting processes name the holder, and then have nothing to do',
  async (kind) => {
    const database = await makeDatabase(kind)
    const first = await startHalted(database)
    const others = Array.from({ length: 5 }, () => up(database.url))
    await Promise.all(others.map(({ said }) => said(`waiting for pid ${first.pid} (`)))
    first.go()
    expect(await first.ended).toMatchObject({ code: 0, stdout: done[kind] })
    for (const { ended } of others) {
      expect(await ended).toEqual({
        code: 0,
        stdout: UP_TO_DATE,
        stderr: expect.stringMatching(WAITED),
      })
    }
    await expectMigratedOnce(database)
  },
)

it('a process whose wait is over gives up with exit 5 and names the holder', async () => {
  const database = await makeDatabase('empty')
  const first = await startHalted(database)
  expect(await up(database.url, '--lock-wait', '0').ended).toEqual({
    code: 5,
    stdout: '',
    stderr: expect.stringMatching(
      new RegExp(`^error: another process is migrating this schema: pid ${first.pid} \\(.*\\n$`),
    ),
  })
  first.go()
  expect((await first.ended).code).toBe(0)
  await expectMigratedOnce(database)
})
