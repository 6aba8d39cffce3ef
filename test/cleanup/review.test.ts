import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { seal, sha256 } from '../../src/cleanup/archive/form.ts'
import { verifyArchive } from '../../src/cleanup/archive/verify/verify.ts'
import { archiveInFolder } from '../../src/cleanup/archive/write/folder.ts'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { watchReplicas } from '../../src/cleanup/replicas.ts'
import type { CleanupOptions } from '../../src/cleanup/types.ts'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'
import { head, inFolder, options, restore, rowsOf } from './archive/support.ts'
import {
  addEntry,
  addRun,
  atStatements,
  clean,
  cleanupsIn,
  clear,
  FIRST,
  SECOND,
  THIRD,
  uuid,
} from './cleanup-support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('review')
})
afterAll(() => database.drop())
beforeEach(() => clear(database.sql))

const BEFORE = '2024-06-01T00:00:00Z'
const addOld = (number: number, more: object = {}) =>
  addRun(database.sql, {
    id: uuid(number),
    label: 'w',
    start: '2024-01-01Z',
    end: '2024-01-02Z',
    steps: 1,
    ...more,
  })
const runsLeft = async () =>
  (await database.sql('select execution_id as id from workflow_executions order by 1')).map(
    ({ id }) => id,
  )
/** One statement after the other: Citus sends the whole text of a change of a table to the workers. */
const elsewhere = (...texts: string[]) =>
  withClient(database, async (client) => {
    for (const text of texts) await client.query(text)
  })

/** What is put on the tables for one test. */
async function change(text: string, back: string): Promise<void> {
  onTestFinished(async () => {
    await database.sql(back)
  })
  await database.sql(text)
}

/** A cleanup during which `work` runs once, before its nth statement that matches. */
async function interleaved(
  cleaning: CleanupOptions,
  at: RegExp,
  nth: number,
  work: () => Promise<unknown>,
) {
  let seen = 0
  const client = await database.connect()
  const watched = atStatements(client, async (_, text) => {
    if (at.test(text) && ++seen === nth) await work()
  })
  return cleanup(watched, { allowAll: true, before: BEFORE, pauseMs: 0, ...cleaning }).finally(() =>
    client.end(),
  )
}

it('an entry stays with its run if ALTER TABLE rewrites the runs in the middle of its batch', async () => {
  await addOld(1, { status: 'running', end: null })
  await addEntry(database.sql, { id: uuid(2), run: uuid(1), at: '2024-01-01Z' })
  await change('select', 'alter table workflow_executions drop column if exists extra')
  const rewrite = `alter table workflow_executions add extra uuid default gen_random_uuid()`
  const refused: string[] = []
  const { kept } = await interleaved({}, /kept as materialized/, 1, () =>
    elsewhere(`set lock_timeout = '50ms'`, rewrite).catch((error) => refused.push(error.code)),
  )
  expect(refused).toEqual(['55P03'])
  expect(kept.audit.runKept).toBe(1)
  expect(await database.sql('select 1 from audit_logs')).toHaveLength(1)
})

it('a column that is added during a cleanup is not lost: the cleanup ends before it', () =>
  inFolder(async (folder) => {
    for (const number of [FIRST, SECOND, THIRD]) await addOld(number)
    await change('select', 'alter table workflow_executions drop extra')
    const add = [
      'alter table workflow_executions add extra text',
      `update workflow_executions set extra = 'x'`,
    ]
    const archive = archiveInFolder(folder, options)
    await expect(
      interleaved({ archive, batchSize: 1 }, /^begin/, 3, () => elsewhere(...add)),
    ).rejects.toMatchObject({ code: 'schema_differs' })
    expect(await runsLeft()).toEqual([uuid(THIRD)])
    await restore(database, folder)
    expect(
      await database.sql('select extra from workflow_executions order by execution_id'),
    ).toEqual([{ extra: null }, { extra: null }, { extra: 'x' }])
  }))

it.each(['usage_history', 'wfstore_cleanups'])(
  'if %s is locked, the error names that table, and no rows',
  async (table) => {
    for (const number of [1, 2]) await addOld(number)
    const holder = await database.connect()
    const lock = () => holder.query(`begin; lock table ${table} in share mode`)
    const cleaning = interleaved({ batchSize: 1 }, /^begin/, 1, lock)
    // The row of a cleanup that cannot be closed is closed by the next.
    await expect(cleaning.finally(() => holder.end())).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`table ${table} is locked by another session: pid `),
    })
    expect(await runsLeft()).toHaveLength(2)
  },
)

it('a history that is locked is not tidied', async () => {
  for (const number of [1, 2]) await addOld(number)
  const holder = await database.connect()
  const lock = () => holder.query('begin; lock table usage_history in share mode')
  const { outcome } = await interleaved({ batchSize: 1 }, /with apart/, 1, lock)
  await holder.end()
  expect(outcome).toBe('done')
  expect(await database.sql('select runs from usage_history')).toHaveLength(2)
})

it('a foreign key that would delete bills or entries is refused before anything is deleted', async () => {
  await addOld(1)
  for (const table of ['billing_records', 'audit_logs']) {
    await database.sql(`alter table ${table} add constraint mine foreign key (execution_id)
      references workflow_executions on delete cascade`)
    await expect(clean(database, { before: BEFORE })).rejects.toMatchObject({
      code: 'schema_differs',
      message: `foreign key mine of ${table} would change or delete rows that a cleanup keeps`,
    })
    await database.sql(`alter table ${table} drop constraint mine`)
  }
  expect(await runsLeft()).toEqual([uuid(1)])
})

it('runs that a trigger keeps are reported as such, and not as the newest', async () => {
  await addOld(1)
  await change(
    `create function keep() returns trigger language plpgsql as 'begin return null; end';
     create trigger keep before delete on workflow_executions for each row execute function keep()`,
    'drop function keep cascade',
  )
  await expect(clean(database, { before: BEFORE })).rejects.toMatchObject({
    code: 'conflict',
    message: 'the server did not delete 1 run',
  })
})

it('a batch may take longer than the transaction_timeout of its role', async () => {
  await addOld(1)
  await change(
    `create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(1.1); return old; end';
     create trigger slow before delete on workflow_executions for each row execute function slow()`,
    'drop function slow cascade',
  )
  const client = await database.connect()
  // PostgreSQL 17 and later have it.
  await client.query(
    `select set_config(name, '1000', false) from pg_settings where name = 'transaction_timeout'`,
  )
  expect(await cleanup(client, { allowAll: true, before: BEFORE })).toMatchObject({
    removed: { execution: 1 },
  })
  await client.end()
})

it('if the connection is lost during a successful commit, its rows are in the archive and can be restored', () =>
  inFolder(async (folder) => {
    for (const number of [FIRST, SECOND, THIRD]) await addOld(number)
    const rows = await rowsOf(database)
    const client = await database.connect()
    const { stream } = (client as pg.Client & { connection: { stream: { destroy(): void } } })
      .connection
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>
    let commits = 0
    const cut = (...given: unknown[]) => {
      const answer = query(...given)
      const [first] = given as [string | { text?: string }]
      const isCommit = typeof first === 'object' && first.text === 'commit'
      if (!isCommit || ++commits < 2) return answer
      return answer.then(() => {
        stream.destroy()
        throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
      })
    }
    client.query = cut as typeof client.query
    const archive = archiveInFolder(folder, options)
    await expect(
      cleanup(client, { allowAll: true, before: BEFORE, batchSize: 1, archive }),
    ).rejects.toMatchObject({
      code: 'unreachable',
    })
    expect(await runsLeft()).toEqual([uuid(THIRD)])
    expect(await restore(database, folder)).toMatchObject({ restored: { execution: 2, step: 2 } })
    expect(await rowsOf(database)).toEqual(rows)
  }))

it('a cleanup whose row in wfstore_cleanups is deleted ends: its archive could not be restored', async () => {
  for (const number of [FIRST, SECOND]) await addOld(number)
  await expect(
    interleaved({ batchSize: 1 }, /^begin/, 2, () => elsewhere('delete from wfstore_cleanups')),
  ).rejects.toMatchObject({ code: 'conflict' })
  expect(await runsLeft()).toEqual([uuid(SECOND)])
  expect(await cleanupsIn(database)).toEqual([])
})

it('a foreign manifest reaches no file outside of its folder, and none of its fields is trusted', () =>
  inFolder(async (folder) => {
    const name = 'executions-0001.jsonl.gz'
    const data = gzipSync('{"execution":{}}\n')
    const place = join(folder, 'a')
    mkdirSync(place)
    for (const path of [join(place, name), join(folder, name)]) writeFileSync(path, data)
    const file = { name, kind: 'execution', lines: 1, bytes: data.length, sha256: sha256(data) }
    const manifest = { form: 1, wfstore: '1', ...head, files: [file], lines: linesOf(1) }
    const problemsOf = async (changes: object) => {
      writeFileSync(join(place, 'manifest.json'), `${seal({ ...manifest, ...changes }, 2)}\n`)
      return (await verifyArchive(place)).problems.map((one) => `${one.file} ${one.problem}`)
    }
    expect(await problemsOf({})).toEqual([])
    for (const changes of [
      ...[`../${name}`, '/etc/passwd', 7].map((bad) => ({ files: [{ ...file, name: bad }] })),
      ...[7, [null]].map((files) => ({ files })),
      { files: [file, file], lines: linesOf(2) },
      { files: [{ ...file, kind: '__proto__' }] },
      { files: [{ ...file, bytes: -1 }] },
      { columns: { execution: 3 } },
      { cleanupId: "'" },
      { form: '1' },
    ])
      expect(await problemsOf(changes), JSON.stringify(changes)).toEqual([
        'manifest.json is damaged: it has invalid values',
      ])
    execFileSync('rm', [join(place, 'manifest.json')])
    execFileSync('mkfifo', [join(place, 'manifest.json')])
    expect((await verifyArchive(place)).problems).toEqual([
      { file: 'manifest.json', problem: 'is not a file' },
    ])
  }))

const linesOf = (execution: number) => ({ execution, step: 0, audit: 0, metric: 0 })

it('a cleanup waits ten minutes for a replica that never catches up, and then no more', async () => {
  const said: string[] = []
  let slept = 0
  const on = { query: async () => ({ rows: [{ lag: '3600' }] }) }
  const sleep = async () => {
    slept++
  }
  const replicas = watchReplicas({ sleep, notice: (line) => said.push(line) })
  for (const _ of [1, 2]) await replicas.wait(() => false, on)
  expect(slept).toBe(600)
  expect(said).toEqual([
    'a replica is 3600 s behind; waiting',
    'a replica is 3600 s behind and does not catch up; continuing',
  ])
})

it('an archive is not written to a terminal', async () => {
  await addOld(1)
  const argv = ['cleanup', '--before', BEFORE, '--archive', '-', '--database-url', database.url]
  const { code, stderr } = await runCli(argv, { terminal: 80 })
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('terminal') })
  expect(await runsLeft()).toEqual([uuid(1)])
})
